"""OpenInference: spans by their kind, flattened messages, and what stands in input.value and output.value."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.dialects import details, understand
from domain.dialects.openinference import DIALECT
from domain.dialects.openinference_messages import messages
from domain.records import RawSpan, SpanRecord
from tests.odd_values import ODD_VALUES
from tests.raw_spans import raw_span

LANGCHAIN = "openinference.instrumentation.langchain"
OPENAI_AGENTS = "openinference.instrumentation.openai_agents"
KIND = "openinference.span.kind"
INPUT, OUTPUT = "llm.input_messages", "llm.output_messages"

TOOL_MESSAGE = {"type": "tool", "data": {"content": "21 degrees", "type": "tool", "tool_call_id": "call_1"}}
ORDER = {"order_id": "1042", "note": "d'été", "gift": True, "by": None, "weights": [1, 2.5]}


def read(attributes: dict[str, Any], /, **fields: Any) -> SpanRecord:
    return understand(raw_span(attributes, **fields), dialects=[DIALECT])


def llm(attributes: dict[str, Any]) -> SpanRecord:
    return read({KIND: "LLM"} | attributes)


def said(attributes: dict[str, Any]) -> list[Any]:
    """The messages of an LLM span's input with their parts."""
    columns = DIALECT.columns(raw_span({KIND: "LLM"} | attributes))
    found: list[Any] = columns.get("input_messages", [])
    return found


def message(index: int, role: str, content: str | None = None, prefix: str = INPUT, **members: Any) -> dict[str, Any]:
    attributes: dict[str, Any] = {f"{prefix}.{index}.message.role": role}
    if content is not None:
        attributes[f"{prefix}.{index}.message.content"] = content
    return attributes | {f"{prefix}.{index}.message.{key}": value for key, value in members.items()}


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
# Messages


def test_a_conversation_is_read_in_order_and_only_its_end_is_new() -> None:
    record = llm(
        {
            **message(0, "system", "Be brief."),
            **message(1, "user", "Weather?"),
            **message(2, "assistant", **{"tool_calls.0.tool_call.id": "c1"}),
            **message(3, "tool", '{"sky":"clear"}', tool_call_id="c1"),
            **message(4, "assistant", "Clear."),
            **message(10, "user", "Thanks!"),
            **message(0, "assistant", '{"said":"Bye"}', prefix=OUTPUT),
        }
    )
    assert [new.text for new in record.content.new_input] == ["Thanks!"]
    assert record.content.system_instructions == "Be brief."
    assert record.content.output_text == '{"said":"Bye"}'


def test_a_tool_result_at_the_end_is_not_what_the_user_says() -> None:
    history = message(0, "user", "Weather?") | message(1, "tool", "clear", tool_call_id="c1")
    assert llm(history).content.new_input == ()


@pytest.mark.parametrize(
    ("role", "known"),
    [
        ("human", "user"),
        ("USER", "user"),
        ("MessageRole.USER", "user"),
        ("ai", "assistant"),
        ("model", "assistant"),
        ("CHATBOT", "assistant"),
        ("developer", "system"),
        ("function", "tool"),
        ("tool-response", "tool"),
        ("tool_call", "assistant"),
        ("narrator", "narrator"),
    ],
)
def test_roles_by_other_names(role: str, known: str) -> None:
    assert [found["role"] for found in said(message(0, role, "x"))] == [known]


def contents(*items: dict[str, Any]) -> dict[str, Any]:
    return {
        f"{INPUT}.0.message.contents.{index}.message_content.{key}": value
        for index, item in enumerate(items)
        for key, value in item.items()
    }


@pytest.mark.parametrize(
    ("attributes", "parts"),
    [
        (contents({"type": "text", "text": "hi"}), [{"type": "text", "content": "hi"}]),
        (contents({"text": "hi"}), [{"type": "text", "content": "hi"}]),
        # OpenAI's Responses API has one text in both places.
        (
            contents({"type": "text", "text": "hi"}) | {f"{INPUT}.0.message.content": "hi"},
            [{"type": "text", "content": "hi"}],
        ),
        (contents({"type": "reasoning", "text": "hm"}), [{"type": "reasoning", "content": "hm"}]),
        (contents({"type": "reasoning", "encrypted_content": "x"}), [{"type": "reasoning", "content": ""}]),
        (
            contents({"type": "image", "image.image.url": "https://a/b.png"}),
            [{"type": "uri", "modality": "image", "uri": "https://a/b.png"}],
        ),
        (
            contents({"type": "image", "image.image.url": "data:image/png;base64,AAAA"}),
            [{"type": "blob", "modality": "image", "mime_type": "image/png", "content": "AAAA"}],
        ),
        (
            contents({"type": "audio", "audio.audio.url": "https://a/b.mp3"}),
            [{"type": "uri", "modality": "audio", "uri": "https://a/b.mp3"}],
        ),
        (
            contents({"type": "document", "document.document.url": "https://a/b.pdf"}),
            [{"type": "uri", "modality": "document", "uri": "https://a/b.pdf"}],
        ),
        (
            contents({"type": "web_search_tool_result", "text": '{"hits": 1}'}),
            [{"type": "web_search_tool_result", "response": {"hits": 1}}],
        ),
        (
            {
                f"{INPUT}.0.message.tool_calls.3.tool_call.id": "c1",
                f"{INPUT}.0.message.tool_calls.3.tool_call.function.name": "look_up",
                f"{INPUT}.0.message.tool_calls.3.tool_call.function.arguments": '{"a":1}',
            }
            | contents({"type": "tool_use"}),
            [{"type": "tool_call", "id": "c1", "name": "look_up", "arguments": '{"a":1}'}],
        ),
        (
            {
                f"{INPUT}.0.message.function_call_name": "look_up",
                f"{INPUT}.0.message.function_call_arguments_json": '{"a":1}',
            },
            [{"type": "tool_call", "name": "look_up", "arguments": '{"a":1}'}],
        ),
    ],
)
def test_contents_of_messages(attributes: dict[str, Any], parts: list[Any]) -> None:
    assert said({f"{INPUT}.0.message.role": "assistant"} | attributes) == [{"role": "assistant", "parts": parts}]


def test_a_result_in_a_user_message_is_the_tool_s_and_the_rest_is_the_user_s() -> None:
    attributes = message(0, "user", "21 degrees", tool_call_id="c1") | contents({"type": "text", "text": "And now?"})
    assert said(attributes) == [
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "21 degrees"}]},
        {"role": "user", "parts": [{"type": "text", "content": "And now?"}]},
    ]


@pytest.mark.parametrize(
    "value",
    [
        '[{"message.role": "user", "message.content": "hi"}]',
        '[{"message": {"role": "user", "content": "hi"}}]',
        [{"role": "user", "content": "hi"}],
        {"role": "user", "content": [{"type": "text", "text": "hi"}]},
        {"1": {"message.role": "user", "message.content": "hi"}, "x": 1},
    ],
)
def test_messages_that_came_as_one_value(value: Any) -> None:
    assert messages(value) == [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]


@pytest.mark.parametrize(
    "attributes",
    [
        {"llm.prompts.0.prompt.text": "Once", "llm.choices.0.completion.text": "upon"},
        {"llm.prompts": ["Once"], "llm.completions.0.completion.text": "upon"},
    ],
)
def test_text_completions_have_prompts_and_choices(attributes: dict[str, Any]) -> None:
    record = llm(attributes)
    assert record.operation_name == "text_completion"
    assert (record.content.prompt, record.content.output_text) == ("Once", "upon")


# ----------------------------------------------------------------------------------------------------------------------
# input.value and output.value


@pytest.mark.parametrize(
    ("value", "prompt"),
    [
        ("Where is it?", "Where is it?"),
        ({"question": "Where is it?", "top_k": 3}, "Where is it?"),
        ({"user_message": "Where is it?", "max_turns": 3}, "Where is it?"),
        ({"task": "Where is it?", "stream": False, "images": None}, "Where is it?"),
        ({"agent": {"role": "support"}, "task": {"description": "Where is it?"}}, "Where is it?"),
        ({"messages": [{"type": "human", "data": {"content": "Where is it?"}}]}, "Where is it?"),
        ({"messages": [["user", "Where is it?"]]}, "Where is it?"),
        ([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where is it?"}], "Where is it?"),
        ({"a": "Where", "b": "is it?"}, '{"a":"Where","b":"is it?"}'),
        ('{"question": "Where is', '{"question": "Where is'),
        ("{'question': 'Where is it?'}", "Where is it?"),
        ("__REDACTED__", ""),
        ("", ""),
    ],
)
@pytest.mark.parametrize("kind", ["AGENT", "LLM"])
def test_the_input_value_says_what_was_asked_where_no_message_does(kind: str, value: Any, prompt: str) -> None:
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    assert read({KIND: kind, "input.value": text}).content.prompt == prompt


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        ("It is here.", "It is here."),
        ({"raw": "It is here.", "tasks_output": [{"description": "Where is it?"}]}, "It is here."),
        ({"output": "It is here."}, "It is here."),
        ({"choices": [{"message": {"role": "assistant", "content": "It is here."}}]}, "It is here."),
        (
            {"messages": [{"type": "human", "content": "Where?"}, {"type": "ai", "data": {"content": "It is here."}}]},
            "It is here.",
        ),
        ({"city": "Paris", "sky": "clear"}, '{"city":"Paris","sky":"clear"}'),
        ({"id": "resp_1", "object": "response", "model": "m", "output": []}, ""),
        ("__REDACTED__", ""),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["AGENT", "LLM"])
def test_the_output_value_says_what_was_answered_where_no_message_does(kind: str, value: Any, answer: str) -> None:
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    assert read({KIND: kind, "output.value": text}).content.output_text == answer


def test_messages_go_before_values() -> None:
    record = llm(message(0, "user", "hi") | {"input.value": "other", "output.value": "only here"})
    assert (record.content.prompt, record.content.output_text) == ("hi", "only here")


@pytest.mark.parametrize(
    ("attributes", "name", "tool_name", "arguments", "result", "call_id"),
    [
        (
            {"tool.name": "look_up", "input.value": '{"a": 1}', "output.value": "done", "tool.id": "c1"},
            "x",
            ("look_up"),
            '{"a": 1}',
            "done",
            "c1",
        ),
        ({}, "look_up.run", "look_up", "", "", ""),
        ({"input.value": json.dumps({"args": [], "kwargs": {"a": 1}, "strict": True})}, "t", "t", '{"a": 1}', "", ""),
        ({"input.value": json.dumps({"args": [{"a": 1}], "kwargs": {}})}, "t", "t", '{"a": 1}', "", ""),
        ({"input.value": repr(ORDER)}, "t", "t", json.dumps(ORDER), "", ""),
        ({"output.value": json.dumps(TOOL_MESSAGE)}, "t", "t", "", "21 degrees", "call_1"),
        ({"output.value": json.dumps({"output": "kept"})}, "t", "t", "", '{"output": "kept"}', ""),
        ({"tool.parameters": '{"a": 1}'}, "t", "t", '{"a": 1}', "", ""),
        ({"tool.parameters": '{"type": "object", "properties": {}}'}, "t", "t", "", "", ""),
        (
            {"tool_call.function.name": "look_up", "tool_call.function.arguments": '{"a": 1}', "tool_call.id": "c2"},
            "x",
            "look_up",
            '{"a": 1}',
            "",
            "c2",
        ),
        ({"input.value": "__REDACTED__", "output.value": "__REDACTED__"}, "t", "t", "", "", ""),
    ],
)
def test_tools(
    attributes: dict[str, Any], name: str, tool_name: str, arguments: str, result: str, call_id: str
) -> None:
    raw = raw_span({KIND: "TOOL"} | attributes, name=name)
    content = understand(raw, dialects=[DIALECT]).content
    seen = details(raw, dialects=[DIALECT]).tool
    assert understand(raw, dialects=[DIALECT]).tool_name == tool_name
    assert (content.tool_call_arguments, content.tool_call_result, seen.call_id) == (arguments, result, call_id)


def test_a_handoff_of_openai_agents_is_no_tool_call() -> None:
    record = read({KIND: "TOOL", "input.value": "triage", "output.value": "refunds"}, name="handoff to refunds")
    assert (record.operation_name, record.tool_name) == ("handoff", "")


@pytest.mark.parametrize(
    "value",
    [{"a": "it's"}, {"a": 'say "hi"'}, {"a": "both ' and \""}, {"a": "\x07\u200b\n\\"}, [{"a": -1.5e-07}, []], {1: 2}],
)
def test_python_reprs_are_read_where_they_have_a_json_form(value: Any) -> None:
    arguments = read({KIND: "TOOL", "input.value": repr(value)}).content.tool_call_arguments
    assert arguments == (repr(value) if value == {1: 2} else json.dumps(value))


@pytest.mark.parametrize("text", ["{'a': (1, 2)}", "{'a': Order(id=1)}", "{'a': 'cut", "{'a': 1__}", "{" * 5000])
def test_other_reprs_stay_text(text: str) -> None:
    assert read({KIND: "TOOL", "input.value": text}).content.tool_call_arguments == text


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
