"""OpenInference: what was said, in messages and in input.value and output.value."""

import json
from typing import Any

import pytest

from domain.dialects import details, understand
from domain.dialects.openinference import DIALECT
from domain.dialects.openinference_messages import messages
from tests.openinference_spans import (
    INPUT,
    KIND,
    LLAMA_INDEX_OUTPUT,
    ORDER,
    OUTPUT,
    TOOL_MESSAGE,
    llm,
    message,
    read,
    said,
)
from tests.raw_spans import raw_span

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


def test_the_line_that_smolagents_writes_before_a_task_is_nobodys_word() -> None:
    span = llm(message(0, "user", "New task:\nWhere?") | message(0, "assistant", "New task:\nDone.", OUTPUT))
    assert [said.text for said in span.content.new_input] == ["Where?"]
    assert span.content.output_text == "New task:\nDone."


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
        ({"output.value": json.dumps(LLAMA_INDEX_OUTPUT)}, "t", "t", "", "21\ndegrees", ""),
        ({"output.value": '{"blocks": [], "tool_name": "t"}'}, "t", "t", "", '{"blocks": [], "tool_name": "t"}', ""),
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
