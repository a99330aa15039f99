"""Span events of the convention's earlier forms, and of Strands: who said what, and what a tool got and gave."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.dialects import details, understand
from domain.dialects.genai_events import DETAILS, DIALECT
from domain.records import RawSpan, SpanEvent, SpanRecord
from tests.odd_values import ODD_VALUES
from tests.raw_spans import event, raw_span

CHAT = {"gen_ai.operation.name": "chat"}
TOOL = {"gen_ai.operation.name": "execute_tool"}
CALL = {"type": "tool_call", "arguments": {"city": "Paris"}}
ANSWER = {"type": "tool_call_response", "response": [{"text": "21 degrees"}]}


def read(raw: RawSpan) -> SpanRecord:
    return understand(raw, dialects=[DIALECT])


def roles_and_parts(raw: RawSpan) -> list[tuple[str, Any]]:
    found = details(raw, dialects=[DIALECT])
    return [(said.role, json.loads(said.content)) for said in found.input_messages + found.output_messages]


def words(content: str) -> list[dict[str, str]]:
    return [{"type": "text", "content": content}]


@pytest.mark.parametrize(
    ("events", "said"),
    [
        pytest.param(
            [
                event("gen_ai.content.prompt", {"gen_ai.prompt": '[{"role": "user", "content": "Hi"}]'}),
                event(
                    "gen_ai.content.completion", {"gen_ai.completion": '[{"role": "assistant", "content": "Hello"}]'}
                ),
            ],
            [("user", words("Hi")), ("assistant", words("Hello"))],
            id="1.27",
        ),
        pytest.param(
            [
                event("gen_ai.content.prompt", {"gen_ai.prompt": "Hi"}),
                event("gen_ai.content.completion", {"gen_ai.completion": "Hello"}),
            ],
            [("user", words("Hi")), ("assistant", words("Hello"))],
            id="1.27, plain text",
        ),
        pytest.param(
            [
                event("gen_ai.system.message", {"content": "Be brief."}),
                event("gen_ai.user.message", {"content": "Hi"}),
                event("gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": '{"content": "Hello"}'}),
            ],
            [("system", words("Be brief.")), ("user", words("Hi")), ("assistant", words("Hello"))],
            id="1.28, members as attributes",
        ),
        pytest.param(
            [
                event("gen_ai.user.message", {"gen_ai.event.content": '{"role": "user", "content": "Hi"}'}),
                event("gen_ai.choice", {"gen_ai.event.content": '{"message": {"content": "Hello"}, "index": 0}'}),
            ],
            [("user", words("Hi")), ("assistant", words("Hello"))],
            id="Azure, the body in one attribute",
        ),
        pytest.param(
            [
                event("gen_ai.user.message", {"content": '[{"text": "Hi"}]'}),
                event("gen_ai.choice", {"message": '[{"text": "Hello"}]', "finish_reason": "end_turn"}),
            ],
            [("user", words("Hi")), ("assistant", words("Hello"))],
            id="Strands, Bedrock's blocks",
        ),
        pytest.param(
            [
                event(
                    DETAILS,
                    {"gen_ai.input.messages": '[{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}]'},
                ),
                event(DETAILS, {"gen_ai.output.messages": '[{"role": "assistant", "content": "Hello"}]'}),
            ],
            None,
            id="Strands, two details events",
        ),
    ],
)
def test_each_form_tells_who_said_what(events: list[SpanEvent], said: list[tuple[str, Any]] | None) -> None:
    raw = raw_span(CHAT, *events)
    content = read(raw).content
    assert ([message.text for message in content.new_input], content.output_text) == (["Hi"], "Hello")
    if said is not None:
        assert roles_and_parts(raw) == said


def test_tool_calls_and_results_are_parts() -> None:
    calls = [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}]
    raw = raw_span(
        CHAT,
        event("gen_ai.assistant.message", {"tool_calls": json.dumps(calls)}),
        event("gen_ai.tool.message", {"id": "c1", "content": "21 degrees"}),
        event(
            "gen_ai.choice", {"message": json.dumps([{"toolUse": {"toolUseId": "c2", "name": "n", "input": {"a": 1}}}])}
        ),
    )
    assert roles_and_parts(raw) == [
        ("assistant", [{"type": "tool_call", "id": "c1", "name": "weather", "arguments": {"city": "Paris"}}]),
        ("tool", [{"type": "tool_call_response", "id": "c1", "response": "21 degrees"}]),
        ("assistant", [{"type": "tool_call", "id": "c2", "name": "n", "arguments": {"a": 1}}]),
    ]


def test_strands_results_come_from_the_tool_though_the_user_brings_them() -> None:
    blocks = [{"toolResult": {"toolUseId": "c1", "content": [{"text": "21 degrees"}], "status": "success"}}]
    raw = raw_span(CHAT, event("gen_ai.tool.message", {"content": json.dumps(blocks)}))
    assert roles_and_parts(raw) == [("tool", [{"type": "tool_call_response", "id": "c1", "response": "21 degrees"}])]


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(
            [
                event("gen_ai.tool.message", {"role": "tool", "content": '{"city": "Paris"}', "id": "c1"}),
                event("gen_ai.choice", {"message": '[{"text": "21 degrees"}]', "id": "c1"}),
            ],
            id="older",
        ),
        pytest.param(
            [
                event(DETAILS, {"gen_ai.input.messages": json.dumps([{"role": "tool", "parts": [CALL]}])}),
                event(DETAILS, {"gen_ai.output.messages": json.dumps([{"role": "tool", "parts": [ANSWER]}])}),
            ],
            id="newer",
        ),
    ],
)
def test_on_a_tools_span_the_events_are_its_arguments_and_result(events: list[SpanEvent]) -> None:
    content = read(raw_span(TOOL, *events)).content
    assert (content.tool_call_arguments, content.tool_call_result) == ('{"city": "Paris"}', "21 degrees")
    assert (content.prompt, content.output_text) == ("", "")


@pytest.mark.parametrize(
    ("attributes", "name"),
    [
        ({}, "execute_event_loop_cycle"),
        ({"gen_ai.operation.name": "execute_event_loop_cycle"}, "x"),
        ({"gen_ai.operation.name": "invoke_swarm"}, "x"),
        ({"gen_ai.operation.name": "embeddings"}, "x"),
    ],
)
def test_wrappers_and_embeddings_say_nothing_themselves(attributes: dict[str, Any], name: str) -> None:
    events = [event("gen_ai.user.message", {"content": "Hi"}), event("gen_ai.choice", {"message": "Hello"})]
    assert DIALECT.columns(raw_span(attributes, *events, name=name)) == {}


def test_openlit_writes_all_messages_into_one_text() -> None:
    prompt = event("gen_ai.content.prompt", {"gen_ai.prompt": "system: Be brief.\nuser: Where?\nuser: Now: where?"})
    raw = raw_span(CHAT, prompt, scope_name="openlit.otel.tracing")
    assert [said.text for said in read(raw).content.new_input] == ["Where?", "Now: where?"]
    assert [said.text for said in read(raw_span(CHAT, prompt)).content.new_input] == [
        "system: Be brief.\nuser: Where?\nuser: Now: where?"
    ]


def test_the_spans_own_attributes_win_over_the_details_event() -> None:
    details_event = event(
        DETAILS, {"gen_ai.request.model": "b", "gen_ai.response.model": "c", "gen_ai.conversation.id": "d"}
    )
    span = read(raw_span(CHAT | {"gen_ai.request.model": "a"}, details_event))
    assert (span.request_model, span.response_model, span.conversation_id) == ("a", "c", "")


def test_a_text_that_is_a_json_list_of_no_blocks_stays_text() -> None:
    raw = raw_span(CHAT, event("gen_ai.choice", {"message": '[{"city": "Paris"}]'}))
    assert roles_and_parts(raw) == [("assistant", words('[{"city": "Paris"}]'))]


EVENT_KEYS = (
    *("content", "message", "role", "tool_calls", "id", "finish_reason", "gen_ai.event.content", "gen_ai.prompt"),
    *("gen_ai.completion", "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.tool.definitions"),
)
EVENTS = st.builds(
    event, st.sampled_from(sorted(DIALECT.events)), st.dictionaries(st.sampled_from(EVENT_KEYS), ODD_VALUES, max_size=5)
)


@given(st.sampled_from(["chat", "execute_tool", "invoke_agent", None, 5]), st.lists(EVENTS, max_size=3))
def test_nothing_raises(operation: Any, events: list[SpanEvent]) -> None:
    raw = raw_span({"gen_ai.operation.name": operation}, *events, scope_name="openlit")
    read(raw)
    details(raw, dialects=[DIALECT])
