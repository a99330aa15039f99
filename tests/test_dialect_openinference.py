"""OpenInference: kinds, tokens, costs, and spans in both conventions."""

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.dialects import details, understand
from domain.dialects.openinference import DIALECT
from tests.odd_values import ODD_VALUES
from tests.openinference_spans import (
    KIND,
    LANGCHAIN,
    LLAMA_INDEX,
    OPENAI_AGENTS,
    OUTPUT,
    llm,
    message,
    read,
)
from tests.raw_spans import raw_span

if TYPE_CHECKING:
    from domain.records import RawSpan

# ----------------------------------------------------------------------------------------------------------------------
# Kinds


@pytest.mark.parametrize(
    ("kind", "operation"),
    [
        ("LLM", "chat"),
        ("llm", "chat"),
        ("AGENT", "invoke_agent"),
        ("TOOL", "execute_tool"),
        ("RETRIEVER", "retrieval"),
        ("EMBEDDING", "embeddings"),
        ("CHAIN", ""),
        ("GUARDRAIL", ""),
        ("EVALUATOR", ""),
        ("RERANKER", ""),
        ("PROMPT", ""),
        ("DECISION", ""),
        ("", ""),
        (7, ""),
    ],
)
def test_the_kind_says_what_the_span_is(kind: Any, operation: str) -> None:
    assert read({KIND: kind}).operation_name == operation


def test_a_span_that_has_messages_is_an_llm_call_also_without_a_kind() -> None:
    assert read(message(0, "user", "hello")).operation_name == "chat"


@pytest.mark.parametrize("kind", ["CHAIN", "GUARDRAIL", "EMBEDDING", "RETRIEVER", "RERANKER", "EVALUATOR"])
def test_only_llm_calls_and_agents_say_something(kind: str) -> None:
    record = read({KIND: kind, "input.value": "hello", "output.value": "good day"})
    assert record.content.new_input == ()
    assert record.content.prompt == record.content.output_text == ""


@pytest.mark.parametrize(
    ("attributes", "fields", "operation", "agent_name"),
    [
        ({}, {"name": "look_up_agent", "tool": "look_up_agent"}, "execute_tool", ""),
        ({}, {"name": "agent model", "messages": True}, "chat", ""),
        ({"langgraph_node": "agent"}, {"name": "agent", "parent_span_id": "ab"}, "", ""),
        (
            {"langgraph_node": "agent"},
            {"name": "billing_agent", "parent_span_id": "ab"},
            "invoke_agent",
            "billing_agent",
        ),
        ({"lc_agent_name": "triage"}, {"name": "agent turn"}, "invoke_agent", "triage"),
        ({"lc_agent_name": "triage"}, {"name": "agent step", "parent_span_id": "ab"}, "", ""),
        ({"lc_agent_name": "triage"}, {"name": "triage", "parent_span_id": "ab"}, "invoke_agent", "triage"),
    ],
)
def test_langchain_calls_all_that_has_agent_in_its_name_an_agent(
    attributes: dict[str, Any], fields: dict[str, Any], operation: str, agent_name: str
) -> None:
    own = {KIND: "AGENT", "metadata": json.dumps(attributes)} | message(0, "user", "hello")
    if tool := fields.pop("tool", None):
        own["tool.name"] = tool
    if fields.pop("messages", None):
        own |= message(0, "assistant", "hello", prefix=OUTPUT)
    record = read(own, scope_name=LANGCHAIN, **fields)
    assert (record.operation_name, record.agent_name) == (operation, agent_name)


def test_a_langchain_agent_without_agent_in_its_name_is_a_chain_with_the_name_in_its_metadata() -> None:
    attributes = {KIND: "CHAIN", "metadata": '{"lc_agent_name": "triage"}', "input.value": '{"messages": []}'}
    record = read(attributes, scope_name=LANGCHAIN, name="support turn")
    assert (record.operation_name, record.agent_name) == ("invoke_agent", "triage")
    assert read(attributes, scope_name="elsewhere", name="support turn").operation_name == ""


@pytest.mark.parametrize(("name", "operation"), [("OpenAI._prepare_chat", ""), ("OpenAI.achat", "chat")])
def test_a_helper_of_llama_indexs_models_is_no_call(name: str, operation: str) -> None:
    attributes = {KIND: "LLM", "llm.model_name": "m"}
    span = read(attributes, name=name, scope_name=LLAMA_INDEX)
    assert (span.operation_name, span.model) == (operation, "m" if operation else "")
    assert read(attributes, name=name).operation_name == "chat"


def test_the_steps_of_llama_index_say_whose_they_are_in_the_events_that_they_take() -> None:
    attributes = {KIND: "CHAIN", "input.value": '{"ev": "AgentSetup(input=[], current_agent_name=\'support\')"}'}
    span = read(attributes, name="BaseWorkflowAgent.run_agent_step", scope_name=LLAMA_INDEX)
    assert (span.operation_name, span.agent_name) == ("", "support")
    assert read(attributes).agent_name == ""
    assert read({KIND: "CHAIN"}, scope_name=LLAMA_INDEX).agent_name == ""


def test_the_workflow_of_openai_agents_is_no_agent() -> None:
    assert read({KIND: "AGENT"}, scope_name=OPENAI_AGENTS, name="support").operation_name == ""
    agent = read({KIND: "AGENT", "agent.name": "triage"}, scope_name=OPENAI_AGENTS, name="triage")
    assert (agent.operation_name, agent.agent_name) == ("invoke_agent", "triage")


@pytest.mark.parametrize(
    ("attributes", "name", "agent_name", "agent_id"),
    [
        ({"agent.name": "triage", "graph.node.id": "n1"}, "x", "triage", "n1"),
        ({"graph.node.name": "Web agent", "graph.node.id": "0x7f"}, "x", "Web agent", "0x7f"),
        ({"graph.node.id": "researcher"}, "Crew.kickoff", "researcher", "researcher"),
        ({}, "CodeAgent.run", "CodeAgent", ""),
        ({}, "billing._execute_core", "billing", ""),
        ({}, "agent_run [triage]", "triage", ""),
        ({}, "v1.2 agent", "v1.2 agent", ""),
    ],
)
def test_agents_have_a_name_of_their_own_or_the_one_in_the_span_name(
    attributes: dict[str, Any], name: str, agent_name: str, agent_id: str
) -> None:
    record = read({KIND: "AGENT"} | attributes, name=name)
    assert (record.agent_name, record.agent_id) == (agent_name, agent_id)


def test_an_llm_call_bears_the_name_of_its_agent_where_it_is_told() -> None:
    assert llm({"agent.name": "triage"}).agent_name == "triage"
    assert llm({"metadata": '{"lc_agent_name": "triage"}'}).agent_name == "triage"
    assert llm({"graph.node.id": "call"}).agent_name == ""


# ----------------------------------------------------------------------------------------------------------------------
# Tokens, cost, model


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"prompt": 103, "completion": 34, "total": 137}, (103, 34, 0, 0, 0)),
        (
            {"prompt": 103, "completion": 34, "prompt_details.cache_read": 80, "completion_details.reasoning": 16},
            (103, 34, 80, 0, 16),
        ),
        ({"prompt": 103, "completion": 34, "prompt_details.cache_input": 80}, (103, 34, 80, 0, 0)),
        # What Anthropic reports as input does not include what was cached.
        ({"prompt": 3, "completion": 34, "prompt_details.cache_write": 80}, (83, 34, 0, 80, 0)),
        ({"prompt": 90, "completion": 10, "total": 180, "prompt_details.cache_read": 80}, (170, 10, 80, 0, 0)),
        ({"prompt": 90, "completion": 10, "total": 100, "prompt_details.cache_read": 80}, (90, 10, 80, 0, 0)),
        ({"prompt": "junk", "completion": None}, (0, 0, 0, 0, 0)),
    ],
)
def test_the_prompt_includes_what_was_cached(attributes: dict[str, Any], expected: tuple[int, ...]) -> None:
    record = llm({f"llm.token_count.{key}": value for key, value in attributes.items()})
    assert record.usage()[1:6] == expected


@pytest.mark.parametrize(("kind", "counts"), [("LLM", True), ("EMBEDDING", True), ("AGENT", False), ("CHAIN", False)])
def test_tokens_that_wrappers_repeat_do_not_count(kind: str, counts: bool) -> None:
    record = read({KIND: kind, "llm.token_count.prompt": 10, "llm.token_count.completion": 2, "llm.model_name": "m"})
    assert (record.input_tokens, record.output_tokens, record.model) == ((10, 2, "m") if counts else (0, 0, ""))


@pytest.mark.parametrize(
    ("attributes", "request_model", "response_model"),
    [
        ({"llm.model_name": "m"}, "", "m"),
        ({"llm.model_name": "m", "llm.request.model_name": "r", "llm.response.model_name": "s"}, "r", "s"),
        ({"llm.model_name": "m", "llm.invocation_parameters": '{"model": "r"}'}, "r", "m"),
        ({KIND: "EMBEDDING", "embedding.model_name": "e"}, "", "e"),
        ({KIND: "DECISION", "decision.request.model_name": "d", "decision.response.model_name": "d2"}, "d", "d2"),
    ],
)
def test_models_asked_for_and_models_that_answered(
    attributes: dict[str, Any], request_model: str, response_model: str
) -> None:
    record = llm(attributes)
    assert (record.request_model, record.response_model) == (request_model, response_model)


@pytest.mark.parametrize(
    ("attributes", "provider"),
    [
        ({"llm.system": "openai"}, "openai"),
        ({"llm.system": "openai", "llm.provider": "azure"}, "azure"),
        ({"llm.system": "openai", "llm.provider": ""}, "openai"),
    ],
)
def test_the_provider_is_who_hosts_the_model(attributes: dict[str, Any], provider: str) -> None:
    assert llm(attributes).provider_name == provider


@pytest.mark.parametrize(
    ("attributes", "cost"),
    [
        ({"llm.cost.total": 0.5, "llm.cost.prompt": 0.1, "llm.cost.completion": 0.1}, 0.5),
        ({"llm.cost.prompt": 0.25, "llm.cost.completion": 0.5}, 0.75),
        ({"llm.cost.prompt": 0.25}, None),
        ({}, None),
    ],
)
def test_the_cost_that_the_client_gives(attributes: dict[str, Any], cost: float | None) -> None:
    assert DIALECT.columns(raw_span({KIND: "LLM"} | attributes)).get("cost_usd") == cost


@pytest.mark.parametrize(
    ("output", "response_id"),
    [
        ({"id": "chatcmpl-1", "object": "chat.completion", "choices": []}, "chatcmpl-1"),
        ({"response_id": "r1", "candidates": []}, "r1"),
        (
            {"generations": [[{"message": {"lc": 1, "type": "constructor", "id": ["x", "AIMessage"], "kwargs": {
                "content": "", "id": "run-1", "response_metadata": {"id": "chatcmpl-2"}}}}]], "llm_output": None},
            "chatcmpl-2",
        ),
        ({"generations": [[{"text": "hi"}]], "llm_output": {"id": "chatcmpl-3"}}, "chatcmpl-3"),
        ({"generations": [], "llm_output": []}, ""),
        ({"id": "order-1", "city": "Paris"}, ""),
        ({"id": 7, "model": "m"}, ""),
    ],
)  # fmt: skip
def test_the_response_id_is_in_the_provider_s_answer(output: dict[str, Any], response_id: str) -> None:
    assert llm({"output.value": json.dumps(output)}).response_id == response_id


def test_parameters_tools_and_the_finish_reason_of_a_call() -> None:
    schema = {"type": "function", "function": {"name": "look_up"}}
    seen = details(
        raw_span(
            {
                KIND: "LLM",
                "llm.invocation_parameters": '{"temperature": 0.5, "max_completion_tokens": 9, "stop": ["x"], "n": 2}',
                "llm.tools.0.tool.json_schema": json.dumps(schema),
                "llm.tools.1.tool.name": "look_around",
                "llm.finish_reason": "stop",
            }
        ),
        dialects=[DIALECT],
    )
    assert (seen.request.temperature, seen.request.max_tokens, seen.request.choice_count) == (0.5, 9, 2)
    assert seen.request.stop_sequences == ("x",)
    assert seen.finish_reasons == ("stop",)
    assert json.loads(seen.tool.definitions) == [schema, {"tool": {"name": "look_around"}}]


# ----------------------------------------------------------------------------------------------------------------------
# Both forms on one span


def test_beside_weave_s_keys_only_the_gaps_are_filled() -> None:
    record = llm(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.usage.input_tokens": 183,
            "llm.token_count.prompt": 183,
            "llm.token_count.completion_details.reasoning": 24,
            "gen_ai.output.messages": '[{"role": "assistant", "parts": [{"type": "text", "content": "hi"}]}]',
            **message(0, "assistant", "hi", prefix=OUTPUT),
        }
    )
    assert (record.input_tokens, record.reasoning_tokens, record.content.output_text) == (183, 24, "hi")


def test_spans_of_others_are_left_alone() -> None:
    for attributes in ({"llm.request.type": "chat"}, {"input.value": "x"}, {"llm.model_name": "m"}, {}):
        assert DIALECT.columns(raw_span(attributes)) == {}


# ----------------------------------------------------------------------------------------------------------------------

_SEGMENTS = st.sampled_from(
    [
        *("input_messages", "output_messages", "prompts", "choices", "tools", "token_count", "0", "1", "7"),
        *("message", "role", "content", "contents", "message_content", "type", "text", "image", "url"),
        *("tool_calls", "tool_call", "tool_call_id", "id", "function", "name", "arguments", "prompt", "completion"),
    ]
)
_KEYS = st.sampled_from(
    [
        *("input.value", "output.value", "metadata", "tool.name", "tool.id", "tool.parameters", "agent.name"),
        *("llm.invocation_parameters", "llm.model_name", "llm.finish_reason", "graph.node.id", "llm.cost.total"),
        *("llm.token_count.prompt", "llm.token_count.prompt_details.cache_read", "embedding.model_name", "llm.tools"),
        *("llm.input_messages", "llm.output_messages", "llm.prompts", "llm.choices", "session.id"),
    ]
)
_PATHS = st.lists(_SEGMENTS, min_size=1, max_size=6).map(lambda path: ".".join(["llm", *path]))
_ATTRIBUTES = st.dictionaries(_KEYS | _PATHS, ODD_VALUES | ODD_VALUES.map(repr), max_size=8)


@given(
    attributes=_ATTRIBUTES,
    kind=ODD_VALUES | st.sampled_from(["LLM", "AGENT", "TOOL", "EMBEDDING", "CHAIN", "DECISION"]),
    scope=st.sampled_from(["", LANGCHAIN, OPENAI_AGENTS]),
)
def test_nothing_raises(attributes: dict[str, Any], kind: Any, scope: str) -> None:
    raw: RawSpan = raw_span(attributes | {KIND: kind}, scope_name=scope)
    understand(raw, dialects=[DIALECT])
    details(raw, dialects=[DIALECT])
