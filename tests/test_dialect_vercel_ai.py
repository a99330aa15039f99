"""Vercel AI SDK: `ai.*` attributes of its versions 3 to 6 and of the legacy telemetry of 7."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.dialects import details, understand
from domain.dialects.vercel_ai import DIALECT
from domain.records import RawSpan, SpanRecord
from domain.usage import llm_calls
from tests.odd_values import ODD_VALUES
from tests.raw_spans import raw_span

STEP = "ai.generateText.doGenerate"


def span(operation: str, **attributes: Any) -> RawSpan:
    """Keyword arguments are keys below `ai`, with `__` for dots; what is no text is sent as JSON."""
    keys = {f"ai.{key.replace('__', '.')}": value for key, value in attributes.items()}
    sent = {key: json.dumps(value) if isinstance(value, list | dict) else value for key, value in keys.items()}
    return raw_span({"ai.operationId": operation} | sent, name=operation)


def with_twins(raw: RawSpan, provider: str) -> RawSpan:
    """With the keys gen_ai.* that the SDK writes beside its own."""
    return raw_span(raw.attributes | {"gen_ai.system": provider, "gen_ai.usage.input_tokens": 10}, name=raw.name)


def read(raw: RawSpan) -> SpanRecord:
    return understand(raw, dialects=[DIALECT])


@pytest.mark.parametrize(
    ("name", "operation"),
    [
        ("ai.generateText", "invoke_agent"),
        ("ai.streamText", "invoke_agent"),
        ("ai.generateObject", "invoke_agent"),
        ("ai.streamObject", "invoke_agent"),
        ("ai.generateText.doGenerate", "chat"),
        ("ai.streamText.doStream", "chat"),
        ("ai.generateObject.doGenerate", "chat"),
        ("ai.streamObject.doStream", "chat"),
        ("ai.embed.doEmbed", "embeddings"),
        ("ai.embedMany.doEmbed", "embeddings"),
        ("ai.embed", ""),
        ("ai.embedMany", ""),
        ("ai.toolCall", "execute_tool"),
        ("ai.rerank", ""),
        ("something.else", ""),
    ],
)
def test_the_operation_is_what_the_sdk_calls_the_span(name: str, operation: str) -> None:
    assert read(span(name)).operation_name == operation
    assert read(raw_span({"ai.model.id": "m"}, name=name)).operation_name == operation


@pytest.mark.parametrize("names", [("generateText", "doGenerate"), ("streamObject", "doStream"), ("embed", "doEmbed")])
def test_each_call_counts_once_though_two_spans_have_its_tokens(names: tuple[str, str]) -> None:
    usage = {"model__id": "m", "usage__inputTokens": 10, "usage__outputTokens": 4}
    outer, inner = (read(span(name, **usage)) for name in (f"ai.{names[0]}", f"ai.{'.'.join(names)}"))
    assert [(call.input_tokens, call.output_tokens) for call in llm_calls([outer, inner])] == [(10, 4)]
    assert outer.input_tokens == 0


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"usage__promptTokens": 10, "usage__completionTokens": 4}, (10, 4, 0, 0, 0)),
        ({"usage__inputTokens": 10, "usage__outputTokens": 4, "usage__cachedInputTokens": 3}, (10, 4, 3, 0, 0)),
        ({"usage__outputTokens": 4, "usage__reasoningTokens": 2}, (0, 4, 0, 0, 2)),
        (
            {
                "usage__inputTokens": 10,
                "usage__inputTokenDetails__cacheReadTokens": 3,
                "usage__inputTokenDetails__cacheWriteTokens": 2,
                "usage__outputTokenDetails__reasoningTokens": 1,
            },
            (10, 0, 3, 2, 1),
        ),
        (
            {
                "usage__inputTokens": 10,
                "response__providerMetadata": {"openai": {"cachedPromptTokens": 3, "reasoningTokens": 2}},
            },
            (10, 0, 3, 0, 2),
        ),
        ({"usage__promptTokens": "NaN", "usage__completionTokens": None}, (0, 0, 0, 0, 0)),
    ],
)
def test_tokens_are_found_in_every_version(usage: dict[str, Any], expected: tuple[int, ...]) -> None:
    assert read(span(STEP, **usage)).usage()[1:6] == expected


@pytest.mark.parametrize(
    ("provider", "usage", "expected"),
    [
        ("anthropic.messages", {"usage__cachedInputTokens": 5}, 15),
        ("vertex.anthropic.messages", {"usage__cachedInputTokens": 5}, 15),
        ("amazon-bedrock", {"response__providerMetadata": {"bedrock": {"usage": {"cacheWriteInputTokens": 7}}}}, 17),
        (
            "anthropic.messages",
            {"response__providerMetadata": {"anthropic": {"cacheCreationInputTokens": 7, "cacheReadInputTokens": 1}}},
            18,
        ),
        ("anthropic.messages", {"usage__cachedInputTokens": 5, "usage__inputTokenDetails__noCacheTokens": 5}, 10),
        ("openai.chat", {"usage__cachedInputTokens": 5}, 10),
    ],
)
def test_input_has_the_cached_tokens_also_where_the_provider_leaves_them_out(
    provider: str, usage: dict[str, Any], expected: int
) -> None:
    raw = span(STEP, model__provider=provider, usage__inputTokens=10, **usage)
    assert read(raw).input_tokens == expected
    assert read(with_twins(raw, provider)).input_tokens == expected


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        ("openai.responses", "openai"),
        ("openai.chat", "openai"),
        ("anthropic.messages", "anthropic"),
        ("google.generative-ai", "gcp.gemini"),
        ("google.vertex.chat", "gcp.vertex_ai"),
        ("amazon-bedrock", "aws.bedrock"),
        ("azure.chat", "azure.ai.openai"),
        ("my-gateway", "my-gateway"),
    ],
)
def test_the_provider_has_no_api_in_its_name(provider: str, name: str) -> None:
    raw = span(STEP, model__provider=provider)
    assert read(raw).provider_name == name
    assert read(with_twins(raw, provider)).provider_name == name


PARTS = [{"type": "text", "text": "What is "}, {"type": "text", "text": "this?"}]


@pytest.mark.parametrize(
    ("attributes", "texts"),
    [
        ({"prompt": {"prompt": "Hi"}}, ["Hi"]),
        ({"prompt": {"system": "Be brief.", "messages": [{"role": "user", "content": "Hi"}]}}, ["Hi"]),
        ({"prompt": {"prompt": [{"role": "user", "content": "Hi"}]}}, ["Hi"]),
        ({"prompt__messages": [{"role": "user", "content": "Hi"}]}, ["Hi"]),
        ({"prompt__messages": [{"role": "user", "content": PARTS}]}, ["What is \nthis?"]),
        ({"prompt__messages": [{"role": "user", "content": "", "parts": PARTS}]}, ["What is \nthis?"]),
        ({"prompt__messages": '[{"role":"user","content":"cut of'}, ['[{"role":"user","content":"cut of']),
        ({"prompt": {"system": "Be brief."}}, []),
        ({"prompt__messages": []}, []),
    ],
)
def test_prompts_are_read_in_all_their_forms(attributes: dict[str, Any], texts: list[str]) -> None:
    assert [message.text for message in read(span(STEP, **attributes)).content.new_input] == texts


@pytest.mark.parametrize(
    ("role", "part", "expected"),
    [
        (
            "assistant",
            {"type": "tool-call", "toolCallId": "c1", "toolName": "look", "input": {"a": 1}},
            {"type": "tool_call", "id": "c1", "name": "look", "arguments": {"a": 1}},
        ),
        (
            "assistant",
            {"type": "tool-call", "toolCallId": "c1", "toolName": "look", "args": {"a": 1}},
            {"type": "tool_call", "id": "c1", "name": "look", "arguments": {"a": 1}},
        ),
        (
            "tool",
            {"type": "tool-result", "toolCallId": "c1", "toolName": "x", "output": {"type": "json", "value": [1]}},
            {"type": "tool_call_response", "id": "c1", "response": [1]},
        ),
        (
            "tool",
            {"type": "tool-result", "toolCallId": "c1", "toolName": "look", "result": {"a": 1}},
            {"type": "tool_call_response", "id": "c1", "response": {"a": 1}},
        ),
        ("assistant", {"type": "reasoning", "text": "Hm."}, {"type": "reasoning", "content": "Hm."}),
        (
            "user",
            {"type": "image", "image": "https://a.b/c.png", "mimeType": "image/png"},
            {"type": "uri", "modality": "image", "uri": "https://a.b/c.png"},
        ),
        (
            "user",
            {"type": "file", "data": "QUJD", "mediaType": "application/pdf"},
            {"type": "blob", "modality": "document", "mime_type": "application/pdf", "content": "QUJD"},
        ),
        (
            "user",
            {"type": "file", "data": {"type": "url", "url": "https://a.b/c"}, "mediaType": "audio/wav"},
            {"type": "uri", "modality": "audio", "uri": "https://a.b/c"},
        ),
        ("user", {"type": "custom", "kind": "x"}, {"type": "custom", "kind": "x"}),
    ],
)
def test_parts_of_prompts_become_the_convention_s(role: str, part: dict[str, Any], expected: dict[str, Any]) -> None:
    raw = span(STEP, prompt__messages=[{"role": role, "content": [part]}])
    (message,) = details(raw, dialects=[DIALECT]).input_messages
    assert message.role == role
    assert json.loads(message.content) == [expected]


@pytest.mark.parametrize(
    ("attributes", "text", "reasoning"),
    [
        ({"response__text": "Hello"}, "Hello", ""),
        ({"result__text": "Hello"}, "Hello", ""),
        ({"response__object": '{"a":1}'}, '{"a":1}', ""),
        ({"result__object": {"a": 1}}, '{"a": 1}', ""),
        ({"response__text": "Hello", "response__reasoning": "Hm."}, "Hello", "Hm."),
        ({"response__reasoning": [{"type": "reasoning", "text": "Hm."}]}, "", "Hm."),
        ({"response__text": ""}, "", ""),
    ],
)
def test_answers_are_read_in_all_their_forms(attributes: dict[str, Any], text: str, reasoning: str) -> None:
    content = read(span(STEP, **attributes)).content
    assert content.output_text.replace('{"a": 1}', '{"a":1}') == text.replace('{"a": 1}', '{"a":1}')
    assert content.reasoning_content == reasoning


@pytest.mark.parametrize(
    "call",
    [
        {"toolCallId": "c1", "toolName": "look", "input": '{"a": 1}'},
        {"toolCallId": "c1", "toolName": "look", "input": {"a": 1}},
        {"type": "tool-call", "toolCallType": "function", "toolCallId": "c1", "toolName": "look", "args": '{"a": 1}'},
    ],
)
@pytest.mark.parametrize("key", ["response__toolCalls", "result__toolCalls"])
def test_tool_calls_of_an_answer_are_parts_of_it(key: str, call: dict[str, Any]) -> None:
    (message,) = details(span(STEP, **{key: [call]}), dialects=[DIALECT]).output_messages
    assert json.loads(message.content) == [{"type": "tool_call", "id": "c1", "name": "look", "arguments": {"a": 1}}]


def test_a_tool_s_span_has_what_it_got_and_gave() -> None:
    raw = span("ai.toolCall", toolCall__name="look", toolCall__id="c1", toolCall__args={"a": 1}, toolCall__result=[2])
    record, tool = read(raw), details(raw, dialects=[DIALECT]).tool
    assert (record.tool_name, tool.call_id, tool.arguments, tool.result) == ("look", "c1", '{"a": 1}', "[2]")


def test_the_function_id_names_the_agent() -> None:
    raw = span("ai.streamText", telemetry__functionId="support", prompt={"system": "Be brief.", "prompt": "Hi"})
    record = read(raw)
    assert (record.agent_name, record.content.system_instructions, record.content.prompt) == (
        "support",
        "Be brief.",
        "Hi",
    )
    assert read(span("ai.streamText")).agent_name == ""


def test_what_embeddings_are_made_of_is_no_message() -> None:
    record = read(span("ai.embed.doEmbed", values=["Hi"], model__id="m", usage__tokens=3))
    assert (record.content.prompt, record.request_model, record.input_tokens) == ("", "m", 3)


def test_tools_are_a_list_though_each_is_sent_as_a_text() -> None:
    raw = raw_span({"ai.operationId": STEP, "ai.prompt.tools": ['{"name": "look"}', '{"name": "ask"}']})
    assert json.loads(read(raw).content.tool_definitions) == [{"name": "look"}, {"name": "ask"}]


@pytest.mark.parametrize(
    ("metadata", "cost"),
    [({"gateway": {"cost": "0.25"}}, 0.25), ({"openrouter": {"usage": {"cost": 0.5}}}, 0.5), ({"openai": {}}, None)],
)
def test_gateways_say_what_a_call_cost(metadata: dict[str, Any], cost: float | None) -> None:
    assert DIALECT.columns(span(STEP, response__providerMetadata=metadata)).get("cost_usd") == cost


KEYS = [
    *("ai.prompt", "ai.prompt.messages", "ai.prompt.tools", "ai.response.text", "ai.response.object"),
    *("ai.response.reasoning", "ai.response.toolCalls", "ai.response.files", "ai.response.providerMetadata"),
    *("ai.toolCall.args", "ai.toolCall.result", "ai.usage.inputTokens", "ai.usage.cachedInputTokens"),
    *("ai.model.provider", "ai.model.id", "ai.telemetry.functionId"),
]


@given(
    st.sampled_from([STEP, "ai.generateText", "ai.toolCall", "ai.embed.doEmbed"]),
    st.dictionaries(st.sampled_from(KEYS), ODD_VALUES),
)
def test_nothing_raises(operation: str, attributes: dict[str, Any]) -> None:
    raw = raw_span({"ai.operationId": operation} | attributes)
    assert read(raw).operation_name
    details(raw, dialects=[DIALECT])


SCOPE_OF_7 = "gen_ai"


@given(
    st.sampled_from(["chat", "execute_tool", ""]),
    st.dictionaries(st.sampled_from([*KEYS, "gen_ai.operation.name", "gen_ai.tool.call.result"]), ODD_VALUES),
)
def test_nothing_raises_in_version_7(operation: str, attributes: dict[str, Any]) -> None:
    raw = raw_span({"gen_ai.operation.name": operation} | attributes, scope_name=SCOPE_OF_7)
    read(raw)
    details(raw, dialects=[DIALECT])


def test_version_7_counts_reasoning_beside_the_conventions_keys() -> None:
    used = {"gen_ai.usage.output_tokens": 9, "ai.usage.outputTokenDetails.reasoningTokens": 4}
    call = read(raw_span(used | {"gen_ai.operation.name": "chat"}, scope_name=SCOPE_OF_7))
    assert (call.output_tokens, call.reasoning_tokens) == (9, 4)
    agent = read(raw_span(used | {"gen_ai.operation.name": "invoke_agent"}, scope_name=SCOPE_OF_7))
    assert agent.reasoning_tokens == 0


@pytest.mark.parametrize(("sent", "shown"), [('"shipped"', "shipped"), ('{"a": "b"}', '{"a": "b"}'), ('"cut', '"cut')])
def test_a_text_that_a_tool_gave_is_shown_without_quotes(sent: str, shown: str) -> None:
    assert read(raw_span({"gen_ai.tool.call.result": sent}, scope_name=SCOPE_OF_7)).content.tool_call_result == shown
    assert read(span("ai.toolCall", toolCall__result=sent)).content.tool_call_result == shown


def test_the_session_in_the_runtime_context_is_the_conversation() -> None:
    found = read(raw_span({"ai.settings.context.sessionId": "s1"}, scope_name=SCOPE_OF_7))
    assert (found.conversation_id, found.conversation_id_source) == ("s1", "ai.settings.context.sessionId")
