"""Strands' extra keys, costs that clients give, and Claude Code's spans."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.dialects import claude_code, details, openlit, strands, understand
from domain.records import RawSpan, SpanRecord
from tests.odd_values import ODD_VALUES
from tests.raw_spans import event, raw_span

DIALECTS = [strands.DIALECT, openlit.DIALECT, claude_code.DIALECT]


def read(raw: RawSpan) -> SpanRecord:
    return understand(raw, dialects=DIALECTS)


def test_strands_counts_its_cache_in_keys_of_its_own() -> None:
    cache = {"gen_ai.usage.cache_read_input_tokens": 7, "gen_ai.usage.cache_write_input_tokens": 3}
    span = read(raw_span({"gen_ai.system": "strands-agents"} | cache))
    assert (span.cache_read_tokens, span.cache_write_tokens) == (7, 3)
    assert strands.DIALECT.columns(raw_span({"gen_ai.system": "openai"} | cache)) == {}


def test_strands_agents_say_their_instructions_and_tools() -> None:
    raw = raw_span(
        {"gen_ai.agent.system_prompt": "Be brief.", "gen_ai.agent.tools": '["weather"]'},
        scope_name="strands.telemetry.tracer",
    )
    content = read(raw).content
    assert (content.system_instructions, content.tool_definitions) == ("Be brief.", '["weather"]')


STRANDS = {"gen_ai.provider.name": "strands-agents"}
DETAILS = "gen_ai.client.inference.operation.details"


@pytest.mark.parametrize("content", ["Be brief.", '[{"text": "Be brief."}]'])
def test_strands_agents_say_their_instructions_as_an_event(content: str) -> None:
    said = event("gen_ai.system.message", {"content": content})
    agent = raw_span(STRANDS | {"gen_ai.operation.name": "invoke_agent"}, said)
    assert read(agent).content.system_instructions == "Be brief."
    call = raw_span(STRANDS | {"gen_ai.operation.name": "chat"}, said)
    assert read(call).content.system_instructions == ""


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        ('[{"text": "21 degrees"}, {"text": "sunny"}]', "21 degrees\nsunny"),
        ('[{"json": {"celsius": 21}}]', '[{"json": {"celsius": 21}}]'),
        ("21 degrees", "21 degrees"),
    ],
)
def test_strands_results_are_the_texts_of_their_blocks(result: str, shown: str) -> None:
    tool = STRANDS | {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.call.result": result}
    assert read(raw_span(tool)).content.tool_call_result == shown


def test_strands_failed_tools_say_why_in_the_message_that_answers() -> None:
    part = {"type": "tool_call_response", "id": "c1", "response": [{"text": "Error: shipped"}]}
    said = json.dumps([{"role": "tool", "parts": [part]}])
    tool = STRANDS | {"gen_ai.operation.name": "execute_tool", "gen_ai.output.messages": said}
    assert read(raw_span(tool)).content.tool_call_result == "Error: shipped"


@pytest.mark.parametrize("team", ["invoke_swarm", "invoke_graph"])
def test_a_strands_team_is_asked_what_the_user_said(team: str) -> None:
    sent = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "Refund it"}]}])
    for said in (
        event("gen_ai.user.message", {"content": "Refund it"}),
        event(DETAILS, {"gen_ai.input.messages": sent}),
    ):
        answer = event("gen_ai.choice", {"message": "Done by all."})
        content = read(raw_span(STRANDS | {"gen_ai.operation.name": team}, said, answer, name=team)).content
        assert ([asked.text for asked in content.new_input], content.output_text) == (["Refund it"], "")


@pytest.mark.parametrize(
    ("attributes", "cost"),
    [
        ({"gen_ai.usage.cost": 0.25, "gen_ai.usage.input_tokens": 9}, 0.25),
        ({"gen_ai.usage.cost": "0.25"}, 0.25),
        ({"gen_ai.usage.cost": 0, "gen_ai.usage.input_tokens": 9}, None),
        ({"gen_ai.usage.cost": 0.0, "gen_ai.usage.total_tokens": 9}, None),
        ({"gen_ai.usage.cost": 0}, 0),
        ({"gen_ai.usage.cost": -1}, None),
        ({"gen_ai.usage.cost": "free"}, None),
        ({"gen_ai.usage.cost": float("nan")}, None),
        ({}, None),
    ],
)
def test_a_cost_is_taken_unless_it_is_zero_for_tokens(attributes: dict[str, Any], cost: float | None) -> None:
    assert openlit.DIALECT.columns(raw_span(attributes)).get("cost_usd") == cost


@pytest.mark.parametrize(
    ("operation", "scope", "tool", "prompt"),
    [
        ("chat", "openlit.instrumentation.openai", "", "Where?"),
        ("embeddings", "openlit.instrumentation.openai", "", ""),
        ("execute_tool", "openlit.otel.tracing", "look, look", "Where?"),
        ("embeddings", "another", "look, look", "Where?"),
    ],
)
def test_openlits_model_calls_are_no_tools_and_what_is_embedded_is_nobodys_message(
    operation: str, scope: str, tool: str, prompt: str
) -> None:
    asked = '[{"role": "user", "content": "Where?"}]'
    attributes = {"gen_ai.operation.name": operation, "gen_ai.tool.name": "look, look", "gen_ai.input.messages": asked}
    span = understand(raw_span(attributes, scope_name=scope), dialects=[openlit.DIALECT])
    assert (span.tool_name, span.content.prompt) == (tool, prompt)
    assert span.dialect == ("" if scope == "another" else "openlit")


def test_openlits_calls_in_one_text_are_no_tools_arguments() -> None:
    args = {"gen_ai.tool.args": '{"city": "Paris"}, {"city": "Rome"}'}
    assert openlit.DIALECT.columns(raw_span({"gen_ai.operation.name": "chat"} | args)) == {}
    raw = raw_span({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.args": '{"city": "Paris"}'})
    assert read(raw).content.tool_call_arguments == '{"city": "Paris"}'


def claude(name: str, attributes: dict[str, Any], **fields: Any) -> RawSpan:
    return raw_span({"session.id": "s1", "span.type": name} | attributes, name=f"claude_code.{name}", **fields)


def test_claude_codes_input_gets_what_the_cache_had_and_got() -> None:
    tokens = {"input_tokens": 2, "output_tokens": 1200, "cache_read_tokens": 84562, "cache_creation_tokens": 7096}
    span = read(claude("llm_request", {"model": "claude-opus-5", "request_id": "req_1", **tokens}))
    assert (span.operation_name, span.request_model, span.response_id) == ("chat", "claude-opus-5", "req_1")
    assert (span.input_tokens, span.output_tokens) == (2 + 84562 + 7096, 1200)
    assert (span.cache_read_tokens, span.cache_write_tokens) == (84562, 7096)


def test_claude_codes_turn_is_asked_by_the_user_unless_prompts_are_withheld() -> None:
    span = read(claude("interaction", {"user_prompt": "Fix the test"}))
    assert (span.operation_name, span.content.prompt) == ("invoke_agent", "Fix the test")
    assert read(claude("interaction", {"user_prompt": "<REDACTED>"})).content.prompt == ""


def test_claude_codes_tools_are_read_once() -> None:
    raw = claude("tool", {"tool_name": "Bash", "tool_use_id": "toolu_1", "full_command": "ls"})
    span = read(raw)
    assert (span.operation_name, span.tool_name) == ("execute_tool", "Bash")
    assert json.loads(span.content.tool_call_arguments) == {"full_command": "ls"}
    assert details(raw, dialects=DIALECTS).tool.call_id == "toolu_1"
    assert read(claude("tool.execution", {"tool_use_id": "toolu_1"})).operation_name == ""
    assert read(claude("tool.blocked_on_user", {})).operation_name == ""


def test_claude_codes_detailed_tracing_has_the_texts() -> None:
    answer = read(claude("llm_request", {"response.model_output": "Done."})).content.output_text
    output = event("tool.output", {"output": "a.py"})
    attributes = {"session.id": "s1", "tool_name": "Bash", "tool_input": '{"command": "ls"}'}
    tool = read(raw_span(attributes, output, name="claude_code.tool")).content
    assert (answer, tool.tool_call_arguments, tool.tool_call_result) == ("Done.", '{"command": "ls"}', "a.py")


KEYS = (
    *("gen_ai.system", "gen_ai.agent.system_prompt", "gen_ai.agent.tools", "gen_ai.usage.cost", "gen_ai.tool.args"),
    *("gen_ai.usage.cache_read_input_tokens", "gen_ai.usage.input_tokens", "user_prompt", "input_tokens", "model"),
    *("cache_read_tokens", "tool_input", "tool_name", "response.model_output", "stop_reason", "session.id"),
)


@given(
    st.sampled_from(["claude_code.interaction", "claude_code.llm_request", "claude_code.tool", "x"]),
    st.dictionaries(st.sampled_from(KEYS), ODD_VALUES, max_size=6),
    ODD_VALUES,
)
def test_nothing_raises(name: str, attributes: dict[str, Any], output: Any) -> None:
    raw = raw_span(attributes, event("tool.output", {"output": output}), name=name, scope_name="strands")
    read(raw)
    details(raw, dialects=DIALECTS)
