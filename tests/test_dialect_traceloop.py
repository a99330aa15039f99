"""OpenLLMetry: its decorators' spans, and the keys that its instrumentations had before the convention's."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.dialects import details, understand
from domain.dialects.traceloop import DIALECT
from domain.records import RawSpan, SpanRecord
from tests.odd_values import ODD_VALUES
from tests.raw_spans import raw_span

LANGCHAIN_HUMAN = {
    "lc": 1,
    "id": ["langchain", "schema", "HumanMessage"],
    "kwargs": {"content": "Where?", "type": "human"},
}
LANGCHAIN_AI = {"lc": 1, "id": ["langchain", "schema", "AIMessage"], "kwargs": {"content": "Here.", "type": "ai"}}
LANGCHAIN_TOOL = {"lc": 1, "id": ["x", "ToolMessage"], "kwargs": {"content": "21 degrees", "tool_call_id": "c1"}}


def read(raw: RawSpan) -> SpanRecord:
    return understand(raw, dialects=[DIALECT])


@pytest.mark.parametrize(
    ("attributes", "operation"),
    [
        ({"llm.request.type": "chat"}, "chat"),
        ({"llm.request.type": "completion"}, "text_completion"),
        ({"llm.request.type": "embedding"}, "embeddings"),
        ({"llm.request.type": "rerank"}, ""),
        ({"llm.request.type": "unknown"}, ""),
        ({"traceloop.span.kind": "agent"}, "invoke_agent"),
        ({"traceloop.span.kind": "tool"}, "execute_tool"),
        ({"traceloop.span.kind": "workflow"}, ""),
        ({"traceloop.span.kind": "task"}, ""),
        ({"traceloop.span.kind": "tool", "gen_ai.operation.name": "handoff"}, "handoff"),
    ],
)
def test_the_operation_comes_from_the_request_or_the_kind_of_span(attributes: dict[str, Any], operation: str) -> None:
    assert read(raw_span(attributes)).operation_name == operation


def test_an_agent_is_called_what_its_entity_is_called() -> None:
    kind = {"traceloop.span.kind": "agent", "traceloop.entity.name": "support"}
    assert read(raw_span(kind)).agent_name == "support"
    assert read(raw_span(kind | {"gen_ai.agent.name": "helper"})).agent_name == "helper"
    assert read(raw_span(kind | {"traceloop.span.kind": "workflow"})).agent_name == ""


def test_the_oldest_keys_give_models_tokens_and_settings() -> None:
    raw = raw_span(
        {
            "llm.request.type": "chat",
            "llm.vendor": "OpenAI",
            "llm.request.model": "gpt-4",
            "llm.response.model": "gpt-4-0613",
            "llm.usage.prompt_tokens": 12,
            "llm.usage.completion_tokens": 7,
            "llm.usage.reasoning_tokens": 3,
            "gen_ai.usage.cache_read_input_tokens": 5,
            "gen_ai.usage.cache_creation_input_tokens": 2,
            "llm.usage.total_tokens": 19,
            "llm.temperature": 0.5,
            "llm.response.finish_reason": "stop",
        }
    )
    span = read(raw)
    assert (span.provider_name, span.request_model, span.response_model) == ("openai", "gpt-4", "gpt-4-0613")
    assert (span.input_tokens, span.output_tokens, span.reasoning_tokens) == (12, 7, 3)
    assert (span.cache_read_tokens, span.cache_write_tokens) == (5, 2)
    found = details(raw, dialects=[DIALECT])
    assert (found.request.temperature, found.finish_reasons) == (0.5, ("stop",))


def test_numbered_messages_of_the_oldest_form_are_read() -> None:
    raw = raw_span(
        {
            "llm.request.type": "chat",
            "llm.prompts.0.role": "system",
            "llm.prompts.0.content": "Be brief.",
            "llm.prompts.1.role": "user",
            "llm.prompts.1.content": "Weather?",
            "llm.completions.0.role": "assistant",
            "llm.completions.0.finish_reason": "tool_calls",
            "llm.completions.0.tool_calls.0.id": "c1",
            "llm.completions.0.tool_calls.0.name": "weather",
            "llm.completions.0.tool_calls.0.arguments": '{"city": "Paris"}',
            "llm.request.functions.0.name": "weather",
        }
    )
    assert [said.text for said in read(raw).content.new_input] == ["Weather?"]
    (answer,) = details(raw, dialects=[DIALECT]).output_messages
    call = {"type": "tool_call", "id": "c1", "name": "weather", "arguments": {"city": "Paris"}}
    assert (json.loads(answer.content), answer.finish_reason) == ([call], "tool_calls")
    assert details(raw, dialects=[DIALECT]).tool.definitions == '[{"name": "weather"}]'


def test_texts_that_are_embedded_are_nobodys_message() -> None:
    raw = raw_span({"llm.request.type": "embedding", "llm.prompts.0.content": "a text"})
    assert read(raw).content.new_input == ()


@pytest.mark.parametrize(
    ("given_input", "arguments"),
    [
        ('{"args": [], "kwargs": {"city": "Paris"}}', '{"city": "Paris"}'),
        ('{"args": ["Paris"], "kwargs": {}}', '{"args": ["Paris"], "kwargs": {}}'),
        ('{"input_str": "{\'city\': \'Paris\'}", "inputs": {"city": "Paris"}}', '{"city": "Paris"}'),
        ('{"input_str": "Paris", "inputs": null}', "Paris"),
        ("{\"input_str\": \"{'city': 'Paris', 'hot': True}\"}", '{"city": "Paris", "hot": true}'),
        ("Paris, cut off {", "Paris, cut off {"),
    ],
)
def test_a_tools_arguments_are_what_its_function_was_called_with(given_input: str, arguments: str) -> None:
    raw = raw_span(
        {"traceloop.span.kind": "tool", "traceloop.entity.name": "weather", "traceloop.entity.input": given_input}
    )
    span = read(raw)
    assert (span.tool_name, span.content.tool_call_arguments) == ("weather", arguments)


@pytest.mark.parametrize(
    ("output", "result"),
    [
        ('"21 degrees"', "21 degrees"),
        ('{"celsius": 21}', '{"celsius": 21}'),
        (json.dumps({"output": LANGCHAIN_TOOL}), "21 degrees"),
        (json.dumps({"output": "21 degrees"}), "21 degrees"),
        ("21 deg", "21 deg"),
    ],
)
def test_a_tools_result_is_what_its_function_returned(output: str, result: str) -> None:
    raw = raw_span({"traceloop.span.kind": "tool", "traceloop.entity.output": output})
    assert read(raw).content.tool_call_result == result


def test_what_langchains_callbacks_were_given_is_read_in_the_conventions_keys_too() -> None:
    raw = raw_span(
        {
            "traceloop.span.kind": "tool",
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.call.arguments": '{"input_str": "{\'city\': \'Paris\'}", "tags": [], "metadata": {}}',
            "gen_ai.tool.call.result": json.dumps({"output": LANGCHAIN_TOOL, "kwargs": {"tags": []}}),
            "traceloop.entity.output": json.dumps({"output": LANGCHAIN_TOOL, "kwargs": {"tags": []}}),
        }
    )
    content = read(raw).content
    assert (content.tool_call_arguments, content.tool_call_result) == ('{"city": "Paris"}', "21 degrees")
    assert content.tool_call_id == "c1"
    own = raw_span(raw.attributes | {"gen_ai.tool.call.arguments": '{"tags": 1}', "gen_ai.tool.call.result": "sunny"})
    content = read(own).content
    assert (content.tool_call_arguments, content.tool_call_result) == ('{"tags": 1}', "sunny")


@pytest.mark.parametrize(
    ("attributes", "operation", "agent"),
    [
        ({"gen_ai.operation.name": "chat"}, "chat", "support"),
        ({"gen_ai.operation.name": "invoke_agent", "traceloop.span.kind": "workflow"}, "invoke_agent", "support"),
        ({"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "helper"}, "invoke_agent", "helper"),
    ],
    ids=["a call", "an agent's run", "an agent that the agent asks"],
)
def test_langchains_metadata_say_whose_a_run_is(attributes: dict[str, Any], operation: str, agent: str) -> None:
    span = read(raw_span({"traceloop.association.properties.lc_agent_name": "support"} | attributes))
    assert (span.operation_name, span.agent_name) == (operation, agent)


@pytest.mark.parametrize(
    ("name", "provider", "operation"),
    [
        ("RunnableSequence", "langchain", ""),
        ("AgentExecutor", "langchain", "invoke_agent"),
        ("LangGraph", "langgraph", "invoke_agent"),
    ],
)
def test_a_langchain_run_that_no_agent_makes_is_no_agent(name: str, provider: str, operation: str) -> None:
    attributes = {"traceloop.span.kind": "workflow", "gen_ai.agent.name": name, "gen_ai.provider.name": provider}
    span = read(raw_span(attributes | {"gen_ai.operation.name": "invoke_agent"}, name=f"{name}.workflow"))
    assert (span.operation_name, span.agent_name) == (operation, name if operation else "")


@pytest.mark.parametrize("kind", ["workflow", "task"])
def test_groups_are_of_this_dialect_and_their_names_are_no_operations(kind: str) -> None:
    span = read(raw_span({"traceloop.span.kind": kind}, name="chat.workflow"))
    assert (span.dialect, span.operation_name) == ("traceloop", "")


@pytest.mark.parametrize(
    ("given_input", "prompt"),
    [
        ('{"args": ["Where?"], "kwargs": {}}', "Where?"),
        ('{"args": [], "kwargs": {"question": "Where?"}}', "Where?"),
        ('{"args": [{"order": 1}], "kwargs": {}}', ""),
        ('{"args": ["Where?", "en"], "kwargs": {}}', ""),
        ('{"args": [], "kwargs": {}}', ""),
        ('{"inputs": {"messages": [["user", "Where?"]]}}', "Where?"),
        ('{"inputs": {"messages": [{"role": "user", "content": "Where?"}]}}', "Where?"),
        (json.dumps({"inputs": {"messages": [LANGCHAIN_HUMAN]}}), "Where?"),
    ],
)
def test_an_agents_prompt_is_its_only_text_or_its_messages(given_input: str, prompt: str) -> None:
    raw = raw_span({"traceloop.span.kind": "agent", "traceloop.entity.input": given_input})
    assert read(raw).content.prompt == prompt


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ('"Here."', "Here."),
        ("null", ""),
        ('{"order": 1}', ""),
        (json.dumps({"outputs": {"messages": [LANGCHAIN_HUMAN, LANGCHAIN_AI]}}), "Here."),
        (json.dumps({"outputs": {"messages": [LANGCHAIN_HUMAN]}}), ""),
    ],
)
def test_an_agents_answer_is_its_text_or_its_last_message(output: str, text: str) -> None:
    raw = raw_span({"traceloop.span.kind": "agent", "traceloop.entity.output": output})
    assert read(raw).content.output_text == text


def test_workflows_and_tasks_repeat_what_is_said_below_them_and_so_say_nothing() -> None:
    for kind in ("workflow", "task"):
        raw = raw_span(
            {
                "traceloop.span.kind": kind,
                "traceloop.entity.input": '{"args": ["Where?"], "kwargs": {}}',
                "traceloop.entity.output": '"Here."',
            }
        )
        content = read(raw).content
        assert (content.prompt, content.output_text, content.tool_call_result) == ("", "", "")


KEYS = (
    *("traceloop.entity.input", "traceloop.entity.output", "traceloop.entity.name", "gen_ai.task.input"),
    *("gen_ai.task.output", "llm.request.type", "llm.prompts", "llm.prompts.0", "llm.prompts.0.role"),
    *("llm.prompts.0.content", "llm.prompts.2.content", "llm.completions.0.tool_calls"),
    *("llm.completions.0.tool_calls.1", "llm.completions.0.tool_calls.0.arguments", "llm.usage.prompt_tokens"),
    *("llm.request.functions", "llm.request.functions.0", "llm.temperature", "llm.response.finish_reason"),
)


@given(st.sampled_from(["agent", "tool", "workflow", "x", None]), st.dictionaries(st.sampled_from(KEYS), ODD_VALUES))
def test_nothing_raises(kind: str | None, attributes: dict[str, Any]) -> None:
    raw = raw_span({"traceloop.span.kind": kind} | attributes)
    read(raw)
    details(raw, dialects=[DIALECT])
