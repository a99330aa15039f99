"""What one span shows beyond its row."""

import json
import math
from typing import Any

import pytest

from domain.dialects import CustomAttribute, RequestParameters, ToolDetails, details
from domain.dialects.keys import NOT_CUSTOM
from tests.raw_spans import event, raw_span


def custom(attributes: dict[str, Any]) -> dict[str, tuple[str, Any]]:
    return {found.key: (found.type, found.value) for found in details(raw_span(attributes)).custom_attributes}


def test_a_span_shows_all_that_it_says() -> None:
    happened = event("cache miss", {"key": "k"})
    found = details(
        raw_span(
            {
                "gen_ai.conversation.name": "Order 7",
                "gen_ai.agent.id": "a-1",
                "gen_ai.agent.description": "Answers",
                "gen_ai.response.id": "r-1",
                "gen_ai.response.finish_reasons": ["stop", "length"],
                "gen_ai.system_instructions": '["Be brief.", "Be kind."]',
                "gen_ai.request.temperature": 0.5,
                "gen_ai.request.top_p": "0.9",
                "gen_ai.request.frequency_penalty": 0,
                "gen_ai.request.presence_penalty": "junk",
                "gen_ai.request.max_tokens": "100",
                "gen_ai.request.seed": 0,
                "gen_ai.request.stop_sequences": '["END"]',
                "gen_ai.output.type": "video",
                "gen_ai.tool.type": "function",
                "gen_ai.tool.call.id": "call-1",
                "gen_ai.tool.description": "Weather",
                "gen_ai.tool.definitions": '[{"name":"weather"}]',
                "gen_ai.tool.call.arguments": {"city": "Oslo"},
                "server.address": "api.example.com",
                "server.port": 443,
                "weave.content_refs": ["c:1"],
                "weave.artifact_refs": "a:1",
                "weave.object_refs": '["o:1","o:2"]',
                "weave.compaction.summary": "short",
                "weave.compaction.items_before": 10,
                "weave.compaction.items_after": 3,
            },
            happened,
            event("gen_ai.tool.output", {"gen_ai.tool.call.result": "rainy"}),
            kind=3,
            resource={"service.name": "shop"},
            scope_name="tests",
            scope_version="1.0",
        )
    )
    assert (found.kind, found.scope_name, found.scope_version, found.resource) == (
        "CLIENT",
        "tests",
        "1.0",
        {"service.name": "shop"},
    )
    assert found.events[0] == happened
    assert (found.conversation_name, found.agent_id, found.agent_description) == ("Order 7", "a-1", "Answers")
    assert (found.response_id, found.finish_reasons) == ("r-1", ("stop", "length"))
    assert found.system_instructions == ("Be brief.", "Be kind.")
    assert found.request == RequestParameters(
        temperature=0.5,
        top_p=0.9,
        frequency_penalty=0.0,
        presence_penalty=None,
        max_tokens=100,
        seed=0,
        choice_count=None,
        stop_sequences=("END",),
        output_type="video",
    )
    assert found.tool == ToolDetails(
        type="function",
        call_id="call-1",
        description="Weather",
        definitions='[{"name": "weather"}]',
        arguments='{"city": "Oslo"}',
        result="rainy",
    )
    assert (found.server_address, found.server_port) == ("api.example.com", 443)
    assert (found.content_refs, found.artifact_refs, found.object_refs) == (("c:1",), ("a:1",), ("o:1", "o:2"))
    assert (found.compaction_summary, found.compaction_items_before, found.compaction_items_after) == ("short", 10, 3)
    assert found.custom_attributes == ()


@pytest.mark.parametrize(
    ("sent", "reasons"),
    [("stop", ("stop",)), ('["stop"]', ("stop",)), (["stop", None, 7], ("stop", "7")), ("", ()), (None, ())],
)
def test_finish_reasons_are_a_list_or_a_lone_text(sent: Any, reasons: tuple[str, ...]) -> None:
    assert details(raw_span({"gen_ai.response.finish_reasons": sent})).finish_reasons == reasons


@pytest.mark.parametrize(
    ("kind", "name"),
    [(0, "UNSPECIFIED"), (1, "INTERNAL"), (2, "SERVER"), (5, "CONSUMER"), (9, "UNSPECIFIED"), (-1, "UNSPECIFIED")],
)
def test_a_kind_has_its_name_and_an_unknown_one_is_unspecified(kind: int, name: str) -> None:
    assert details(raw_span(kind=kind)).kind == name


# ----------------------------------------------------------------------------------------------------------------------
# Custom attributes


def test_custom_attributes_are_what_feeds_no_column_by_type() -> None:
    assert custom(
        {
            "my.s": "x",
            "my.i": 42,
            "my.f": 3.14,
            "my.b": True,
            "my.empty": "",
            "my.none": None,
            "my.nan": math.nan,
            "my.inf": math.inf,
            "my.list": ["a", {"b": 1}],
            "my.jsonlist": '["é"]',
            "my.huge": 2**70,
            "gen_ai.request.top_k": 40,
            "nested.json": '{"a":{"b":1,"c":[1]},"d":null,"e":false}',
            "nested.map": {"a": {"b": 1.5}},
            "broken": "{broken",
            "session.id": "s",
        }
    ) == {
        "my.s": ("string", "x"),
        "my.i": ("int", 42),
        "my.f": ("float", 3.14),
        "my.b": ("bool", True),
        "my.list": ("string", '["a", {"b": 1}]'),
        "my.jsonlist": ("string", '["\\u00e9"]'),
        "my.huge": ("string", str(2**70)),
        "gen_ai.request.top_k": ("int", 40),
        "nested.json.a.b": ("int", 1),
        "nested.json.a.c": ("string", "[1]"),
        "nested.json.e": ("bool", False),
        "nested.map.a.b": ("float", 1.5),
        "broken": ("string", "{broken"),
        "session.id": ("string", "s"),
    }


@pytest.mark.parametrize("key", sorted(NOT_CUSTOM))
def test_mapped_keys_are_never_repeated_however_they_are_spelled(key: str) -> None:
    holder, _, name = key.rpartition(".")
    assert custom({key: "x"}) == custom({key: '{"a":1}'}) == custom({f"{key}.below": 1}) == {}
    if holder:
        assert custom({holder: {name: "x", "other": 1}}) == {f"{holder}.other": ("int", 1)}


@pytest.mark.parametrize(
    "key",
    [
        "gen_ai.prompt",
        "gen_ai.completion",
        "gen_ai.usage.prompt_tokens",
        "gen_ai.usage.completion_tokens",
        "gen_ai.usage.cache_write.input_tokens",
    ],
)
def test_keys_that_weave_shows_twice_or_does_not_map_are_custom_too(key: str) -> None:
    assert custom({key: "7"}) == {key: ("string", "7")}


def test_at_most_1024_custom_attributes_are_kept() -> None:
    attributes = {f"my.{n}": n for n in range(1000)} | {"more": {str(n): "x" for n in range(524)}}
    found = details(raw_span(attributes)).custom_attributes
    assert len(found) == 1024
    assert found[0] == CustomAttribute("my.0", "int", 0)


@pytest.mark.parametrize(
    "sent", ["x" * 312_144, ["x" * 312_140], json.dumps(["x" * 312_140])], ids=["text", "list", "json"]
)
def test_long_custom_texts_are_cut_and_say_so(sent: Any) -> None:
    ((kind, value),) = custom({"my.long": sent}).values()
    assert kind == "string"
    assert len(value) == 262_144
    assert value.endswith("x...[truncated from 312144 chars]")
    assert custom({"my.long": "x" * 262_144}) == {"my.long": ("string", "x" * 262_144)}
