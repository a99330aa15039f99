"""The rules of Weave's chat view, one by one: who says what, when, and what is left out."""

import json
from typing import Any

import pytest

from domain.records import MessageKind, MessageRecord, ModelUsage, Status, ToolCallOrigin
from tests.spans import TraceOfSpans, asked, at, line, notified

LAUNCH = {"isAsync": True, "status": "async_launched", "agentId": "w1", "description": "Inspect the card"}
NOTICE = "<task-notification>done</task-notification>"


@pytest.fixture
def trace() -> TraceOfSpans:
    return TraceOfSpans()


# -- agents -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "lines"),
    [
        ({}, []),
        ({"response_model": "m"}, []),
        ({"request_model": "m"}, ["- starts"]),
        ({"tool_definitions": "[1]"}, ["- starts"]),
        ({"system_instructions": "Be brief."}, ["- starts: Be brief."]),
        ({"agent_id": "a-1"}, ["a-1 starts"]),
        ({"agent_id": "a-1", "agent_name": "bot"}, ["bot starts"]),
        ({"name": "invoke_agent bot"}, []),
        ({"compaction_items_before": 1}, ["- forgets"]),
        ({"compaction_items_after": 1}, []),
        ({"name": "invoke_agent bot", "compaction_summary": "s"}, ["bot forgets"]),
    ],
)
def test_an_agent_has_a_card_when_there_is_something_to_put_on_it(
    trace: TraceOfSpans, columns: dict[str, Any], lines: list[str]
) -> None:
    trace.span("invoke_agent", **columns)
    assert trace.timeline() == lines


def test_children_bear_the_nearest_label_and_an_agent_without_one_hands_on_what_it_got(trace: TraceOfSpans) -> None:
    boss = trace.agent("boss")
    nameless = trace.agent("", boss, request_model="m", name="invoke_agent ignored")
    trace.tool("t", trace.span(parent=nameless))
    trace.chat("mine", nameless, agent_id="a-1")
    trace.agent("", boss, output_text="as I am told")
    trace.chat("named by its span", trace.agent("", name="invoke_agent  sub "))
    expected = ["boss starts", "- starts", "boss calls t", "a-1: mine", "boss: as I am told", "sub: named by its span"]
    assert trace.timeline() == expected
    assert trace.turn().agents == ("boss",)


def test_an_agent_repeats_nothing_when_anyone_below_said_something(trace: TraceOfSpans) -> None:
    agent = trace.agent("bot", output_text="different")
    trace.chat("deep", trace.tool("t", trace.span(parent=agent)))
    assert trace.timeline() == ["bot starts", "bot calls t", "bot: deep"]


@pytest.mark.parametrize(
    ("child", "speaks"),
    [
        ({"operation": "chat", "reasoning_content": "hmm"}, True),
        ({"operation": "chat", "status": Status.ERROR}, True),
        ({"operation": "invoke_agent", "reasoning_content": "hmm"}, False),
        ({"operation": "invoke_agent", "status": Status.ERROR}, False),
        ({"operation": "invoke_agent", "output_text": json.dumps(LAUNCH)}, True),
        ({"operation": "execute_tool", "output_text": "a tool says nothing"}, True),
    ],
)
def test_reasoning_or_failure_alone_silences_an_agent_only_when_it_is_another_agents(
    trace: TraceOfSpans, child: dict[str, Any], speaks: bool
) -> None:
    trace.span(parent=trace.agent("boss", output_text="final"), **child)
    assert ("boss: final" in trace.timeline()) is speaks


def test_what_was_reasoned_below_makes_and_comes_with_an_agents_answer(trace: TraceOfSpans) -> None:
    inner = trace.agent("", trace.agent("boss", output_text="final"))
    trace.chat("", inner, reasoning_content="first")
    trace.chat("", inner, reasoning_content="second")
    messages = trace.turn().messages
    assert [(line(m), m.reasoning_content) for m in messages] == [
        ("boss starts", ""),
        ("boss: ", "first"),
        ("boss: ", "second"),
        ("boss: ", "first"),
    ]


def test_an_agents_answer_counts_the_tokens_of_all_below_by_model(trace: TraceOfSpans) -> None:
    agent = trace.agent("bot", output_text="done", input_tokens=1, output_refs=("ref",), response_model="own")
    tool = trace.tool("t", agent, request_model="free")
    trace.chat("", tool, request_model="b", input_tokens=10, output_tokens=2, reasoning_tokens=1, cache_read_tokens=3)
    trace.chat("", tool, request_model="a", response_model="b", input_tokens=20, cache_write_tokens=4)
    trace.chat("", agent, input_tokens=100)
    trace.tool("no part of it", input_tokens=1000)
    message = trace.turn().messages[-2]
    assert (message.input_tokens, message.output_tokens, message.reasoning_tokens) == (131, 2, 1)
    assert (message.model, message.content_refs) == ("own", ["ref"])
    assert message.usage_choices == [
        [ModelUsage("b", 30, 2, 3, 4, 1), ModelUsage("free", 0, 0, 0, 0, 0), ModelUsage("own", 1, 0, 0, 0, 0)]
    ]


@pytest.mark.parametrize(
    ("change", "is_launch"),
    [
        ({}, True),
        ({"description": None}, True),
        ({"isAsync": 1}, False),
        ({"status": "done", "note": "async_launched"}, False),
        ({"agentId": 7}, False),
    ],
)
def test_an_agent_that_only_says_it_was_launched_is_a_tool_call(
    trace: TraceOfSpans, change: dict[str, Any], is_launch: bool
) -> None:
    text = json.dumps(LAUNCH | change)
    trace.agent("Explore", output_text=text, output_refs=("ref",))
    if not is_launch:
        assert trace.timeline() == ["Explore starts", f"Explore: {text}"]
        return
    message = trace.turn().messages[-1]
    assert line(message) == "Explore calls Start Explore"
    assert message.tool_arguments == ("Inspect the card" if not change else "")
    assert (message.tool_result, message.tool_origin) == (text, ToolCallOrigin.ASYNC_LAUNCH)
    assert (message.duration_ms, message.content_refs) == (500, ["ref"])


@pytest.mark.parametrize("text", ["async_launched", '["async_launched"]', "[" * 100_000 + '"async_launched"'])
def test_text_that_only_mentions_a_launch_is_text(trace: TraceOfSpans, text: str) -> None:
    trace.agent("", output_text=text)
    assert trace.timeline() == [f"-: {text}"]


def test_a_launched_agent_without_a_name_is_a_subagent(trace: TraceOfSpans) -> None:
    trace.agent("", output_text=json.dumps(LAUNCH))
    assert trace.timeline() == ["- calls Start subagent"]


# -- tools ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "name"),
    [
        ({"tool_name": "look", "name": "execute_tool else"}, "look"),
        ({"name": "execute_tool look"}, "look"),
        ({"name": "look"}, "look"),
    ],
)
def test_a_tool_call_names_its_tool(trace: TraceOfSpans, columns: dict[str, Any], name: str) -> None:
    trace.span("execute_tool", **columns)
    assert trace.turn().messages[-1].tool_name == name


def test_a_tool_comes_before_what_runs_inside_it_and_labels_it(trace: TraceOfSpans) -> None:
    tool = trace.tool("research", trace.agent("bot"), agent_name="helper", status=Status.ERROR)
    trace.chat("inner", tool)
    assert trace.timeline() == ["bot starts", "helper calls research", "helper: inner"]
    assert trace.turn().messages[1].status is Status.ERROR


# -- instructions -----------------------------------------------------------------------------------------------------


def test_an_agents_card_takes_the_instructions_of_its_first_call_and_keeps_its_model(trace: TraceOfSpans) -> None:
    agent = trace.agent("bot")
    trace.chat("a", agent, system_instructions="S", request_model="m", tool_definitions="[1]")
    trace.chat("b", agent, system_instructions="S")
    assert trace.timeline() == ["bot starts: S", "bot: a", "bot: b"]
    card = trace.turn().messages[0]
    assert (card.model, card.tool_definitions) == ("", "[1]")


def test_a_cards_own_tool_definitions_stay(trace: TraceOfSpans) -> None:
    trace.chat("a", trace.agent("bot", tool_definitions="[1]"), system_instructions="S", tool_definitions="[2]")
    assert trace.turn().messages[0].tool_definitions == "[1]"


def test_instructions_of_another_label_make_a_card_of_their_own(trace: TraceOfSpans) -> None:
    agent = trace.agent("bot")
    trace.chat("a", agent, agent_name="other", system_instructions="S", request_model="m", tool_definitions="[1]")
    trace.chat("b", agent, system_instructions="T")
    assert trace.timeline() == ["bot starts", "other starts: S", "other: a", "bot starts: T", "bot: b"]
    card = trace.turn().messages[1]
    assert (card.model, card.tool_definitions, card.started_at) == ("m", "[1]", at(1000))


def test_a_user_message_ends_the_wait_for_instructions(trace: TraceOfSpans) -> None:
    agent = trace.agent("bot")
    trace.chat("a", agent, new_input=[asked("hi")])
    trace.chat("b", agent, system_instructions="S")
    assert trace.timeline() == ["User: hi", "bot starts", "bot: a", "bot starts: S", "bot: b"]


def test_an_agent_with_instructions_ends_the_wait_of_the_one_before(trace: TraceOfSpans) -> None:
    outer = trace.agent("A")
    trace.agent("B", outer, system_instructions="S")
    trace.chat("a", outer, system_instructions="T")
    assert trace.timeline() == ["A starts", "B starts: S", "A starts: T", "A: a"]


def test_instructions_are_shown_when_they_change_and_agents_always_show_their_own(trace: TraceOfSpans) -> None:
    first = trace.agent("A", system_instructions="S")
    trace.chat("a", first, system_instructions="S")
    trace.chat("b", first, system_instructions="T")
    trace.agent("B", system_instructions="T")
    assert trace.timeline() == ["A starts: S", "A: a", "A starts: T", "A: b", "B starts: T"]


# -- user messages ----------------------------------------------------------------------------------------------------


def test_new_input_is_shown_once_message_by_message(trace: TraceOfSpans) -> None:
    trace.chat("a", new_input=[asked("one"), asked(""), asked("two"), asked("", "ref")])
    trace.chat("b", new_input=[asked("", "ref")])
    trace.chat("c", new_input=[asked("two"), asked("two", "ref")])
    trace.chat("d", new_input=[asked("two")])
    messages = trace.turn().messages
    assert [line(m) for m in messages if m.kind is MessageKind.USER_MESSAGE] == [
        *("User: one", "User: two", "User: "),
        *("User: two", "User: two"),
        "User: two",
    ]


def test_a_task_notification_is_a_tool_call_and_no_prompt(trace: TraceOfSpans) -> None:
    agent = trace.agent("bot", history=[asked("the prompt")])
    trace.chat("a", agent, new_input=[notified(NOTICE, "ref")], status=Status.OK)
    trace.chat("b", agent, new_input=[notified(NOTICE, "ref")], system_instructions="S")
    expected = ["User: the prompt", "bot starts", "bot calls Task notification", "bot: a", "bot starts: S", "bot: b"]
    assert trace.timeline() == expected
    call = trace.turn().messages[2]
    assert (call.tool_result, call.tool_arguments, call.content_refs) == (NOTICE, "", ["ref"])
    assert (call.tool_origin, call.status, call.duration_ms) == (ToolCallOrigin.TASK_NOTIFICATION, Status.OK, 0)


def test_the_agents_input_is_asked_for_the_prompt_when_no_call_shows_one(trace: TraceOfSpans) -> None:
    trace.chat("x", history=[asked("from a call", "call-ref", "ref")], start_ms=0)
    trace.agent("late", history=[asked("late")], start_ms=2)
    trace.agent("short", history=[asked("short")], start_ms=1, end_ms=2)
    trace.agent("long", history=[asked("long", "ref")], start_ms=1, end_ms=3)
    trace.agent("silent", start_ms=0)
    prompt = trace.turn().messages[0]
    assert (line(prompt), prompt.started_at, prompt.content_refs) == ("User: long", at(1), ["ref", "call-ref"])


def test_the_notification_of_old_input_is_looked_for_like_the_prompt(trace: TraceOfSpans) -> None:
    trace.chat("x", new_input=[asked("hi")], history=[notified("a call's")])
    trace.agent("A", history=[notified("first agent's")])
    trace.agent("B", history=[notified("second agent's")])
    assert trace.turn().messages[0].tool_result == "first agent's"


def test_prompt_and_notification_of_old_input_go_to_the_front(trace: TraceOfSpans) -> None:
    agent = trace.agent("", agent_id="a-1", history=[notified("old"), asked("prompt"), notified(NOTICE)])
    trace.chat("x", agent)
    expected = ["User: prompt", "a-1 calls Task notification", "a-1 starts", "a-1: x"]
    assert trace.timeline() == expected
    call = trace.turn().messages[1]
    assert (call.span_id, call.tool_result) == (agent.span_id, NOTICE)


def test_the_user_speaks_before_the_first_card_but_only_before_one(trace: TraceOfSpans) -> None:
    agent = trace.agent("A", system_instructions="one")
    call = trace.chat("hello", agent, new_input=[asked("hi")])
    assert trace.timeline() == ["User: hi", "A starts: one", "A: hello"]
    trace.spans.remove(call)
    trace.chat("hello", agent, new_input=[asked("hi")], system_instructions="two")
    assert trace.timeline() == ["A starts: one", "A starts: two", "User: hi", "A: hello"]


# -- assistant messages -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["chat", "generate_content", "", "retrieval"])
@pytest.mark.parametrize(
    ("columns", "is_shown"),
    [({}, False), ({"status": Status.OK}, False), ({"status": Status.ERROR}, True), ({"reasoning_content": "r"}, True)],
)
def test_a_span_without_output_is_silent_unless_it_reasoned_or_failed(
    trace: TraceOfSpans, operation: str, columns: dict[str, Any], is_shown: bool
) -> None:
    trace.span(operation, **columns)
    assert trace.timeline() == (["-: "] if is_shown else [])


def test_a_childs_message_with_its_parents_text_takes_the_numbers_it_lacks(trace: TraceOfSpans) -> None:
    parent = trace.chat(
        "Looking now.",
        agent_version="1",
        request_model="m",
        reasoning_content="Check first.",
        input_tokens=200,
        output_tokens=40,
        reasoning_tokens=12,
        status=Status.ERROR,
        output_refs=("a", "b"),
        end_ms=900,
    )
    child: dict[str, Any] = {"end_ms": 500, "output_refs": ("c", "a")}
    trace.span("assistant_text", parent, output_text="Looking now.", request_model="n", start_ms=400, **child)
    twin = trace.span("assistant_text", parent, output_text="Looking now.", start_ms=500, **child)
    messages = trace.turn().messages
    assert len(messages) == 2
    assert messages[0].model == "n"
    own = [ModelUsage("m", 200, 40, 0, 0, 12)]
    assert messages[1] == MessageRecord(
        MessageKind.ASSISTANT_MESSAGE,
        twin.span_id,
        "",
        "1",
        Status.UNSET,
        at(500),
        text="Looking now.",
        model="m",
        reasoning_content="Check first.",
        input_tokens=200,
        output_tokens=40,
        reasoning_tokens=12,
        usage_choices=[own],
        duration_ms=900,
        content_refs=["c", "a", "b"],
    )


def test_a_childs_own_numbers_and_prices_go_before_its_parents(trace: TraceOfSpans) -> None:
    parent = trace.chat("same", request_model="m", input_tokens=1, output_tokens=2)
    trace.span("assistant_text", parent, output_text="same", request_model="n", input_tokens=3)
    message = trace.turn().messages[-1]
    assert (message.model, message.input_tokens, message.output_tokens) == ("n", 3, 2)
    assert message.usage_choices == [[ModelUsage("n", 3, 0, 0, 0, 0)], [ModelUsage("m", 1, 2, 0, 0, 0)]]


def test_only_a_direct_childs_message_is_a_mirror(trace: TraceOfSpans) -> None:
    parent = trace.chat("same")
    trace.chat("same", trace.chat("same", trace.span(parent=parent)))
    assert trace.timeline() == ["-: same", "-: same"]


def test_a_mirrored_text_silences_the_agent_above(trace: TraceOfSpans) -> None:
    wrapper = trace.span(parent=trace.agent("bot", output_text="final"), output_text="same")
    trace.agent("sub", wrapper, output_text="same")
    assert trace.timeline() == ["bot starts", "sub starts", "sub: same"]
