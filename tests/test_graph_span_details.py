"""What one span shows beyond its row: read from the span as it was received."""

import json
from typing import Any

import pytest

from tests.client import Client, Sent, export_request, span_id, trace_id
from tests.otlp_requests import key_values

NAN, INFINITY = float("nan"), float("inf")


async def detail(client: Client, fields: str, sent: Sent | None = None, **attributes: Any) -> Any:
    """The fields of a span with these attributes; dots of keys are written as two underscores."""
    named = {key.replace("__", "."): value for key, value in attributes.items()}
    sent = sent or Sent("10", "chat m", attributes=named)
    assert await client.send(sent) == 0
    found = await client.in_project(
        f'span(traceId: "{trace_id(sent.trace)}", spanId: "{span_id("10")}") {{ {fields} }}'
    )
    return found["span"]


async def custom(client: Client, attributes: dict[str, Any]) -> list[tuple[str, str, Any]]:
    found = await detail(client, "customAttributes { key type value }", Sent("10", "chat m", attributes=attributes))
    return [(one["key"], one["type"], one["value"]) for one in found["customAttributes"]]


async def test_a_span_that_says_nothing_shows_what_is_absent(client: Client) -> None:
    await client.http.post(
        "/v1/traces",
        json={
            "resourceSpans": [
                {"scopeSpans": [{"spans": [{"traceId": trace_id("a1"), "spanId": span_id("10"), "name": "step"}]}]}
            ]
        },
        headers={"project_id": "acme/support"},
    )
    found = await client.in_project(
        f"""span(traceId: "{trace_id("a1")}", spanId: "{span_id("10")}") {{
            name operationName parentSpanId conversationId conversationName kind status statusMessage errorType
            startedAt endedAt durationMs
            agent {{ id name version description }}
            tool {{ name type callId description definitions arguments result }}
            request {{
                model temperature topP frequencyPenalty presencePenalty maxTokens seed choiceCount stopSequences
                outputType
            }}
            response {{ id model finishReasons }} finishReasons
            server {{ address port }}
            inputMessages {{ role }} outputMessages {{ role }} systemInstructions compaction {{ summary }}
            contentRefs artifactRefs objectRefs customAttributes {{ key }} events {{ name }}
            resourceAttributes scopeName scopeVersion cost {{ totalUsd }} feedback {{ id }}
        }}"""
    )
    assert found["span"] == {
        "name": "step",
        "operationName": "",
        "parentSpanId": None,
        "conversationId": None,
        "conversationName": None,
        "kind": "UNSPECIFIED",
        "status": "UNSET",
        "statusMessage": None,
        "errorType": None,
        "startedAt": "1970-01-01T00:00:00Z",
        "endedAt": None,
        "durationMs": 0,
        "agent": {"id": None, "name": None, "version": None, "description": None},
        "tool": {
            "name": None,
            "type": None,
            "callId": None,
            "description": None,
            "definitions": None,
            "arguments": None,
            "result": None,
        },
        "request": {
            "model": None,
            "temperature": None,
            "topP": None,
            "frequencyPenalty": None,
            "presencePenalty": None,
            "maxTokens": None,
            "seed": None,
            "choiceCount": None,
            "stopSequences": [],
            "outputType": None,
        },
        "response": {"id": None, "model": None, "finishReasons": []},
        "finishReasons": [],
        "server": {"address": None, "port": None},
        "inputMessages": [],
        "outputMessages": [],
        "systemInstructions": [],
        "compaction": None,
        "contentRefs": [],
        "artifactRefs": [],
        "objectRefs": [],
        "customAttributes": [],
        "events": [],
        "resourceAttributes": {},
        "scopeName": None,
        "scopeVersion": None,
        "cost": None,
        "feedback": [],
    }


@pytest.mark.parametrize(
    ("sent", "shown"),
    [(["stop", "length"], ["stop", "length"]), ("stop", ["stop"]), ('["stop"]', ["stop"]), (["", "stop"], ["stop"])],
)
async def test_finish_reasons_are_a_list_however_they_were_sent(client: Client, sent: Any, shown: list[str]) -> None:
    found = await detail(client, "finishReasons response { finishReasons }", gen_ai__response__finish_reasons=sent)
    assert found == {"finishReasons": shown, "response": {"finishReasons": shown}}


async def test_the_kind_is_otlps(client: Client) -> None:
    kinds = []
    for number in range(6):
        found = await detail(client, "kind", Sent("10", trace=f"a{number}", kind=number))
        kinds.append(found["kind"])
    assert kinds == ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"]
    assert await detail(client, "kind", Sent("10", trace="a9", kind=99)) == {"kind": "UNSPECIFIED"}


async def test_agent_tool_server_and_response_are_grouped(client: Client) -> None:
    found = await detail(
        client,
        """agent { id name version description } tool { name type callId description definitions arguments result }
        server { address port } response { id model } contentRefs artifactRefs objectRefs systemInstructions""",
        gen_ai__agent__id="a-1",
        gen_ai__agent__name="Triage",
        gen_ai__agent__version="7",
        gen_ai__agent__description="Sorts requests",
        gen_ai__tool__name="lookup",
        gen_ai__tool__type="function",
        gen_ai__tool__call__id="call-1",
        gen_ai__tool__description="Finds orders",
        gen_ai__tool__definitions='[{"name":"lookup"}]',
        gen_ai__tool__call__arguments='{"id":1}',
        gen_ai__tool__call__result="found",
        server__address="api.example.com",
        server__port=443,
        gen_ai__response__id="resp-1",
        gen_ai__response__model="gpt-2026",
        weave__content_refs=["weave:///a/b/object/c:1"],
        weave__artifact_refs=["weave:///a/b/artifact/c:1"],
        weave__object_refs="weave:///a/b/object/d:1",
        gen_ai__system_instructions='[{"type": "text", "content": "Be kind"}, "Be brief"]',
    )
    assert found == {
        "agent": {"id": "a-1", "name": "Triage", "version": "7", "description": "Sorts requests"},
        "tool": {
            "name": "lookup",
            "type": "function",
            "callId": "call-1",
            "description": "Finds orders",
            "definitions": '[{"name": "lookup"}]',
            "arguments": '{"id": 1}',
            "result": "found",
        },
        "server": {"address": "api.example.com", "port": 443},
        "response": {"id": "resp-1", "model": "gpt-2026"},
        "contentRefs": ["weave:///a/b/object/c:1"],
        "artifactRefs": ["weave:///a/b/artifact/c:1"],
        "objectRefs": ["weave:///a/b/object/d:1"],
        "systemInstructions": ["Be kind", "Be brief"],
    }


@pytest.mark.parametrize(("sent", "shown"), [("8080", 8080), (0, 0), (65_535, 65_535), (65_536, None), (2**40, None)])
async def test_a_port_that_cannot_be_one_is_not_shown(client: Client, sent: object, shown: int | None) -> None:
    assert await detail(client, "server { port }", server__port=sent) == {"server": {"port": shown}}


async def test_request_parameters_are_typed(client: Client) -> None:
    found = await detail(
        client,
        """request {
            model temperature topP frequencyPenalty presencePenalty maxTokens seed choiceCount stopSequences outputType
        }""",
        gen_ai__request__model="gpt",
        gen_ai__request__temperature=0.7,
        gen_ai__request__top_p=1,
        gen_ai__request__frequency_penalty=-0.5,
        gen_ai__request__presence_penalty=0.25,
        gen_ai__request__max_tokens=2**40,
        gen_ai__request__seed=-1,
        gen_ai__request__choice__count=2,
        gen_ai__request__stop_sequences=["END", "STOP"],
        gen_ai__output__type="json",
    )
    assert found["request"] == {
        "model": "gpt",
        "temperature": 0.7,
        "topP": 1.0,
        "frequencyPenalty": -0.5,
        "presencePenalty": 0.25,
        "maxTokens": 2**40,
        "seed": -1,
        "choiceCount": 2,
        "stopSequences": ["END", "STOP"],
        "outputType": "json",
    }


async def test_a_temperature_that_is_no_number_is_absent(client: Client) -> None:
    found = await detail(
        client, "request { temperature topP }", gen_ai__request__temperature=NAN, gen_ai__request__top_p="warm"
    )
    assert found["request"] == {"temperature": None, "topP": None}


# -- errors -----------------------------------------------------------------------------------------------------------


async def test_an_error_says_its_own_message_and_type(client: Client) -> None:
    sent = Sent(
        "10",
        status="ERROR",
        status_message="rate limited",
        attributes={"error.type": "RateLimitError"},
        events=[("exception", 1, {"exception.type": "Other", "exception.message": "other"})],
    )
    assert await detail(client, "status statusMessage errorType", sent) == {
        "status": "ERROR",
        "statusMessage": "rate limited",
        "errorType": "RateLimitError",
    }


async def test_an_error_without_words_takes_those_of_its_last_exception(client: Client) -> None:
    sent = Sent(
        "10",
        status="ERROR",
        events=[
            ("exception", 1, {"exception.type": "A", "exception.message": "first"}),
            ("exception", 2, {"exception.type": "B", "exception.message": "last"}),
            ("other", 3, {"exception.type": "C"}),
        ],
    )
    assert await detail(client, "statusMessage errorType", sent) == {"statusMessage": "last", "errorType": "B"}


async def test_exceptions_of_a_span_that_did_not_fail_are_only_events(client: Client) -> None:
    sent = Sent("10", status="OK", events=[("exception", 1.5, {"exception.type": "A", "exception.escaped": False})])
    assert await detail(client, "statusMessage errorType events { name time attributes }", sent) == {
        "statusMessage": None,
        "errorType": None,
        "events": [
            {
                "name": "exception",
                "time": "2026-01-01T00:00:00.001500Z",
                "attributes": {"exception.type": "A", "exception.escaped": False},
            }
        ],
    }


# -- messages ---------------------------------------------------------------------------------------------------------


async def test_messages_are_normalised_parts_kept_as_json_text(client: Client) -> None:
    found = await detail(
        client,
        "inputMessages { role content finishReason } outputMessages { role content finishReason }",
        gen_ai__input__messages=json.dumps(
            [
                {"role": "system", "content": "Be kind"},
                {"role": "user", "parts": [{"type": "text", "content": "Grüße"}]},
                {"content": "no role"},
                "bare text",
            ]
        ),
        gen_ai__output__messages=json.dumps(
            [
                {"role": "assistant", "content": "Hello", "finish_reason": "stop"},
                {"content": "again", "finish_reason": None},
            ]
        ),
    )
    assert found == {
        "inputMessages": [
            {"role": "system", "content": "Be kind", "finishReason": None},
            {"role": "user", "content": '[{"type": "text", "content": "Gr\\u00fc\\u00dfe"}]', "finishReason": None},
            {"role": "user", "content": "no role", "finishReason": None},
            {"role": "user", "content": "bare text", "finishReason": None},
        ],
        "outputMessages": [
            {"role": "assistant", "content": "Hello", "finishReason": "stop"},
            {"role": "assistant", "content": "again", "finishReason": None},
        ],
    }


async def test_the_whole_history_is_shown_although_the_timeline_has_only_what_is_new(client: Client) -> None:
    history = [{"role": "user", "content": f"question {n}"} for n in range(3)]
    found = await detail(client, "inputMessages { content }", gen_ai__input__messages=json.dumps(history))
    assert [message["content"] for message in found["inputMessages"]] == ["question 0", "question 1", "question 2"]


async def test_a_compaction_is_shown_where_there_is_one(client: Client) -> None:
    found = await detail(
        client,
        "compaction { summary itemsBefore itemsAfter }",
        weave__compaction__summary="They greeted.",
        weave__compaction__items_before=40,
        weave__compaction__items_after=2,
    )
    assert found["compaction"] == {"summary": "They greeted.", "itemsBefore": 40, "itemsAfter": 2}


# -- parents ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("parent", "shown"), [("", None), ("0", None), ("AB", span_id("ab"))])
async def test_a_parent_of_zeros_is_none(client: Client, parent: str, shown: str | None) -> None:
    assert await detail(client, "parentSpanId", Sent("10", parent=parent)) == {"parentSpanId": shown}


# -- custom attributes ------------------------------------------------------------------------------------------------


async def test_custom_attributes_keep_their_types(client: Client) -> None:
    assert await custom(
        client,
        {
            "my.s": "x",
            "my.i": 42,
            "my.f": 3.14,
            "my.b": True,
            "my.empty": "",
            "my.list": ["a"],
            "gen_ai.request.top_k": 40,
            "nested.json": '{"a":{"b":1}}',
            "map": {"c": 2, "d": {"e": "f"}},
        },
    ) == [
        ("my.s", "STRING", "x"),
        ("my.i", "INT", 42),
        ("my.f", "FLOAT", 3.14),
        ("my.b", "BOOL", True),
        ("my.list", "STRING", '["a"]'),
        ("gen_ai.request.top_k", "INT", 40),
        ("nested.json.a.b", "INT", 1),
        ("map.c", "INT", 2),
        ("map.d.e", "STRING", "f"),
    ]


async def test_booleans_are_not_taken_for_integers(client: Client) -> None:
    assert await custom(client, {"yes": True, "no": False, "one": 1, "zero": 0}) == [
        ("yes", "BOOL", True),
        ("no", "BOOL", False),
        ("one", "INT", 1),
        ("zero", "INT", 0),
    ]


async def test_numbers_that_are_not_finite_are_left_out(client: Client) -> None:
    sent = {"a.nan": NAN, "a.ok": 1.5, "a.inf": INFINITY, "json": '{"nan": NaN}'}
    assert await custom(client, sent) == [("a.ok", "FLOAT", 1.5)]


async def test_integers_of_64_bits_are_exact_and_larger_ones_are_text(client: Client) -> None:
    sent = {"most": 2**63 - 1, "least": -(2**63), "json": f'{{"more": {2**63}}}'}
    assert await custom(client, sent) == [
        ("most", "INT", 2**63 - 1),
        ("least", "INT", -(2**63)),
        ("json.more", "STRING", str(2**63)),
    ]


async def test_keys_that_feed_a_field_are_not_repeated(client: Client) -> None:
    sent = {
        "gen_ai.conversation.id": "c1",
        "gen_ai.operation.name": "chat",
        "weave.agent.name": "A",
        "gen_ai.usage.input_tokens": 1,
        "gen_ai.usage.cache_read.input_tokens": 1,
        "gen_ai.input.messages": "hi",
        "gen_ai.response.finish_reasons": ["stop"],
        "server.port": 1,
        "error.type": "E",
        "weave.compaction.summary": "s",
    }
    assert await custom(client, sent) == []


async def test_keys_that_no_rule_maps_stay_visible(client: Client) -> None:
    sent = {"session.id": "s", "gen_ai.prompt": "hello", "gen_ai.usage.prompt_tokens": 7, "gen_ai.thread.id": "t"}
    assert await custom(client, sent) == [
        ("session.id", "STRING", "s"),
        ("gen_ai.prompt", "STRING", "hello"),
        ("gen_ai.usage.prompt_tokens", "INT", 7),
        ("gen_ai.thread.id", "STRING", "t"),
    ]


async def test_1024_custom_attributes_are_kept(client: Client) -> None:
    found = await custom(client, {f"k{n:04}": n % 2 or str(n) for n in range(1524)})
    assert [key for key, _, _ in found] == [f"k{n:04}" for n in range(1024)]


@pytest.mark.parametrize(
    ("sent", "length"), [("x" * 312_144, 312_144), (json.dumps(["y" * 312_140]), 312_144)], ids=["text", "list"]
)
async def test_a_long_custom_text_is_cut_and_says_so(client: Client, sent: str, length: int) -> None:
    [(_, _, value)] = await custom(client, {"long": sent})
    assert len(value) == 262_144
    assert value.endswith(f"...[truncated from {length} chars]")
    assert value.startswith(sent[:1000])


async def test_nul_characters_in_attributes_become_replacement_characters(client: Client) -> None:
    assert await custom(client, {"k\0": "a\0b", "json": '{"\\u0000": "\\u0000"}'}) == [
        ("k\ufffd", "STRING", "a\ufffdb"),
        ("json.\ufffd", "STRING", "\ufffd"),
    ]


# -- around the span --------------------------------------------------------------------------------------------------


async def test_resource_and_scope_are_shown(client: Client) -> None:
    request = export_request([Sent("10")], {"service.version": "1.2", "host.cpus": 8, "load": NAN, "tags": ["a", 1]})
    scope = request.resource_spans[0].scope_spans[0].scope
    scope.name, scope.version = "my.instrumentation", "0.9"
    scope.attributes.extend(key_values({"ignored": True}))
    assert (await client.export(request.SerializeToString())).status_code == 200
    found = await client.in_project(
        f"""span(traceId: "{trace_id("a1")}", spanId: "{span_id("10")}") {{
            resourceAttributes scopeName scopeVersion
        }}"""
    )
    assert found["span"] == {
        "resourceAttributes": {
            "service.name": "test",
            "service.version": "1.2",
            "host.cpus": 8,
            "load": None,
            "tags": ["a", 1],
        },
        "scopeName": "my.instrumentation",
        "scopeVersion": "0.9",
    }


async def test_a_span_sent_again_shows_what_was_sent_last(client: Client) -> None:
    first = await detail(client, "finishReasons", gen_ai__response__finish_reasons="length")
    last = await detail(client, "finishReasons", gen_ai__response__finish_reasons="stop")
    assert (first, last) == ({"finishReasons": ["length"]}, {"finishReasons": ["stop"]})
