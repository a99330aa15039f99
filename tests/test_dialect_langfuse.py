"""Langfuse: observations, whose input and output are what an integration or the application passed."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.dialects import details, understand
from domain.dialects.langfuse import DIALECT
from domain.records import RawSpan, SpanRecord
from domain.usage import llm_calls
from tests.odd_values import ODD_VALUES
from tests.raw_spans import raw_span


def observation(kind: str, asked: Any = None, answered: Any = None, *, parent: str = "1", **more: Any) -> RawSpan:
    """Keyword arguments are keys below `langfuse.observation`, with `__` for dots."""
    given = {"type": kind, "input": asked, "output": answered} | {k.replace("__", "."): v for k, v in more.items()}
    sent = {k: v if isinstance(v, str) else json.dumps(v) for k, v in given.items() if v is not None}
    attributes = {f"langfuse.observation.{key}": value for key, value in sent.items()}
    return raw_span(attributes, parent_span_id=parent, name="helper")


def read(raw: RawSpan) -> SpanRecord:
    return understand(raw, dialects=[DIALECT])


@pytest.mark.parametrize(
    ("kind", "operation"),
    [
        ("generation", "chat"),
        ("embedding", "embeddings"),
        ("agent", "invoke_agent"),
        ("tool", "execute_tool"),
        ("retriever", "retrieval"),
        ("span", ""),
        ("chain", ""),
        ("guardrail", ""),
        ("evaluator", ""),
        ("event", ""),
    ],
)
def test_the_operation_is_the_type_of_the_observation(kind: str, operation: str) -> None:
    assert read(observation(kind)).operation_name == operation


def test_the_name_of_what_groups_others_is_no_operation() -> None:
    span = read(raw_span({"langfuse.observation.type": "chain"}, name="ChatPromptTemplate", parent_span_id="1"))
    assert (span.operation_name, span.dialect) == ("", "langfuse")


def test_what_has_a_model_or_usage_is_a_generation_without_saying_so() -> None:
    assert read(raw_span({"langfuse.observation.model.name": "m"})).operation_name == "chat"
    assert read(raw_span({"langfuse.observation.input": "Hi"})).operation_name == ""


@pytest.mark.parametrize(
    ("kind", "parent", "name", "metadata", "expected"),
    [
        ("agent", "1", "helper", {}, ("invoke_agent", "helper")),
        ("span", "", "turn", {}, ("invoke_agent", "")),
        ("chain", "", "turn", {"lc_agent_name": "support"}, ("invoke_agent", "support")),
        ("chain", "1", "refunds", {"lc_agent_name": "refunds", "langgraph_node": "x"}, ("invoke_agent", "refunds")),
        ("chain", "1", "tools", {"lc_agent_name": "refunds", "langgraph_node": "tools"}, ("", "")),
        ("agent", "1", "agent", {"langgraph_node": "agent"}, ("", "")),
        ("agent", "1", "agent_node", {"lc_agent_name": "a", "langgraph_node": "agent_node"}, ("", "")),
        ("guardrail", "", "check", {}, ("", "")),
    ],
)
def test_agents_are_told_from_nodes_of_their_graphs(
    kind: str, parent: str, name: str, metadata: dict[str, str], expected: tuple[str, str]
) -> None:
    keys = {f"langfuse.observation.metadata.{key}": value for key, value in metadata.items()}
    record = read(raw_span({"langfuse.observation.type": kind} | keys, parent_span_id=parent, name=name))
    assert (record.operation_name, record.agent_name) == expected


@pytest.mark.parametrize(
    ("asked", "texts"),
    [
        ("Hi", ["Hi"]),
        ('"Hi"', ["Hi"]),
        ([{"role": "user", "content": "Hi"}], ["Hi"]),
        ({"role": "user", "content": "Hi"}, ["Hi"]),
        ({"messages": [{"role": "user", "content": "Hi"}], "tools": []}, ["Hi"]),
        ({"input": "Hi", "tools": []}, ["Hi"]),
        ({"instructions": "Be brief.", "input": [{"role": "user", "content": "Hi"}]}, ["Hi"]),
        ([{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hi"}], ["Hi"]),
        ([{"role": "assistant", "content": "?"}, {"role": "user", "content": "a"}], ["a"]),
        ([{"role": "user", "content": [{"text": "Hi"}, {"toolResult": {"toolUseId": "c", "content": []}}]}], ["Hi"]),
        (
            [{"role": "user", "content": "old"}, {"type": "function_call_output", "call_id": "c", "output": "1"}],
            [],
        ),
        ([{"role": "user", "content": "Hi"}, {"role": "tool", "content": {"type": "function"}}], ["Hi"]),
        ('[{"role": "user", "content": "cut', ['[{"role": "user", "content": "cut']),
        ({"topic": "cats", "words": 5}, ['{"topic": "cats", "words": 5}']),
        ({"messages": []}, []),
    ],
)
def test_generations_are_asked_in_many_forms(asked: Any, texts: list[str]) -> None:
    assert [message.text for message in read(observation("generation", asked)).content.new_input] == texts


REASONING = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}], "content": None}
SAID = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]}


@pytest.mark.parametrize(
    ("answered", "text", "reasoning"),
    [
        ("Hi", "Hi", ""),
        ({"role": "assistant", "content": "Hi"}, "Hi", ""),
        ([REASONING, SAID], "Hi", "Hm."),
        (SAID, "Hi", ""),
        ({"role": "assistant", "content": "Hi", "reasoning_content": "Hm."}, "Hi", "Hm."),
        ([{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Hi"}], "Hi", "Hm."),
        ({"candidates": [{"content": {"role": "model", "parts": [{"text": "Hi"}]}}]}, "Hi", ""),
        ({"parts": [{"text": "Hm.", "thought": True}, {"text": "Hi"}], "role": "model"}, "Hi", "Hm."),
        ({"role": "assistant", "content": None, "tool_calls": []}, "", ""),
        ({"ok": True, "items": [1]}, '{"ok": true, "items": [1]}', ""),
    ],
)
def test_generations_answer_in_many_forms(answered: Any, text: str, reasoning: str) -> None:
    content = read(observation("generation", None, answered)).content
    assert (content.output_text, content.reasoning_content) == (text, reasoning)


CALL = {"type": "tool_call", "id": "c1", "name": "look", "arguments": {"a": 1}}


@pytest.mark.parametrize(
    "answered",
    [
        {
            "role": "assistant",
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"a": 1}'}}],
        },
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "look", "input": {"a": 1}}]},
        {"role": "assistant", "content": "", "tool_calls": [{"id": "c1", "name": "look", "args": {"a": 1}}]},
        [{"type": "function_call", "id": "fc", "call_id": "c1", "name": "look", "arguments": '{"a": 1}'}],
        {"role": "model", "parts": [{"functionCall": {"id": "c1", "name": "look", "args": {"a": 1}}}]},
        {"role": "assistant", "content": [{"toolUse": {"toolUseId": "c1", "name": "look", "input": {"a": 1}}}]},
    ],
)
def test_tool_calls_of_every_api_are_the_same(answered: Any) -> None:
    (message,) = details(observation("generation", None, answered), dialects=[DIALECT]).output_messages
    assert (message.role, json.loads(message.content)) == ("assistant", [CALL])


@pytest.mark.parametrize(
    "asked",
    [
        {"role": "tool", "tool_call_id": "c1", "content": "21"},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "21"}]},
        {"role": "user", "content": [{"toolResult": {"toolUseId": "c1", "content": [{"text": "21"}]}}]},
        {"type": "function_call_output", "call_id": "c1", "output": "21"},
        {"role": "user", "parts": [{"functionResponse": {"id": "c1", "name": "look", "response": "21"}}]},
    ],
)
def test_tool_results_of_every_api_are_the_tool_s_words(asked: Any) -> None:
    (message,) = details(observation("generation", [asked]), dialects=[DIALECT]).input_messages
    expected = {"type": "tool_call_response", "id": "c1", "response": "21"}
    assert (message.role, json.loads(message.content)) == ("tool", [expected])


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (
            {"type": "image_url", "image_url": {"url": "https://a.b/c"}},
            {"type": "uri", "modality": "image", "uri": "https://a.b/c"},
        ),
        (
            {"type": "input_image", "image_url": "data:image/png;base64,QUJD"},
            {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "QUJD"},
        ),
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}},
            {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "QUJD"},
        ),
        ({"type": "input_file", "file_id": "f1"}, {"type": "file", "modality": "document", "file_id": "f1"}),
        (
            {"inlineData": {"mimeType": "audio/wav", "data": "QUJD"}},
            {"type": "blob", "modality": "audio", "mime_type": "audio/wav", "content": "QUJD"},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "@@@langfuseMedia:type=audio/wav|id=1@@@"}},
            {"type": "uri", "modality": "audio", "uri": "@@@langfuseMedia:type=audio/wav|id=1@@@"},
        ),
    ],
)
def test_pictures_and_files_are_addresses_bytes_or_ids(part: Any, expected: Any) -> None:
    raw = observation("generation", [{"role": "user", "content": [part]}])
    (message,) = details(raw, dialects=[DIALECT]).input_messages
    assert json.loads(message.content) == [expected]


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 6,
                "total_tokens": 16,
                "prompt_tokens_details": {"cached_tokens": 4},
                "completion_tokens_details": {"reasoning_tokens": 2},
            },
            (10, 6, 4, 0, 2),
        ),
        (
            {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1}, "output": 2},
            (10, 2, 4, 1, 0),
        ),
        ({"input": 6, "input_cache_read": 4, "output": 4, "output_reasoning": 2, "total": 16}, (10, 6, 4, 0, 2)),
        ({"input": 6, "input_cache_read": 4, "output": 6}, (10, 6, 4, 0, 0)),
        ({"input": 10, "input_cached_tokens": 4, "output": 6, "total": 16}, (10, 6, 4, 0, 0)),
        (
            {
                "input": 1,
                "cache_read_input_tokens": 4,
                "cache_creation_input_tokens": 5,
                "cache_creation_ephemeral_5m_input_tokens": 5,
                "output": 6,
            },
            (10, 6, 4, 5, 0),
        ),
        ({"input": 10, "input_priority": 10, "output": 6}, (10, 6, 0, 0, 0)),
        ({"input": 2}, (2, 0, 0, 0, 0)),
        ({"input": "many"}, (0, 0, 0, 0, 0)),
    ],
)
def test_input_has_the_cached_tokens_and_output_the_thoughts(usage: Any, expected: tuple[int, ...]) -> None:
    raw = observation("generation", model__name="m", usage_details=usage)
    assert read(raw).usage()[1:6] == expected


def test_only_generations_and_embeddings_have_tokens() -> None:
    kinds = ("agent", "span", "generation", "tool", "embedding")
    spans = [read(observation(kind, model__name="m", usage_details={"input": 3})) for kind in kinds]
    assert [call.input_tokens for call in llm_calls(spans[:4])] == [3]
    assert sum(span.input_tokens for span in spans) == 6


@pytest.mark.parametrize(
    ("costs", "cost"),
    [
        ({"input": 0.25, "output": 0.5, "total": 0.75}, 0.75),
        ({"input": 0.25, "output": 0.5}, 0.75),
        ({"total": "0.5"}, 0.5),
        ({"input": 0, "output": 0, "total": 0}, None),
        ("none", None),
    ],
)
def test_a_cost_is_the_client_s_total_or_sum(costs: Any, cost: float | None) -> None:
    assert DIALECT.columns(observation("generation", cost_details=costs)).get("cost_usd") == cost


@pytest.mark.parametrize(
    ("asked", "answered", "arguments", "result"),
    [
        ({"city": "Paris"}, "21", '{"city": "Paris"}', "21"),
        ({"args": [], "kwargs": {"city": "Paris"}}, {"a": 1}, '{"city": "Paris"}', '{"a": 1}'),
        ({"args": ["Paris"], "kwargs": {}}, None, "Paris", ""),
        ({"a": 1}, {"type": "tool", "content": "21", "tool_call_id": "c1"}, '{"a": 1}', "21"),
    ],
)
def test_a_tool_has_what_it_got_and_gave(asked: Any, answered: Any, arguments: str, result: str) -> None:
    record = read(observation("tool", asked, answered))
    assert (record.tool_name, record.content.tool_call_arguments, record.content.tool_call_result) == (
        "helper",
        arguments,
        result,
    )


@pytest.mark.parametrize(
    ("asked", "prompt"),
    [
        ("Hi", "Hi"),
        ({"args": ["Hi"], "kwargs": {}}, "Hi"),
        ({"args": [], "kwargs": {"question": "Hi"}}, "Hi"),
        ({"messages": [{"role": "user", "content": "Hi"}]}, "Hi"),
        ({"customer": 7}, ""),
    ],
)
def test_an_agent_is_asked_and_answers_for_the_spans_that_are_not_there(asked: Any, prompt: str) -> None:
    content = read(observation("agent", asked, {"messages": [{"role": "assistant", "content": "Hello"}]})).content
    assert (content.prompt, content.output_text) == (prompt, "Hello")


def test_wrappers_embeddings_and_retrievers_say_nothing() -> None:
    for kind in ("span", "chain", "guardrail", "evaluator", "event", "embedding", "retriever"):
        content = read(observation(kind, "Hi", "Hello")).content
        assert (content.prompt, content.output_text) == ("", ""), kind


def test_tools_that_the_model_was_offered_are_no_messages() -> None:
    tool = {"type": "function", "function": {"name": "look"}}
    for asked in ([{"role": "tool", "content": tool}], {"messages": [], "tools": [tool]}):
        raw = observation("generation", asked)
        assert json.loads(read(raw).content.tool_definitions) == [tool]
        assert details(raw, dialects=[DIALECT]).input_messages == ()


def test_settings_that_are_no_numbers_were_not_set() -> None:
    parameters = {"temperature": 0.5, "max_tokens": "Infinity", "top_p": 1}
    request = details(observation("generation", model__parameters=parameters), dialects=[DIALECT]).request
    assert (request.temperature, request.max_tokens, request.top_p) == (0.5, None, 1)


def test_metadata_tell_the_response_and_why_it_ended() -> None:
    raw = observation(
        "generation", metadata__id='"resp_1"', metadata__finish_reason='"stop"', metadata__ls_provider="x"
    )
    record = read(raw)
    assert (record.response_id, record.provider_name) == ("resp_1", "x")
    assert details(raw, dialects=[DIALECT]).finish_reasons == ("stop",)
    assert read(observation("generation", metadata__id='"my-own"')).response_id == ""


KEYS = [
    f"langfuse.observation.{key}"
    for key in ("input", "output", "usage_details", "cost_details", "model.name", "model.parameters", "metadata.id")
]


@given(
    st.sampled_from(["generation", "agent", "tool", "chain", "embedding"]) | ODD_VALUES,
    st.dictionaries(st.sampled_from(KEYS), ODD_VALUES),
)
def test_nothing_raises(kind: Any, attributes: dict[str, Any]) -> None:
    raw = raw_span({"langfuse.observation.type": kind} | attributes)
    read(raw)
    details(raw, dialects=[DIALECT])
