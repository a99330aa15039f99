"""What is understood of the tools, hand-offs and compactions that a span's messages and attributes tell of."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.dialects import tool_parts, understand
from domain.records import Compaction, SpanContent, ToolRequest, ToolResponse
from tests.raw_spans import raw_span

CALL = {"type": "tool_call", "id": "1", "name": "look", "arguments": {"at": 1}}
ANSWER = {"type": "tool_call_response", "id": "1", "response": "here"}
REQUEST = ToolRequest("1", "look", '{"at": 1}')


def content(attributes: dict[str, Any], **fields: Any) -> SpanContent:
    return understand(raw_span(attributes, **fields)).content


def answered(*messages: Any) -> SpanContent:
    return content({"gen_ai.output.messages": json.dumps(messages)})


def asked(*messages: Any) -> SpanContent:
    return content({"gen_ai.input.messages": json.dumps(messages)})


def says(role: str, *parts: Any) -> dict[str, Any]:
    return {"role": role, "parts": list(parts)}


@pytest.mark.parametrize(
    ("part", "request_"),
    [
        (CALL, REQUEST),
        (CALL | {"arguments": '{"at":1}'}, ToolRequest("1", "look", '{"at":1}')),
        (CALL | {"arguments": {}}, ToolRequest("1", "look", "")),
        ({"type": "tool_call", "name": "look"}, ToolRequest("", "look", "")),
        ({"type": "tool_use", "id": "1", "name": "look", "input": {"at": 1}}, REQUEST),
        ({"functionCall": {"name": "look", "args": {"at": 1}}}, ToolRequest("", "look", '{"at": 1}')),
        ({"type": "server_tool_call", "id": "1", "name": "look", "server_tool_call": {"at": 1}}, REQUEST),
        (CALL | {"id": 7}, ToolRequest("7", "look", '{"at": 1}')),
    ],
)
def test_a_part_of_the_output_asks_for_a_tool(part: dict[str, Any], request_: ToolRequest) -> None:
    assert answered(says("assistant", {"type": "text", "content": "I look."}, part)).tool_requests == (request_,)


@pytest.mark.parametrize("part", [{"type": "tool_call"}, {"type": ["tool_call"], "name": "x"}, "tool_call", 7, None])
def test_what_names_no_tool_asks_for_none(part: Any) -> None:
    assert answered(says("assistant", part)).tool_requests == ()


def test_flat_messages_ask_beside_their_text() -> None:
    call = {"id": "1", "function": {"name": "look", "arguments": '{"at": 1}'}}
    assert answered({"role": "assistant", "content": None, "tool_calls": [call]}).tool_requests == (REQUEST,)


def test_what_an_output_repeats_up_to_the_users_message_is_no_request() -> None:
    old, new = CALL | {"id": "0"}, CALL
    said = answered(says("assistant", old), says("user", {"type": "text", "content": "?"}), says("assistant", new))
    assert said.tool_requests == (REQUEST,)


@pytest.mark.parametrize(
    ("message", "result"),
    [
        (says("tool", ANSWER), "here"),
        (says("user", ANSWER), "here"),
        (says("tool", {"type": "tool_call_response", "id": "1", "result": {"a": 1}}), '{"a": 1}'),
        (says("user", {"type": "tool_result", "tool_use_id": "1", "content": "here"}), "here"),
        (says("tool", ANSWER | {"response": [{"type": "text", "text": "here"}]}), "here"),
        ({"role": "tool", "tool_call_id": "1", "content": "here"}, "here"),
    ],
)
def test_the_end_of_the_input_says_what_tools_answered(message: dict[str, Any], result: str) -> None:
    said = asked(says("tool", ANSWER | {"response": "old"}), says("assistant", CALL), message)
    assert said.tool_responses == (ToolResponse("1", result),)


def test_an_answer_that_says_not_to_what_is_of_no_use() -> None:
    assert asked(says("tool", {"type": "tool_call_response", "response": "here"})).tool_responses == ()


def test_an_output_answers_what_the_provider_ran_itself() -> None:
    answer = {"type": "server_tool_call_response", "id": "1", "server_tool_call_response": {"found": 2}}
    assert answered(says("assistant", CALL, answer)).tool_responses == (ToolResponse("1", '{"found": 2}'),)


def test_compactions_are_parts_of_new_input_and_of_output() -> None:
    part = {"type": "compaction", "id": "c", "content": "short"}
    messages = [says("user", {"type": "compaction"}), says("user", {"type": "text", "content": "Hi"})]
    assert answered(says("assistant", part)).compactions == (Compaction("c", "short"),)
    assert asked(*messages).compactions == (Compaction("", ""),)
    assert asked(says("user", part), says("assistant", CALL), says("tool", ANSWER)).compactions == ()


@pytest.mark.parametrize(("value", "is_compacted"), [(True, True), ("true", True), (False, False), (1, False)])
def test_an_attribute_tells_that_the_history_was_compacted(value: Any, is_compacted: bool) -> None:
    said = content({"gen_ai.conversation.compacted": value})
    assert said.compactions == ((Compaction("", ""),) if is_compacted else ())


@pytest.mark.parametrize("prefix", ["gen_ai.handoff", "weave.openai_agents.handoff"])
def test_attributes_tell_who_hands_over_to_whom(prefix: str) -> None:
    said = content({f"{prefix}.from_agent": "a", f"{prefix}.to_agent": "b"})
    assert (said.handoff_from, said.handoff_to) == ("a", "b")


@pytest.mark.parametrize(
    ("attributes", "kind", "is_transport"),
    [
        ({"messaging.operation": "publish"}, 4, True),
        ({"http.request.method": "POST"}, 3, True),
        ({"http.method": "POST"}, 3, True),
        ({"http.request.method": "POST"}, 2, False),
        ({"messaging.system": "kafka", "gen_ai.operation.name": "chat"}, 4, False),
        ({"http.request.method": "POST", "gen_ai.request.model": "m"}, 3, False),
        ({}, 3, False),
    ],
)
def test_messages_of_a_bus_and_requests_to_servers_are_transport(
    attributes: dict[str, Any], kind: int, is_transport: bool
) -> None:
    assert content(attributes, kind=kind).is_transport is is_transport


def test_a_tool_span_knows_its_call() -> None:
    said = content({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.call.id": "1"})
    assert said.tool_call_id == "1"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "tool", "tool_call", "compaction", "[1]", "{}"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "parts", "content", "type", "id", "name", "arguments", "tool_calls", "response"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(st.sampled_from(["role", "parts", "content", "tool_calls"]), json_values), max_size=3))
def test_nothing_raises(messages: list[dict[str, Any]]) -> None:
    for parts in (tool_parts.new_parts(messages), tool_parts.output_parts(messages)):
        assert all(isinstance(text, str) for request in tool_parts.tool_requests(parts) for text in request)
        assert all(isinstance(text, str) for response in tool_parts.tool_responses(parts) for text in response)
        assert all(isinstance(text, str) for compaction in tool_parts.compactions(parts) for text in compaction)
