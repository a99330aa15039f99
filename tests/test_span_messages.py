"""What is understood of a span's messages: which there are, their texts, references and roles."""

import json
from typing import Any

import pytest

from domain.dialects import SpanMessage, details, understand
from domain.records import InputMessage, SpanContent
from tests.raw_spans import event, raw_span

IMAGE, PROMPT = "weave:///acme/support/object/Content:IMG", "weave:///acme/support/object/prompt:PD"


def content(attributes: dict[str, Any], *events: Any) -> SpanContent:
    return understand(raw_span(attributes, *events)).content


def asked(messages: Any, **attributes: Any) -> SpanContent:
    """What is made of input messages, given as Python values and sent as JSON."""
    return content({"gen_ai.input.messages": json.dumps(messages)} | attributes)


def answered(messages: Any, **attributes: Any) -> SpanContent:
    return content({"gen_ai.output.messages": json.dumps(messages)} | attributes)


def texts(said: SpanContent) -> list[str]:
    return [message.text for message in said.new_input]


def said_by(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def uri(reference: str) -> dict[str, str]:
    return {"type": "uri", "mime_type": "image/png", "modality": "image", "uri": reference}


# ----------------------------------------------------------------------------------------------------------------------
# Forms


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ('[{"role":"user","parts":[{"type":"text","content":"a"}]}]', ["a"]),
        ('[{"role":"user","content":"a"}]', ["a"]),
        ('[{"role":"user","content":[{"type":"text","text":"a"}]}]', ["a"]),
        (' [{"role":"user","content":"a"}]', ["a"]),
        ([{"role": "user", "parts": [{"type": "text", "content": "structured"}]}], ["structured"]),
        ('{"role":"user","content":"one object"}', ["one object"]),
        ({"role": "user", "content": "one map"}, ["one map"]),
        ({"role": None, "content": "null role"}, ["null role"]),
        ('{"content":"no role"}', []),
        ('{"0":{"content":"a"},"1":{"content":"b"}}', ["a", "b"]),
        ({"1": {"content": "b"}, "0": {"content": "a"}}, ["a", "b"]),
        ({"0": {"content": "a"}, "2": {"content": "b"}}, []),
        ({"1": {"content": "a"}}, []),
        ('["plain", {"content": "structured"}, 7, null, ["x"]]', ["plain", "structured"]),
        ("just text", ["just text"]),
        ("42 is it", ["42 is it"]),
        ("[broken", ["[broken"]),
        ("  ", ["  "]),
        ("", []),
        ("42", []),
        ("-1.5e3", []),
        ('"quoted"', []),
        ("true", []),
        ("null", []),
        ("NaN", []),
        (42, []),
        (True, []),
        ("{}", []),
        ("[]", []),
        ([], []),
    ],
    ids=lambda value: str(value)[:40],
)
@pytest.mark.parametrize("key", ["weave.input.messages", "gen_ai.input.messages", "weave.prompt", "gen_ai.prompt"])
def test_messages_come_in_many_forms(key: str, sent: Any, expected: list[str]) -> None:
    assert texts(content({key: sent})) == expected


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"weave.input.messages": "", "gen_ai.input.messages": "second"}, []),
        ({"weave.input.messages": None, "gen_ai.input.messages": "second"}, ["second"]),
        ({"gen_ai.prompt": "fourth", "weave.prompt": "third"}, ["third"]),
        ({"gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "a", "gen_ai.prompt.1.content": "b"}, ["a", "b"]),
        ({"gen_ai.prompt.1.content": "b", "gen_ai.prompt.0.content": "a"}, ["a", "b"]),
        ({f"gen_ai.prompt.{n}.content": str(n) for n in reversed(range(12))}, [str(n) for n in range(12)]),
        ({"gen_ai.prompt.0.parts.0.content": "p", "gen_ai.prompt.0.parts.1.content": "q"}, ["p\nq"]),
        ({"gen_ai.prompt.0.content": '[{"type":"text","text":"listed"}]'}, ["listed"]),
        ({"gen_ai.prompt.0": "bare", "gen_ai.prompt.1": '{"content":"json"}'}, ["bare", "json"]),
        ({"gen_ai.prompt": '[{"content":"a"}]', "gen_ai.prompt.1.content": "b"}, ["a", "b"]),
        ({"gen_ai.prompt": "plain", "gen_ai.prompt.0.content": "below"}, ["plain"]),
        ({"gen_ai.prompt.name": "greeting", "gen_ai.prompt.version": "3"}, []),
        ({"gen_ai.prompt.0.content": "a", "gen_ai.prompt.2.content": "c"}, []),
    ],
    ids=lambda value: str(value)[:60],
)
def test_older_forms_are_read_and_the_first_key_present_wins(keys: dict[str, Any], expected: list[str]) -> None:
    assert texts(content(keys)) == expected


@pytest.mark.parametrize(
    ("attributes", "completion", "text"),
    [
        ({"gen_ai.completion": "ok"}, None, "ok"),
        ({"gen_ai.completion": "true"}, None, ""),
        ({"weave.completion": "w", "gen_ai.completion": "g"}, None, "w"),
        ({"gen_ai.completion.0.content": "a", "gen_ai.completion.0.finish_reason": "stop"}, None, "a"),
        ({"gen_ai.output.messages": '[{"content":"o"}]', "gen_ai.completion": "c"}, None, "o"),
        ({"gen_ai.output.messages": '[{"content":"o"}]'}, "event", "o"),
        ({"gen_ai.output.messages": ""}, "event", ""),
        ({}, "event", "event"),
        ({}, '[{"role":"assistant","content":"json event"}]', "json event"),
        ({}, [{"role": "assistant", "content": "structured event"}], "structured event"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_an_answer_is_in_the_messages_else_in_the_completion_else_in_an_event(
    attributes: dict[str, Any], completion: Any, text: str
) -> None:
    events = [
        event("gen_ai.content.completion", {"gen_ai.completion": said}) for said in (completion, "second") if completion
    ]
    assert content(attributes, *events).output_text == text


# ----------------------------------------------------------------------------------------------------------------------
# Texts


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (
            {"parts": ["s1", {"type": "text", "content": "c", "text": "t"}, {"type": "thinking", "content": "x"}]},
            "s1\nc\nx",
        ),
        ({"parts": [{"type": "refusal", "refusal": "no"}, {"type": "text", "text": "t"}, 7, None]}, "t"),
        ({"parts": [{"type": "text", "content": None, "text": "t"}]}, "t"),
        (
            {"parts": [{"type": kind, "content": "no", "text": "no"} for kind in ("reasoning", "uri", "blob", "file")]},
            "",
        ),
        ({"parts": [{"type": "tool_call", "name": "n", "arguments": {"content": "no"}}]}, ""),
        ({"parts": [{"type": "tool_call_response", "response": "r"}]}, ""),
        ({"parts": [{"content": "typeless"}, {"type": ["odd"], "content": "odd"}]}, "typeless\nodd"),
        ({"parts": []}, ""),
        ({"parts": [], "content": "not this"}, ""),
        ({"parts": None, "content": "this"}, "this"),
        ({"parts": "text", "content": "this"}, "this"),
        ({"content": None}, ""),
        ({"content": {"text": "object"}}, ""),
        ({"content": 7}, ""),
        ({"content": "flat"}, "flat"),
        ({"content": '{"json":"object"}'}, '{"json":"object"}'),
        ({"content": '["a", {"type": "text", "text": "b"}]'}, "a\nb"),
        ({"content": "[1, 2]"}, ""),
        ({"content": "[not a list"}, "[not a list"),
        ({"content": ' ["a"]'}, ' ["a"]'),
        ({"content": "half \ud83d, nul \0"}, "half \ufffd, nul \ufffd"),
        ({"content": "x" * 1_000_000}, "x" * 1_000_000),
    ],
    ids=lambda value: str(value)[:60],
)
def test_the_text_of_a_message_is_that_of_its_parts(message: dict[str, Any], text: str) -> None:
    assert answered([message]).output_text == text
    assert asked([message]).prompt == text


def test_an_answer_is_made_of_all_messages_but_the_users() -> None:
    said = answered(
        [
            said_by("user", "echo"),
            said_by("assistant", "a"),
            {"content": ""},
            said_by("tool", "t"),
            said_by("User", "u"),
        ]
    )
    assert said.output_text == "a\n\nt\n\nu"


@pytest.mark.parametrize(
    ("messages", "reasoning"),
    [
        ([{"parts": [{"type": "reasoning", "content": "one"}, {"type": "text", "content": "t"}]}], "one"),
        ([{"parts": [{"type": "reasoning", "content": c}]} for c in ("one", "", "two")], "one\ntwo"),
        ([{"role": "user", "parts": [{"type": "reasoning", "content": "any role"}]}], "any role"),
        ([{"content": [{"type": "reasoning", "content": "not in parts"}]}], ""),
        ([{"parts": [{"type": "reasoning", "text": "not content"}, {"type": "Reasoning", "content": "x"}]}], ""),
        ([{"content": "flat"}, "text"], ""),
        ({"role": "assistant", "parts": [{"type": "reasoning", "content": "lone object"}]}, "lone object"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_reasoning_is_in_reasoning_parts_only(messages: Any, reasoning: str) -> None:
    said = answered(messages, **{"weave.reasoning_content": "ignored"})
    assert said.reasoning_content == reasoning


# ----------------------------------------------------------------------------------------------------------------------
# The input


@pytest.mark.parametrize("role", ["assistant", "system", "tool", "tool_call", "tool_result"])
def test_only_what_follows_the_last_message_of_another_side_is_new(role: str) -> None:
    said = asked([said_by("user", "old"), said_by(role, "x"), said_by("user", "new"), said_by("developer", "newer")])
    assert texts(said) == ["new", "newer"]
    assert texts(asked([said_by("user", "old"), said_by(role, "x")])) == []


@pytest.mark.parametrize("role", ["user", "human", "developer", "", "Assistant", "SYSTEM", None, 7])
def test_every_other_role_speaks_for_the_user(role: Any) -> None:
    assert texts(asked([{"role": role, "content": "x"}])) == ["x"]


@pytest.mark.parametrize(
    ("messages", "prompt"),
    [
        ([said_by("user", "one"), said_by("assistant", "r"), said_by("user", "two")], "two"),
        ([said_by("user", "write a poem"), said_by("assistant", "Roses")], "write a poem"),
        ([said_by("user", "one"), said_by("user", "")], "one"),
        ([said_by("user", "one"), said_by("human", "other side")], "one"),
        ([said_by("human", "h1"), said_by("human", "h2"), said_by("user", "")], "h2"),
        ([said_by("user", "one"), {"role": "user", "content": "<task-notification>x</task-notification>"}], "one"),
        ([{"role": "user", "content": "<task-notification>x</task-notification>"}], ""),
        ([said_by("system", "s"), said_by("tool", "t")], ""),
        ([], ""),
    ],
)
def test_the_prompt_to_fall_back_on_is_the_last_text_of_the_user(messages: list[Any], prompt: str) -> None:
    assert asked(messages).prompt == prompt


@pytest.mark.parametrize(
    ("message", "is_one"),
    [
        ({"role": "user", "content": "<task-notification>x</task-notification>"}, True),
        ({"role": "user", "content": " \n<task-notification></task-notification>\t"}, True),
        ({"content": "<task-notification>x</task-notification>"}, True),
        ({"role": "human", "content": "<task-notification>x</task-notification>"}, False),
        ({"role": "user", "content": "<task-notification>x"}, False),
        ({"role": "user", "content": "see <task-notification>x</task-notification>"}, False),
        (said_by("user", "<task-notification>x</task-notification>"), False),
        ({"role": "user", "content": [{"type": "text", "text": "<task-notification>x</task-notification>"}]}, False),
    ],
)
def test_a_task_notification_is_a_flat_user_message(message: dict[str, Any], is_one: bool) -> None:
    said = asked([message])
    assert [new.is_task_notification for new in said.new_input] == [is_one]
    assert (said.task_notification is not None) is is_one


def test_the_last_task_notification_is_found_anywhere_in_the_input() -> None:
    notices = [{"role": "user", "content": f"<task-notification>{n}</task-notification>"} for n in "12"]
    said = asked([*notices, said_by("assistant", "a"), said_by("user", "next")])
    assert said.task_notification == InputMessage("<task-notification>2</task-notification>", (), True)
    assert texts(said) == ["next"]


def test_messages_without_text_and_references_are_left_out() -> None:
    said = asked(
        [
            said_by("user", ""),
            {"role": "user", "content": None},
            {"role": "user", "parts": [uri(IMAGE)]},
            said_by("user", " "),
        ]
    )
    assert said.new_input == (InputMessage("", (IMAGE,), False), InputMessage(" ", (), False))


# ----------------------------------------------------------------------------------------------------------------------
# References


@pytest.mark.parametrize(
    ("parts", "content_refs", "refs"),
    [
        ([uri(IMAGE)], [], (IMAGE,)),
        ([uri("weave-internal:///1/object/Content:IMG")], [IMAGE, "other:X"], (IMAGE,)),
        ([{"type": "file", "uri": "x:2"}, {"type": "blob", "uri": "x:1"}], ["r:1", "r:2", "r:3"], ("r:1", "r:2")),
        ([{"type": "text", "uri": "x:1"}], ["r:1"], ()),
        ([{"type": "uri", "file_id": "x:1"}, {"type": "uri", "uri": 7}], ["r:1"], ()),
        ([{"type": "text", "content": "hello"}], [IMAGE], ()),
        (
            [{"type": "image_url", "image_url": {"url": IMAGE}}, {"type": "x", "input": {"ref": PROMPT}}],
            [],
            (IMAGE, PROMPT),
        ),
        ([uri(IMAGE), {"type": "x", "ref": IMAGE}, uri(PROMPT)], [PROMPT], (PROMPT, IMAGE)),
        ([{"type": "image_url", "image_url": {"url": "https://x/y.png"}}], [], ()),
        ([{"type": "text", "content": json.dumps({"inner": [IMAGE]})}], [], (IMAGE,)),
        ([{"type": "text", "content": f"see {IMAGE}"}], [], ()),
        ([{"type": "text", "content": f"{IMAGE} is it"}], [], ()),
        ([{"type": "text", "content": "{broken weave:"}], [], ()),
    ],
    ids=lambda value: str(value)[:60],
)
def test_references_are_those_that_a_media_part_names_and_those_found_inside(
    parts: list[Any], content_refs: list[str], refs: tuple[str, ...]
) -> None:
    messages = [{"role": "user", "parts": parts}]
    said = asked(messages, **{"weave.content_refs": content_refs, "gen_ai.output.messages": messages})
    assert (said.user_refs, said.output_refs) == (refs, refs)
    assert tuple(ref for new in said.new_input for ref in new.refs) == refs
    assert said.content_refs == tuple(content_refs)


@pytest.mark.parametrize(("levels", "found"), [(1, True), (6, True), (7, False), (30, False)])
def test_a_reference_sits_at_most_eight_steps_below_its_message(levels: int, found: bool) -> None:
    part: Any = IMAGE
    for _ in range(levels):
        part = {"in": part}
    # The content list is the first step, the part in it the second.
    assert asked([{"role": "user", "parts": [part]}]).user_refs == ((IMAGE,) if found else ())


def test_opening_json_is_a_step_too() -> None:
    def opened(levels: int) -> SpanContent:
        inner: Any = [IMAGE]
        for _ in range(levels):
            inner = {"in": inner}
        return asked([{"role": "user", "parts": [json.dumps(inner)]}])

    # List, part, what it holds, then the levels, and the item of the list.
    assert [bool(opened(levels).user_refs) for levels in (4, 5)] == [True, False]


def test_flat_text_that_is_a_reference_or_holds_one_counts() -> None:
    messages = [{"role": "user", "content": IMAGE}, {"role": "user", "content": json.dumps([uri(PROMPT)])}]
    assert asked(messages).user_refs == (IMAGE, PROMPT)


def test_a_turn_gathers_the_references_of_all_user_side_messages() -> None:
    messages = [
        {"role": "user", "parts": [uri(IMAGE)]},
        {"role": "assistant", "parts": [uri("weave:///acme/support/object/Content:ANSWER")]},
        {"role": "developer", "parts": [uri(PROMPT)]},
    ]
    said = asked(messages)
    assert said.user_refs == (IMAGE, PROMPT)
    assert said.new_input == (InputMessage("", (PROMPT,), False),)


# ----------------------------------------------------------------------------------------------------------------------
# As stored, and long histories


@pytest.mark.parametrize(
    ("message", "stored"),
    [
        (
            {"role": "assistant", "parts": [{"type": "text", "content": "é"}], "finish_reason": "stop"},
            SpanMessage("assistant", '[{"type": "text", "content": "\\u00e9"}]', "stop"),
        ),
        ({"content": [{"text": "a"}], "finish_reason": None}, SpanMessage("assistant", '[{"text": "a"}]', "")),
        ({"role": "tool", "content": "flat"}, SpanMessage("tool", "flat", "")),
        ({"role": "user", "content": {"a": 1}}, SpanMessage("user", "", "")),
        ("text", SpanMessage("assistant", "text", "")),
        ({"parts": [{"n": 10**30}]}, SpanMessage("assistant", f'[{{"n": {10**30}}}]', "")),
    ],
    ids=lambda value: str(value)[:60],
)
def test_messages_are_stored_with_role_content_and_finish_reason(message: Any, stored: SpanMessage) -> None:
    span = raw_span({"gen_ai.output.messages": json.dumps([message])})
    assert details(span).output_messages == (stored,)


def test_of_a_long_history_only_the_end_is_new() -> None:
    """Read over and over, as much history as this would take until the test's time limit."""
    turn = [
        said_by("user", "q" * 500),
        {"role": "assistant", "parts": [uri(IMAGE)]},
        {"role": "user", "content": "last"},
    ]
    span = raw_span({"gen_ai.input.messages": json.dumps(turn * 20_000), "weave.content_refs": [IMAGE]})
    content = understand(span).content
    assert [message.text for message in content.new_input] == ["last"]
    assert content.prompt == "last"
