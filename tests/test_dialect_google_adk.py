"""Google ADK: Gemini's requests and answers as messages, and what stands for a value that there is not."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.dialects import details, understand
from domain.dialects.google_adk import DIALECT, SCOPE
from domain.records import RawLogRecord, RawSpan, SpanRecord
from tests.odd_values import ODD_VALUES
from tests.raw_spans import raw_span


def read(raw: RawSpan) -> SpanRecord:
    return understand(raw, dialects=[DIALECT])


def asked(*contents: dict[str, Any], **config: Any) -> RawSpan:
    request = {"model": "gemini-2.5-flash", "config": config, "contents": contents}
    return raw_span({"gcp.vertex.agent.llm_request": json.dumps(request)}, name="call_llm", scope_name=SCOPE)


def answered(**response: Any) -> RawSpan:
    return raw_span({"gcp.vertex.agent.llm_response": json.dumps(response)}, name="call_llm", scope_name=SCOPE)


def text(role: str, *texts: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"text": said} for said in texts]}


def test_an_agents_run_is_known_by_its_name_alone() -> None:
    raw = raw_span({}, name="agent_run [triage_agent]", scope_name=SCOPE)
    assert DIALECT.columns(raw) == {"operation_name": "invoke_agent", "agent_name": "triage_agent"}
    assert DIALECT.columns(raw_span({}, name="agent_run [x]", scope_name="another")) == {}


@pytest.mark.parametrize(
    ("name", "operation"),
    [("call_llm", "generate_content"), ("invocation", ""), ("send_data", ""), ("execute_tool x", "execute_tool")],
)
def test_only_model_calls_get_an_operation(name: str, operation: str) -> None:
    assert read(raw_span({"gcp.vertex.agent.event_id": "e1"}, name=name, scope_name=SCOPE)).operation_name == operation


def test_a_call_and_the_request_below_it_are_one_call_by_their_event() -> None:
    event = {"gcp.vertex.agent.event_id": "e1"}
    call = read(raw_span(event, name="call_llm", scope_name=SCOPE))
    request = read(raw_span(event, name="generate_content gemini-2.5-flash", scope_name=SCOPE))
    assert call.response_id == request.response_id == "e1"
    assert read(raw_span(event, name="execute_tool x", scope_name=SCOPE)).response_id == ""


def test_the_newest_texts_of_the_user_are_the_input() -> None:
    span = read(asked(text("user", "Hi"), text("model", "Hello"), text("user", "Where is", "my order?")))
    assert [said.text for said in span.content.new_input] == ["Where is\nmy order?"]
    assert span.request_model == "gemini-2.5-flash"


def test_what_another_agent_did_is_not_what_the_user_said() -> None:
    span = read(asked(text("user", "Refund it"), text("user", "For context:", "[triage] called tool `transfer`")))
    assert (span.content.new_input, span.content.prompt) == ((), "Refund it")


def in_the_convention(*messages: dict[str, Any]) -> str:
    return json.dumps([{"role": said["role"], "parts": _texts(said)} for said in messages])


def _texts(said: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"type": "text", "content": part["text"]} for part in said["parts"]]


FOREIGN = text("user", "For context: below is what another agent did.", "[triage] said:\nI pass you on.")


@pytest.mark.parametrize("by_log", [False, True])
def test_what_another_agent_did_is_not_what_the_user_said_in_the_conventions_form_either(*, by_log: bool) -> None:
    said = {"gen_ai.input.messages": in_the_convention(text("user", "Refund it"), FOREIGN)}
    record = RawLogRecord("a", "b", "gen_ai.client.inference.operation.details", 0, said, None, "", b"")
    raw = raw_span({} if by_log else said, name="generate_content", scope_name=SCOPE)
    content = understand(raw, [record] if by_log else ()).content
    assert (content.new_input, content.prompt) == ((), "Refund it")


def test_a_user_may_begin_with_the_same_words() -> None:
    said = {"gen_ai.input.messages": in_the_convention(text("user", "For context: I am in Paris.", "Where to go?"))}
    (asked,) = read(raw_span(said, scope_name=SCOPE)).content.new_input
    assert asked.text == "For context: I am in Paris.\nWhere to go?"


def test_an_answer_that_came_in_pieces_is_one_text() -> None:
    pieces = [("It is ", ""), ("in Bre", ""), ("men.", "stop")]
    sent = [{"role": "assistant", "parts": _texts(text("", said)), "finish_reason": why} for said, why in pieces]
    (answer,) = details(raw_span({"gen_ai.output.messages": json.dumps(sent)}, scope_name=SCOPE)).output_messages
    expected = [{"type": "text", "content": "It is in Bremen."}]
    assert (json.loads(answer.content), answer.finish_reason) == (expected, "stop")


def test_answers_that_ended_stay_apart() -> None:
    sent = [{"role": "assistant", "parts": _texts(text("", said)), "finish_reason": "stop"} for said in ("A", "B")]
    assert (
        read(raw_span({"gen_ai.output.messages": json.dumps(sent)}, scope_name=SCOPE)).content.output_text == "A\n\nB"
    )


@pytest.mark.parametrize(("total", "output"), [(130, 27), (123, 20), (None, 20)])
def test_thoughts_that_gemini_counts_apart_are_output(total: int | None, output: int) -> None:
    usage = {"prompt_token_count": 103, "candidates_token_count": 20, "thoughts_token_count": 7}
    raw = answered(usage_metadata=usage | {"total_token_count": total})
    assert (read(raw).output_tokens, read(raw).reasoning_tokens) == (output, 7)
    said = raw_span(raw.attributes | {"gen_ai.usage.output_tokens": 20}, name="call_llm", scope_name=SCOPE)
    assert read(said).output_tokens == 20


def test_a_call_id_that_there_is_not_is_none() -> None:
    assert read(raw_span({"gen_ai.tool.call.id": "<not specified>"}, scope_name=SCOPE)).content.tool_call_id == ""
    assert read(raw_span({"gen_ai.tool.call.id": "c1"}, scope_name=SCOPE)).content.tool_call_id == "c1"


def test_the_results_of_tools_come_from_the_tool() -> None:
    response = {"id": "c1", "name": "weather", "response": {"celsius": 21}}
    raw = asked({"role": "user", "parts": [{"function_response": response}]})
    (said,) = details(raw, dialects=[DIALECT]).input_messages
    assert said.role == "tool"
    assert json.loads(said.content) == [{"type": "tool_call_response", "id": "c1", "response": {"celsius": 21}}]


@pytest.mark.parametrize(
    ("part", "canonical"),
    [
        ({"text": "Hello"}, {"type": "text", "content": "Hello"}),
        ({"text": "Hm", "thought": True}, {"type": "reasoning", "content": "Hm"}),
        (
            {"function_call": {"id": "c1", "name": "weather", "args": {"city": "Paris"}}},
            {"type": "tool_call", "id": "c1", "name": "weather", "arguments": {"city": "Paris"}},
        ),
        (
            {"functionCall": {"name": "weather", "args": {}}},
            {"type": "tool_call", "id": None, "name": "weather", "arguments": {}},
        ),
        (
            {"file_data": {"file_uri": "gs://b/cat.png", "mime_type": "image/png"}},
            {"type": "uri", "modality": "image", "uri": "gs://b/cat.png"},
        ),
        (
            {"inlineData": {"data": "AAAA", "mimeType": "audio/wav"}},
            {"type": "blob", "modality": "audio", "mime_type": "audio/wav", "content": "AAAA"},
        ),
        ({"executable_code": {"code": "1+1"}}, {"executable_code": {"code": "1+1"}}),
    ],
)
def test_gemini_parts_become_parts_of_the_convention(part: dict[str, Any], canonical: dict[str, Any]) -> None:
    raw = answered(content={"role": "model", "parts": [part]})
    (answer,) = details(raw, dialects=[DIALECT]).output_messages
    assert (answer.role, json.loads(answer.content)) == ("assistant", [canonical])


def test_the_answer_brings_tokens_model_and_reason() -> None:
    usage = {
        "prompt_token_count": 20,
        "candidates_token_count": 18,
        "cached_content_token_count": 5,
        "thoughts_token_count": 12,
    }
    raw = answered(content=text("model", "Hi"), usage_metadata=usage, finish_reason="STOP", model_version="gemini-2.5")
    span = read(raw)
    assert (span.input_tokens, span.output_tokens, span.cache_read_tokens, span.reasoning_tokens) == (20, 18, 5, 12)
    assert (span.response_model, span.content.output_text) == ("gemini-2.5", "Hi")
    assert details(raw, dialects=[DIALECT]).finish_reasons == ("stop",)


@pytest.mark.parametrize("instruction", ["Be brief.", {"parts": [{"text": "Be brief."}]}, ["Be brief."]])
def test_the_instructions_and_tools_of_a_request_are_read(instruction: Any) -> None:
    tools = [{"function_declarations": [{"name": "weather"}]}, {"google_search": {}}]
    raw = asked(text("user", "Hi"), system_instruction=instruction, tools=tools, temperature=0.5)
    found = details(raw, dialects=[DIALECT])
    assert (found.system_instructions, found.tool.definitions) == (("Be brief.",), '[{"name": "weather"}]')
    assert found.request.temperature == 0.5


def test_a_tools_arguments_and_result_are_read() -> None:
    raw = raw_span(
        {"gcp.vertex.agent.tool_call_args": '{"id": 1}', "gcp.vertex.agent.tool_response": '{"result": null}'}
    )
    content = read(raw).content
    assert (content.tool_call_arguments, content.tool_call_result) == ('{"id": 1}', '{"result": null}')


@pytest.mark.parametrize("placeholder", ["N/A", "{}", "<not specified>", "<not serializable>", {}])
def test_placeholders_say_nothing(placeholder: Any) -> None:
    keys = ("tool_call_args", "tool_response", "llm_request", "llm_response", "data")
    raw = raw_span({f"gcp.vertex.agent.{key}": placeholder for key in keys})
    assert DIALECT.columns(raw) == {}


def test_what_is_sent_to_a_live_agent_is_its_input() -> None:
    raw = raw_span({"gcp.vertex.agent.data": json.dumps([text("user", "Hi")])}, name="send_data", scope_name=SCOPE)
    assert [said.text for said in read(raw).content.new_input] == ["Hi"]


KEYS = [
    *(f"gcp.vertex.agent.{key}" for key in ("tool_call_args", "tool_response", "llm_request", "data", "event_id")),
    *(f"gen_ai.{key}" for key in ("tool.call.id", "operation.name", "input.messages", "output.messages")),
]


@given(
    st.sampled_from(["call_llm", "agent_run [", "x"]),
    st.dictionaries(st.sampled_from(KEYS), ODD_VALUES),
    ODD_VALUES,
    ODD_VALUES,
)
def test_nothing_raises(name: str, attributes: dict[str, Any], contents: Any, response: Any) -> None:
    request = {"contents": contents, "config": {"system_instruction": contents, "tools": response}}
    more = {"gcp.vertex.agent.llm_response": response, "gcp.vertex.agent.llm_request": json.dumps(request)}
    raw = raw_span(more | attributes, name=name, scope_name=SCOPE)
    read(raw)
    details(raw, dialects=[DIALECT])
