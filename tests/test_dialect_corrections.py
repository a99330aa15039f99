"""Where Weave's keys say something else than the client means."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.dialects import details, google_adk, openai_agents_v2, pydantic_ai, strands, traceloop, understand
from domain.records import RawLogRecord, RawSpan, SpanRecord
from tests.odd_values import ODD_VALUES
from tests.raw_spans import raw_span

DIALECTS = [google_adk.DIALECT, openai_agents_v2.DIALECT, pydantic_ai.DIALECT, strands.DIALECT, traceloop.DIALECT]


def read(raw: RawSpan) -> SpanRecord:
    return understand(raw, dialects=DIALECTS)


def test_an_agents_run_of_adk_1_has_no_attribute_and_is_an_agent_all_the_same() -> None:
    span = read(raw_span({}, name="agent_run [triage]", scope_name="gcp.vertex.agent"))
    assert (span.operation_name, span.agent_name) == ("invoke_agent", "triage")


@pytest.mark.parametrize(("name", "kept"), [("OpenAI Agent", ""), ("triage", "triage")])
def test_the_default_name_of_openai_agents_v2_is_no_agent(name: str, kept: str) -> None:
    raw = raw_span({"gen_ai.agent.name": name}, scope_name="opentelemetry.instrumentation.openai_agents")
    assert read(raw).agent_name == kept
    assert read(raw_span({"gen_ai.agent.name": name}, scope_name="mine")).agent_name == name


OPENAI_AGENTS = "opentelemetry.instrumentation.openai_agents"
THOUGHT = "ResponseReasoningItem(id='r', summary=[Summary(text='Hm.', type='summary_text')], type='reasoning')"
CALL = """ResponseFunctionToolCall(arguments='{"at": 1}', call_id='c1', name='look', type='function_call')"""
ANSWER = """ResponseOutputMessage(id='m', content=[ResponseOutputText(text="It's here.", type='output_text')],
role='assistant', type='message')"""


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (THOUGHT, {"type": "reasoning", "content": "Hm."}),
        (CALL, {"type": "tool_call", "id": "c1", "name": "look", "arguments": {"at": 1}}),
        (ANSWER, {"type": "text", "content": "It's here."}),
        (THOUGHT[:40], {"type": "reasoning", "content": ""}),
        (CALL[:40], {"type": "text", "content": CALL[:40]}),
        ("ResponseReasoningItem(id=print(1))", {"type": "reasoning", "content": ""}),
        ("Response(s) are late.", {"type": "text", "content": "Response(s) are late."}),
        ("ResponseOther(a=-1)", {"type": "text", "content": "ResponseOther(a=-1)"}),
    ],
)
def test_reprs_of_openai_agents_v2_are_read_as_what_they_are_of(content: str, part: dict[str, Any]) -> None:
    sent = {
        "gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": content}]}])
    }
    (answer,) = details(raw_span(sent, scope_name=OPENAI_AGENTS), dialects=DIALECTS).output_messages
    assert json.loads(answer.content) == [part]
    (kept,) = details(raw_span(sent, scope_name="mine"), dialects=DIALECTS).output_messages
    assert json.loads(kept.content) == [{"type": "text", "content": content}]


def test_a_span_of_a_clients_scope_is_of_its_dialect_though_it_says_all_in_the_convention() -> None:
    said = {"gen_ai.operation.name": "chat"}
    assert read(raw_span(said, scope_name=OPENAI_AGENTS)).dialect == "openai-agents-v2"
    assert read(raw_span(said, scope_name="mine")).dialect == ""


def test_a_span_whose_messages_are_in_log_records_only_is_of_their_dialect() -> None:
    record = RawLogRecord("a", "b", "gen_ai.user.message", 0, {}, {"content": "Hi"}, "", b"")
    assert understand(raw_span({"gen_ai.operation.name": "chat"}), [record]).dialect == "genai-events"


def test_numbered_messages_keep_their_tool_calls() -> None:
    raw = raw_span(
        {
            "llm.request.type": "chat",
            "gen_ai.prompt.0.role": "user",
            "gen_ai.prompt.0.content": "Weather?",
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.finish_reason": "tool_calls",
            "gen_ai.completion.0.tool_calls.0.id": "c1",
            "gen_ai.completion.0.tool_calls.0.name": "weather",
            "gen_ai.completion.0.tool_calls.0.arguments": '{"city": "Paris"}',
        }
    )
    assert [said.text for said in read(raw).content.new_input] == ["Weather?"]
    (answer,) = details(raw, dialects=DIALECTS).output_messages
    call = {"type": "tool_call", "id": "c1", "name": "weather", "arguments": {"city": "Paris"}}
    assert (json.loads(answer.content), answer.finish_reason) == ([call], "tool_calls")


@pytest.mark.parametrize(
    "attributes",
    [
        {"llm.request.type": "embedding", "gen_ai.prompt.0.content": "a text"},
        {"traceloop.workflow.name": "w", "gen_ai.operation.name": "embeddings", "gen_ai.input.messages": "a text"},
    ],
)
def test_what_is_embedded_is_no_users_message(attributes: dict[str, Any]) -> None:
    assert read(raw_span(attributes)).content.new_input == ()


@pytest.mark.parametrize(
    ("given_tokens", "total", "counted"), [(9, 2322, 9 + 2096), (3000, 3217, 3000), (3000, 5313, 5096), (9, 0, 2105)]
)
def test_strands_input_gets_the_cache_where_the_provider_left_it_out(
    given_tokens: int, total: int, counted: int
) -> None:
    usage = {"input_tokens": given_tokens, "output_tokens": 217, "cache_read_input_tokens": 2096, "total_tokens": total}
    attributes = {"gen_ai.system": "strands-agents"} | {f"gen_ai.usage.{name}": count for name, count in usage.items()}
    assert read(raw_span(attributes)).input_tokens == counted


def test_pydantic_ais_thoughts_are_not_its_answer() -> None:
    parts = [{"type": "thinking", "content": "Hm"}, {"type": "text", "content": "Hello"}]
    said = json.dumps([{"role": "assistant", "parts": parts}])
    attributes = {"logfire.msg": "chat", "gen_ai.output.messages": said}
    content = read(raw_span(attributes, scope_name="pydantic-ai")).content
    assert (content.output_text, content.reasoning_content) == ("Hello", "Hm")


KEYS = (
    *("gen_ai.agent.name", "gen_ai.prompt.0", "gen_ai.prompt.0.content", "gen_ai.prompt", "gen_ai.completion.0"),
    *("gen_ai.completion.0.tool_calls", "gen_ai.output.messages", "gen_ai.input.messages", "llm.request.type"),
    *("gen_ai.usage.cache_read_input_tokens", "gen_ai.usage.total_tokens", "gen_ai.operation.name"),
)
SCOPES = ("pydantic-ai", "strands", "opentelemetry.instrumentation.openai_agents", "gcp.vertex.agent")


@given(st.sampled_from(SCOPES), st.dictionaries(st.sampled_from(KEYS), ODD_VALUES, max_size=5))
def test_nothing_raises(scope: str, attributes: dict[str, Any]) -> None:
    raw = raw_span({"logfire.msg": "", "traceloop.x": ""} | attributes, scope_name=scope)
    read(raw)
    details(raw, dialects=DIALECTS)
