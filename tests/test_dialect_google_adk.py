"""Google ADK: Gemini's requests and answers as messages, and what stands for a value that there is not."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.dialects import details, understand
from domain.dialects.google_adk import DIALECT, SCOPE
from domain.records import RawSpan, SpanRecord
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


KEYS = [f"gcp.vertex.agent.{key}" for key in ("tool_call_args", "tool_response", "llm_request", "data", "event_id")]


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
