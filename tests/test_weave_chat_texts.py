"""POST /agents/conversations/chat: which words of a span are shown, and where they are read from."""

import json
from typing import Any

import pytest

from tests.chat_view import C1, asks, messages, parts, timeline
from tests.client import Client, Sent, export_request, said
from tests.otlp_requests import key_values


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ('{"a":1,"b":[true,null]}', '{"a": 1, "b": [true, null]}'),
        ('{"z":"ä","a":"\\u00e4 \\n"}', '{"z": "\\u00e4", "a": "\\u00e4 \\n"}'),
        ("[1,2.50,1e3]", "[1, 2.5, 1000.0]"),
        ('{"n": 123456789012345678901234567890}', '{"n": 123456789012345678901234567890}'),
        ("{}", ""),
        ("[]", ""),
        ("{broken", "{broken"),
        ("[citation]", "[citation]"),
        (' {"a":1}', ' {"a":1}'),
        ("42", "42"),
        ('"text"', '"text"'),
        ("", ""),
        ({"a": [1, {"b": "x"}]}, '{"a": [1, {"b": "x"}]}'),
        (["x"], '["x"]'),
        (False, ""),
        (0, ""),
        (True, "true"),
        (1.5, "1.5"),
    ],
    ids=repr,
)
async def test_arguments_and_results_come_back_in_one_spelling_of_json(client: Client, sent: Any, shown: str) -> None:
    own = {"gen_ai.tool.call.arguments": sent, "gen_ai.tool.call.result": sent}
    await client.send(Sent("10", "execute_tool t", attributes=C1 | own))
    [call] = await messages(client)
    assert (call["tool_call"]["tool_arguments"], call["tool_call"]["tool_result"]) == (shown, shown)


async def test_arguments_and_results_may_stand_in_events(client: Client) -> None:
    request = export_request([Sent("10", "execute_tool t", attributes=C1)])
    span = request.resource_spans[0].scope_spans[0].spans[0]
    arguments, result = {"gen_ai.tool.call.arguments": '{"a":1}'}, {"gen_ai.tool.call.result": "r"}
    span.events.add(name="gen_ai.tool.input", attributes=key_values(arguments))
    span.events.add(name="gen_ai.tool.output", attributes=key_values(result))
    await client.export(request.SerializeToString())
    [call] = await messages(client)
    assert (call["tool_call"]["tool_arguments"], call["tool_call"]["tool_result"]) == ('{"a": 1}', "r")


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ("plain", "plain"),
        (json.dumps([parts("assistant", "one", "two"), parts("assistant", "three")]), "one\ntwo\n\nthree"),
        (json.dumps([{"role": "assistant", "content": "flat"}]), "flat"),
        (json.dumps([{"role": "assistant", "content": [{"type": "text", "text": "a"}, {"text": "b"}]}]), "a\nb"),
        (json.dumps([{"role": "assistant", "content": '["not","shown"]'}]), "not\nshown"),
        (json.dumps([{"role": "assistant", "content": '[{"no": "text"}]'}, "rest"]), "rest"),
        (json.dumps([{"role": "assistant", "content": "[broken"}]), "[broken"),
        (json.dumps(["one", "two"]), "one\n\ntwo"),
        (json.dumps({"role": "assistant", "content": "alone"}), "alone"),
        (json.dumps([parts("user", "no"), parts("User", "yes"), parts("tool", "also")]), "yes\n\nalso"),
        (json.dumps([{"content": "no role"}]), "no role"),
        (json.dumps([{"role": "assistant", "parts": ["str", 7, None, {"type": "new", "content": "c"}]}]), "str\nc"),
        ([parts("assistant", "structured")], "structured"),
        (parts("assistant", "lone"), "lone"),
    ],
    ids=lambda value: str(value)[:50],
)
async def test_an_answer_is_the_texts_of_its_messages(client: Client, output: Any, text: str) -> None:
    await client.send(said("10", attributes={"gen_ai.output.messages": output}))
    [answer] = await messages(client)
    assert answer["assistant_message"]["text"] == text


@pytest.mark.parametrize(
    "output",
    [
        "42",
        "true",
        "null",
        '"quoted"',
        "",
        '{"content": "no role"}',
        "[]",
        "[7, null]",
        '[{"role":"user","content":"x"}]',
    ],
)
async def test_what_is_no_message_is_not_shown(client: Client, output: str) -> None:
    await client.send(said("10", attributes={"gen_ai.output.messages": output}))
    assert await messages(client) == []


@pytest.mark.parametrize(
    "attributes",
    [
        {"weave.output.messages": "x", "gen_ai.output.messages": "y"},
        {"gen_ai.output.messages": "x", "weave.completion": "y"},
        {"weave.completion": "x", "gen_ai.completion": "y"},
        {"gen_ai.completion": "x"},
        {"gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.content": "x"},
        {"gen_ai.output": {"messages": [{"role": "assistant", "content": "x"}]}},
    ],
    ids=" ".join,
)
async def test_the_output_stands_under_the_first_key_that_is_there(client: Client, attributes: dict[str, Any]) -> None:
    await client.send(said("10", attributes=attributes))
    assert await timeline(client) == ["-: x"]


async def test_the_first_key_counts_even_when_it_is_empty(client: Client) -> None:
    own = {
        "weave.output.messages": "",
        "gen_ai.output.messages": "lost",
        "weave.agent.name": "",
        "gen_ai.agent.name": "B",
    }
    await client.send(said("10", attributes=own), said("11", "x", start=1, attributes={"gen_ai.agent.name": "A"}))
    assert await timeline(client) == ["A: x"]


async def test_the_output_may_stand_in_an_event(client: Client) -> None:
    request = export_request([said("10")])
    span = request.resource_spans[0].scope_spans[0].spans[0]
    for text in ("first", "second"):
        span.events.add(name="gen_ai.content.completion", attributes=key_values({"gen_ai.completion": text}))
    await client.export(request.SerializeToString())
    assert await timeline(client) == ["-: first"]


async def test_reasoning_is_shown_beside_the_text_and_only_from_parts(client: Client) -> None:
    thinks = [{"type": "reasoning", "content": "One."}, {"type": "reasoning", "content": "Two."}]
    await client.send(
        said("10", attributes={"gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": thinks}])}),
        said("11", "Said.", start=1, attributes={"weave.reasoning_content": "Never shown."}),
    )
    answers = [item["assistant_message"] for item in await messages(client)]
    assert [(answer["text"], answer["reasoning_content"]) for answer in answers] == [("", "One.\nTwo."), ("Said.", "")]


# -- users ------------------------------------------------------------------------------------------------------------


async def test_the_users_words_are_the_end_of_the_input_one_message_each(client: Client) -> None:
    history = [
        parts("system", "S"),
        parts("user", "old"),
        parts("assistant", "A"),
        parts("user", "one"),
        parts("human", "two"),
    ]
    await client.send(said("10", "x", attributes={"gen_ai.input.messages": json.dumps([*history, parts("user", "")])}))
    assert await timeline(client) == ["User: one", "User: two", "-: x"]


async def test_a_prompt_that_two_calls_repeat_is_shown_once(client: Client) -> None:
    loop = json.dumps([parts("user", "Hi"), parts("assistant", "calling"), parts("tool", "result")])
    await client.send(
        said("10", "a", attributes=asks("Hi")),
        said("11", "b", start=1, attributes=asks("Hi")),
        said("12", "c", start=2, attributes={"gen_ai.input.messages": loop}),
        said("13", "d", start=3, attributes=asks("And?")),
    )
    assert await timeline(client) == ["User: Hi", "-: a", "-: b", "-: c", "User: And?", "-: d"]


async def test_without_a_prompt_at_a_call_the_agents_last_one_is_shown_first(client: Client) -> None:
    await client.send(
        Sent("1", "invoke_agent Bot", attributes=C1 | asks("first", "last")), said("2", "x", parent="1", start=1)
    )
    assert await timeline(client) == ["User: last", "Bot starts", "Bot: x"]


async def test_a_notice_in_parts_is_a_user_message(client: Client) -> None:
    await client.send(said("10", "x", attributes=asks("<task-notification>d</task-notification>")))
    assert await timeline(client) == ["User: <task-notification>d</task-notification>", "-: x"]


async def test_media_is_referred_to_where_it_was_said(client: Client) -> None:
    image = {"type": "uri", "modality": "image", "uri": "weave-trace-internal:///a/b/object/cat:d1"}
    spoken = [{"role": "user", "parts": [{"type": "text", "content": "Look"}, image]}]
    refs = ["weave:///a/b/object/cat:d1", "weave:///a/b/object/dog:d2"]
    output = [{"role": "assistant", "content": "See", "extra": "x"}, parts("assistant", "weave:///a/b/object/z:9")]
    await client.send(
        said(
            "10",
            attributes={
                "gen_ai.input.messages": json.dumps(spoken),
                "gen_ai.output.messages": json.dumps(output),
                "weave.content_refs": refs,
            },
        )
    )
    assert await timeline(client) == [
        "User: Look [weave:///a/b/object/cat:d1]",
        "-: See\n\nweave:///a/b/object/z:9 [weave:///a/b/object/z:9]",
    ]
