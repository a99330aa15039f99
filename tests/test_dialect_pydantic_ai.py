"""pydantic-ai's three formats, and OpenAI calls that Logfire records."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.dialects import details, understand
from domain.dialects.pydantic_ai import DIALECT
from domain.records import RawSpan, SpanRecord
from tests.odd_values import ODD_VALUES
from tests.raw_spans import raw_span


def read(raw: RawSpan) -> SpanRecord:
    return understand(raw, dialects=[DIALECT])


def span(attributes: dict[str, Any], name: str = "x") -> RawSpan:
    return raw_span({"logfire.msg": name} | attributes, name=name, scope_name="pydantic-ai")


def said(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": content}]}


RUN = [said("user", "Hi"), said("assistant", "Hello"), said("user", "Where?"), said("assistant", "Here.")]


@pytest.mark.parametrize(
    ("attributes", "name", "operation"),
    [
        ({"agent_name": "support"}, "agent run", "invoke_agent"),
        ({"agent_name": "support"}, "support run", "invoke_agent"),
        ({"gen_ai.tool.name": "weather"}, "running tool", "execute_tool"),
        ({"gen_ai.tool.name": "weather"}, "running tool: weather", "execute_tool"),
        ({"gen_ai.tool.name": "final"}, "running output function: final", "execute_tool"),
        ({"gen_ai.tool.name": "weather", "tool_arguments": "{}"}, "x", "execute_tool"),
        ({"tools": ["weather"]}, "running 1 tool", ""),
        ({"tools": ["weather"], "agent_name": "support", "gen_ai.tool.name": "x"}, "running tools", ""),
    ],
)
def test_formats_without_operations_are_known_by_their_keys(
    attributes: dict[str, Any], name: str, operation: str
) -> None:
    assert read(span(attributes, name)).operation_name == operation


@pytest.mark.parametrize(
    ("attributes", "answer"),
    [
        ({"pydantic_ai.all_messages": json.dumps(RUN), "final_result": "All done."}, "All done."),
        ({"pydantic_ai.all_messages": json.dumps(RUN), "final_result": {"city": "Paris"}}, '{"city": "Paris"}'),
        ({"pydantic_ai.all_messages": json.dumps(RUN)}, "Here."),
        ({"pydantic_ai.all_messages": json.dumps(RUN[:3])}, ""),
    ],
)
def test_a_run_is_asked_by_its_last_user_message_and_answers_with_its_result(
    attributes: dict[str, Any], answer: str
) -> None:
    content = read(span({"agent_name": "support", **attributes})).content
    assert (content.prompt, content.output_text) == ("Where?", answer)


def test_results_of_tools_are_no_users_message() -> None:
    result = {"role": "user", "parts": [{"type": "tool_call_response", "id": "c1", "name": "weather", "result": 21}]}
    raw = span({"agent_name": "support", "pydantic_ai.all_messages": json.dumps([said("user", "Where?"), result])})
    assert [message.role for message in details(raw, dialects=[DIALECT]).input_messages] == ["user", "tool"]


EVENTS = [
    {"event.name": "gen_ai.system.message", "role": "system", "content": "Be brief.", "gen_ai.message.index": 0},
    {"event.name": "gen_ai.user.message", "role": "user", "content": "Weather?"},
    {
        "event.name": "gen_ai.assistant.message",
        "role": "assistant",
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": {"city": "Paris"}}}
        ],
    },
    {"event.name": "gen_ai.tool.message", "role": "tool", "id": "c1", "name": "weather", "content": "21 degrees"},
    {"event.name": "gen_ai.user.message", "role": "user", "content": "Well?"},
    {"event.name": "gen_ai.choice", "index": 0, "message": {"role": "assistant", "content": "Warm."}},
]


def test_the_first_format_has_a_call_as_a_list_of_events() -> None:
    raw = span({"gen_ai.operation.name": "chat", "events": json.dumps(EVENTS)})
    content = read(raw).content
    assert ([message.text for message in content.new_input], content.output_text) == (["Well?"], "Warm.")
    messages = details(raw, dialects=[DIALECT]).input_messages
    assert [message.role for message in messages] == ["system", "user", "assistant", "tool", "user"]
    call = {"type": "tool_call", "id": "c1", "name": "weather", "arguments": {"city": "Paris"}}
    assert json.loads(messages[2].content) == [call]
    assert json.loads(messages[3].content) == [{"type": "tool_call_response", "id": "c1", "response": "21 degrees"}]


def test_the_first_format_has_a_run_as_a_list_of_events() -> None:
    raw = span({"agent_name": "support", "all_messages_events": json.dumps(EVENTS[:-1]), "final_result": "Warm."})
    content = read(raw).content
    assert (content.prompt, content.output_text) == ("Well?", "Warm.")


@pytest.mark.parametrize(
    ("part", "canonical"),
    [
        ({"type": "thinking", "content": "Hm"}, {"type": "reasoning", "content": "Hm"}),
        (
            {"type": "image-url", "url": "https://a/cat.png"},
            {"type": "uri", "modality": "image", "uri": "https://a/cat.png"},
        ),
        (
            {"type": "binary", "media_type": "image/png", "content": "AAAA"},
            {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "AAAA"},
        ),
        (
            {"kind": "binary", "media_type": "application/pdf", "binary_content": "AAAA"},
            {"type": "blob", "modality": "document", "mime_type": "application/pdf", "content": "AAAA"},
        ),
    ],
)
def test_its_own_kinds_of_parts_become_those_of_the_convention(part: dict[str, Any], canonical: dict[str, Any]) -> None:
    run = [{"role": "user", "parts": [part]}]
    raw = span({"agent_name": "support", "pydantic_ai.all_messages": json.dumps(run)})
    (message,) = details(raw, dialects=[DIALECT]).input_messages
    assert json.loads(message.content) == [canonical]


def test_a_tool_has_its_older_keys() -> None:
    raw = span({"gen_ai.tool.name": "weather", "tool_arguments": '{"city":"Paris"}', "tool_response": "21 degrees"})
    content = read(raw).content
    assert (content.tool_call_arguments, content.tool_call_result) == ('{"city": "Paris"}', "21 degrees")


def test_a_runs_totals_are_no_calls_tokens() -> None:
    totals = {"gen_ai.aggregated_usage.input_tokens": 9, "gen_ai.aggregated_usage.details.reasoning_tokens": 4}
    found = read(span({"agent_name": "support", **totals}))
    assert (found.input_tokens, found.reasoning_tokens, found.request_model) == (0, 0, "")


def test_a_call_brings_its_cost_and_details_of_its_tokens() -> None:
    raw = span(
        {
            "gen_ai.operation.name": "chat",
            "operation.cost": 0.00013965,
            "gen_ai.usage.details.reasoning_tokens": 16,
            "gen_ai.usage.details.cache_read_tokens": 106,
        }
    )
    found = read(raw)
    assert (found.reasoning_tokens, found.cache_read_tokens) == (16, 106)
    assert DIALECT.columns(raw)["cost_usd"] == 0.00013965


def test_compaction_is_counted() -> None:
    content = read(span({"compaction.messages_before": 20, "compaction.messages_after": 4})).content
    assert (content.compaction_items_before, content.compaction_items_after) == (20, 4)


def test_logfire_keeps_requests_and_responses_of_other_clients_as_they_were() -> None:
    request = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "Where?"}]}
    response = {
        "message": {"role": "assistant", "content": "Here."},
        "usage": {"prompt_tokens": 12, "completion_tokens": 3},
    }
    raw = raw_span({"request_data": json.dumps(request), "response_data": json.dumps(response)})
    found = read(raw)
    assert ([message.text for message in found.content.new_input], found.content.output_text) == (["Where?"], "Here.")
    assert (found.request_model, found.input_tokens, found.output_tokens) == ("gpt-5-mini", 12, 3)


KEYS = (
    *("pydantic_ai.all_messages", "all_messages_events", "final_result", "events", "agent_name", "gen_ai.tool.name"),
    *("tool_arguments", "tool_response", "operation.cost", "request_data", "response_data"),
    *("compaction.messages_before", "gen_ai.usage.details.reasoning_tokens"),
)


@given(st.dictionaries(st.sampled_from(KEYS), ODD_VALUES, max_size=5))
def test_nothing_raises(attributes: dict[str, Any]) -> None:
    raw = span(attributes)
    read(raw)
    details(raw, dialects=[DIALECT])
