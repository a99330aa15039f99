"""The full view of a turn: what Weave's timeline leaves out, each thing once, without what frameworks wrap around."""

from dataclasses import replace
from typing import Any

import pytest

from domain.records import (
    Compaction,
    MessageKind,
    MessageRecord,
    MessageView,
    Status,
    ToolCallOrigin,
    ToolRequest,
    ToolResponse,
)
from tests.spans import OPEN, TraceOfSpans, asked, at, line

LOOK = ToolRequest("call-1", "look", '{"at": 1}')
SAME_WITHOUT_ID = LOOK._replace(call_id="")


@pytest.fixture
def trace() -> TraceOfSpans:
    return TraceOfSpans()


def full(trace: TraceOfSpans) -> list[str]:
    return trace.timeline(MessageView.FULL)


def requested(trace: TraceOfSpans) -> list[MessageRecord]:
    return [message for message in trace.messages() if message.tool_origin is ToolCallOrigin.MODEL_REQUEST]


# -- tool calls that only messages tell of ----------------------------------------------------------------------------


def test_a_tool_call_without_a_span_follows_the_message_that_asks_for_it(trace: TraceOfSpans) -> None:
    agent = trace.agent("bot")
    asking = trace.chat("I look.", agent, tool_requests=(LOOK,), status=Status.OK, agent_version="7")
    trace.chat("Found.", agent, tool_responses=(ToolResponse("call-1", "here"),))
    assert full(trace) == ["bot starts", "bot: I look.", "bot calls look", "bot: Found."]
    assert trace.timeline() == ["bot starts", "bot: I look.", "bot: Found."]
    assert requested(trace) == [
        MessageRecord(
            MessageKind.TOOL_CALL,
            asking.span_id,
            "bot",
            "7",
            Status.OK,
            at(1500),
            tool_origin=ToolCallOrigin.MODEL_REQUEST,
            tool_name="look",
            tool_arguments='{"at": 1}',
            tool_result="here",
            only_in=MessageView.FULL,
        )
    ]


def test_a_call_that_only_asks_for_tools_shows_them(trace: TraceOfSpans) -> None:
    trace.chat(new_input=[asked("Where?")], tool_requests=(LOOK, LOOK._replace(call_id="call-2")), end_ms=OPEN)
    assert full(trace) == ["User: Where?", "- calls look", "- calls look"]
    assert [(call.started_at, call.tool_result) for call in requested(trace)] == [(at(0), ""), (at(0), "")]


def test_what_is_asked_for_stands_after_what_the_asking_span_holds(trace: TraceOfSpans) -> None:
    asking = trace.chat("", trace.agent("bot"), tool_requests=(LOOK,))
    trace.tool("nested", asking)
    trace.chat("later")
    assert full(trace) == ["bot starts", "bot calls nested", "bot calls look", "-: later"]


@pytest.mark.parametrize(
    ("request_id", "execution", "is_executed"),
    [
        ("call-1", {"tool_call_id": "call-1", "tool_name": "renamed"}, True),
        ("call-1", {"tool_call_id": "call-2", "tool_name": "look"}, False),
        ("", {"tool_call_id": "call-2", "tool_name": "look"}, True),
        ("call-1", {"tool_name": "look"}, True),
        ("call-1", {"name": "execute_tool look"}, True),
        ("call-1", {"tool_name": "look", "start_ms": 999}, False),
        ("call-1", {"tool_name": "seek"}, False),
        ("call-1", {"operation": "invoke_agent", "tool_call_id": "call-1"}, True),
        ("call-1", {"operation": "chat", "tool_call_id": "call-1"}, False),
    ],
)
def test_an_execution_is_found_by_id_where_both_have_one_else_by_name_and_time(
    trace: TraceOfSpans, request_id: str, execution: dict[str, Any], is_executed: bool
) -> None:
    trace.chat("", start_ms=1000, tool_requests=(LOOK._replace(call_id=request_id),))
    columns: dict[str, Any] = {"operation": "execute_tool", "start_ms": 1000}
    trace.span(**columns | execution)
    assert (requested(trace) == []) is is_executed


def test_an_execution_answers_one_request_and_those_with_its_id_go_first(trace: TraceOfSpans) -> None:
    trace.chat("", tool_requests=(SAME_WITHOUT_ID, SAME_WITHOUT_ID, LOOK))
    trace.tool("look", tool_call_id="call-1")
    trace.tool("look")
    assert [call.tool_arguments for call in requested(trace)] == [LOOK.arguments]


def test_a_replayed_request_shows_once(trace: TraceOfSpans) -> None:
    trace.chat("", tool_requests=(LOOK,))
    trace.chat("", tool_requests=(LOOK, LOOK._replace(call_id="call-2")))
    assert len(requested(trace)) == 2


@pytest.mark.parametrize("inner", [LOOK, SAME_WITHOUT_ID])
@pytest.mark.parametrize("outer", [LOOK, SAME_WITHOUT_ID])
def test_a_wrapper_repeats_what_the_calls_below_it_ask_for(
    trace: TraceOfSpans, inner: ToolRequest, outer: ToolRequest
) -> None:
    wrapper = trace.span(parent=trace.agent("bot", tool_requests=(outer,)), tool_requests=(outer,))
    call = trace.chat("", wrapper, tool_requests=(inner,))
    assert [message.span_id for message in requested(trace)] == [call.span_id]


def test_calls_one_after_the_other_may_ask_for_the_same_without_ids(trace: TraceOfSpans) -> None:
    for _ in range(2):
        trace.chat("", tool_requests=(SAME_WITHOUT_ID,))
    assert len(requested(trace)) == 2


def test_a_tool_that_is_used_often_takes_no_longer_than_its_uses_ask(trace: TraceOfSpans) -> None:
    for number in range(10_000):
        asking = trace.chat("", tool_requests=(SAME_WITHOUT_ID, LOOK._replace(call_id=f"{number}")))
        trace.tool("look", asking)
    # It takes half a second; anything quadratic takes minutes, and the test's time limit ends it.
    assert len(requested(trace)) == 10_000


# -- hand-offs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        ({"operation": "handoff", "name": "?"}, "a hands over to -"),
        ({"operation": "agent_handoff", "handoff_from": "x", "handoff_to": "b"}, "x hands over to b"),
        ({"operation": "", "handoff_to": "b"}, "a hands over to b"),
        ({"operation": "handoff", "handoff_to": "unknown"}, "a hands over to -"),
        ({"operation": "", "name": "handoff to b"}, "a hands over to b"),
        ({"operation": "", "name": "Handoff b -> c d"}, "b hands over to c d"),
        ({"operation": "", "name": "handoff from b to c"}, "b hands over to c"),
        ({"operation": "handoff", "name": "b → unknown.handoff"}, "b hands over to -"),
        ({"operation": "execute_tool", "name": "handoff to b"}, "a hands over to b"),
        ({"operation": "execute_tool", "tool_name": "transfer_to_b"}, "a hands over to b"),
        ({"operation": "execute_tool", "tool_name": "handoff_to_b"}, "a hands over to b"),
        ({"operation": "execute_tool", "name": "execute_tool transfer_to_b"}, "a hands over to b"),
        (
            {
                "operation": "execute_tool",
                "tool_name": "transfer_to_agent",
                "tool_call_arguments": '{"agent_name": "b"}',
            },
            "a hands over to b",
        ),
        (
            {"operation": "execute_tool", "tool_name": "transfer_to_agent", "tool_call_arguments": "b"},
            "a hands over to -",
        ),
        ({"operation": "execute_tool", "tool_name": "transfer_to_agent"}, "a hands over to -"),
    ],
)
def test_a_handoff_is_known_by_what_its_span_says(trace: TraceOfSpans, columns: dict[str, Any], shown: str) -> None:
    trace.span(parent=trace.agent("a"), **columns)
    assert full(trace) == ["a starts", shown]
    assert all("hands over" not in said for said in trace.timeline())


@pytest.mark.parametrize(
    "columns",
    [
        {"operation": "chat", "name": "handoff to b"},
        {"operation": "", "name": "handoffs"},
        {"operation": "", "name": "handoff to"},
        {"operation": "execute_tool", "tool_name": "transfer_money"},
        {"operation": "", "tool_name": "transfer_to_b"},
    ],
)
def test_not_everything_that_sounds_like_a_handoff_is_one(trace: TraceOfSpans, columns: dict[str, Any]) -> None:
    trace.span(**columns)
    assert all(message.kind is not MessageKind.AGENT_HANDOFF for message in trace.messages())


def test_a_model_that_asks_for_a_handoff_shows_it(trace: TraceOfSpans) -> None:
    call = trace.chat("", trace.agent("a"), tool_requests=(ToolRequest("1", "transfer_to_refund_agent", ""),))
    trace.chat("Refunded.", trace.agent("Refund Agent"))
    assert full(trace) == ["a starts", "a hands over to Refund Agent", "Refund Agent starts", "Refund Agent: Refunded."]
    [_, handoff, *_] = trace.messages()
    assert (handoff.span_id, handoff.kind, handoff.started_at) == (call.span_id, MessageKind.AGENT_HANDOFF, at(1000))


def test_all_that_tells_of_one_handoff_makes_one(trace: TraceOfSpans) -> None:
    agent = trace.agent("a")
    trace.chat("", agent, tool_requests=(ToolRequest("1", "transfer_to_b", ""),))
    tool = trace.tool("transfer_to_b", agent)
    outer = trace.span("handoff", tool, handoff_from="a", handoff_to="B")
    trace.span(parent=outer, name="handoff to b")
    trace.chat("Hello.", trace.agent("B"))
    assert full(trace) == ["a starts", "a hands over to B", "B starts", "B: Hello."]


def test_a_request_tells_a_handoff_whom_it_goes_to(trace: TraceOfSpans) -> None:
    agent = trace.agent("a")
    trace.chat("", agent, tool_requests=(ToolRequest("1", "transfer_to_b", ""),))
    trace.span("handoff", agent, name="a → unknown.handoff", handoff_from="a")
    assert full(trace) == ["a starts", "a hands over to b"]


def test_a_request_tells_the_tool_that_ran_whom_it_goes_to(trace: TraceOfSpans) -> None:
    agent = trace.agent("a")
    trace.chat("", agent, tool_requests=(ToolRequest("1", "transfer_to_agent", '{"agent_name": "b"}'),))
    trace.tool("transfer_to_agent", agent)
    assert full(trace) == ["a starts", "a hands over to b"]


def test_there_and_back_and_there_again_are_three(trace: TraceOfSpans) -> None:
    for giver, taker in (("a", "b"), ("b", "a"), ("a", "b")):
        agent = trace.agent(giver)
        trace.chat("", agent, tool_requests=(ToolRequest("", f"transfer_to_{taker}", ""),))
        trace.span("handoff", agent, handoff_to=taker)
    shown = [said for said in full(trace) if "hands" in said]
    assert shown == ["a hands over to b", "b hands over to a", "a hands over to b"]


def test_the_same_kind_of_evidence_twice_is_two_handoffs(trace: TraceOfSpans) -> None:
    for _ in range(2):
        trace.chat("", tool_requests=(ToolRequest("", "transfer_to_b", ""),))
        trace.span("handoff", handoff_to="b", agent_name="a")
    assert full(trace) == ["a hands over to b"] * 2


def test_what_a_handoff_says_beyond_its_target_stays(trace: TraceOfSpans) -> None:
    trace.span("handoff", handoff_to="b", output_text="b", agent_name="a")
    trace.span("handoff", handoff_to="c", output_text="Please help.", agent_name="b")
    assert full(trace) == ["a hands over to b", "b hands over to c", "b: Please help."]
    assert trace.timeline() == ["a: b", "b: Please help."]


# -- compactions ------------------------------------------------------------------------------------------------------


def test_compactions_show_on_every_span(trace: TraceOfSpans) -> None:
    agent = trace.agent("bot", compaction_summary="one", compaction_items_before=9)
    trace.chat("a", agent, compaction_summary="one", compaction_items_before=9)
    trace.chat("b", agent, compaction_summary="two", compaction_items_before=8, compaction_items_after=1)
    assert trace.timeline() == ["bot starts", "bot forgets", "bot: a", "bot: b"]
    assert full(trace) == ["bot starts", "bot forgets", "bot: a", "bot forgets", "bot: b"]
    [*_, second, _] = trace.messages()
    assert (second.compaction_summary, second.compaction_items_before, second.compaction_items_after) == ("two", 8, 1)


def test_a_compaction_in_messages_shows_once(trace: TraceOfSpans) -> None:
    trace.chat("a", compactions=(Compaction("1", "short"), Compaction("2", "")))
    trace.chat("b", compactions=(Compaction("1", ""), Compaction("", "short"), Compaction("", "")))
    assert full(trace) == ["- forgets", "- forgets", "-: a", "-: b"]
    assert [message.compaction_summary for message in trace.messages()[:2]] == ["short", ""]


def test_a_bare_notice_counts_where_nothing_else_tells_of_a_compaction(trace: TraceOfSpans) -> None:
    agent = trace.agent("bot", compactions=(Compaction("", ""),))
    trace.chat("a", agent, compactions=(Compaction("", ""),))
    assert full(trace) == ["bot starts", "bot forgets", "bot: a"]
    trace.chat("b", agent, compactions=(Compaction("", "short"),))
    assert full(trace) == ["bot starts", "bot: a", "bot forgets", "bot: b"]


def test_an_answer_that_is_the_summary_is_not_shown_twice(trace: TraceOfSpans) -> None:
    trace.chat("short", compactions=(Compaction("", "short"),))
    assert (trace.timeline(), full(trace)) == (["-: short"], ["- forgets"])


# -- noise ------------------------------------------------------------------------------------------------------------


def test_the_tool_that_stands_for_merged_results_was_never_called(trace: TraceOfSpans) -> None:
    trace.tool("look")
    trace.tool("(merged tools)")
    assert trace.timeline() == ["- calls look", "- calls (merged tools)"]
    assert full(trace) == ["- calls look"]


def test_a_failure_shows_where_it_happened_and_not_on_what_passed_it_on(trace: TraceOfSpans) -> None:
    failed: dict[str, Any] = {"status": Status.ERROR}
    agent = trace.agent("bot", **failed)
    step = trace.span("execute_event_loop_cycle", agent, **failed)
    call = trace.chat("", step, **failed)
    assert [line(message) for message in trace.messages()] == ["bot starts", "bot: "]
    assert trace.messages()[1].span_id == call.span_id
    assert trace.timeline() == ["bot starts", "bot: ", "bot: ", "bot: "]


def test_a_failed_tool_shows_the_failure_too(trace: TraceOfSpans) -> None:
    trace.tool("look", trace.agent("bot", status=Status.ERROR), status=Status.ERROR)
    assert full(trace) == ["bot starts", "bot calls look"]


@pytest.mark.parametrize(
    ("above", "below", "is_shown"),
    [
        ({"status_message": "gone"}, {"status_message": "Error: gone"}, False),
        ({"status_message": "Tool failed: gone"}, {"status_message": "gone"}, False),
        ({"status_message": "AgentError: no model\ngone"}, {"status_message": "KeyError: gone"}, False),
        (
            {"status_message": "KeyError('x')Traceback (most recent call last):\n File a"},
            {"status_message": "KeyError('x')Traceback (most recent call last):\n File b"},
            False,
        ),
        ({"status_message": "Error in agent run"}, {"status_message": "gone"}, False),
        ({"status_message": "out of steps"}, {"status_message": "gone"}, True),
        ({"error_type": "Timeout"}, {"error_type": "Timeout"}, False),
        ({"error_type": "Timeout"}, {"error_type": "KeyError"}, True),
        ({"error_type": "Timeout"}, {}, False),
        ({}, {"status": Status.UNSET}, True),
        ({"output_text": "Sorry."}, {}, True),
        ({"reasoning_content": "Hm."}, {}, True),
    ],
)
def test_a_failure_of_its_own_is_shown(
    trace: TraceOfSpans, above: dict[str, Any], below: dict[str, Any], is_shown: bool
) -> None:
    wrapper = trace.span("agent_step", **{"status": Status.ERROR} | above)
    trace.tool("look", wrapper, **{"status": Status.ERROR} | below)
    assert (len(full(trace)) == 2) is is_shown
    assert len(trace.timeline()) == 2


def test_a_failed_wrapper_with_nothing_below_is_all_that_tells_of_the_failure(trace: TraceOfSpans) -> None:
    trace.span("unknown", status=Status.ERROR)
    assert full(trace) == ["-: "]


def test_a_wrapper_repeats_no_text(trace: TraceOfSpans) -> None:
    trace.chat("Hello!", trace.span("execute_task", output_text="All: Hello!"))
    trace.span("agent_step", output_text="Only here.")
    assert trace.timeline() == ["-: Hello!", "-: All: Hello!", "-: Only here."]
    assert full(trace) == ["-: Hello!", "-: Only here."]


def test_transport_is_noise_and_the_failure_is_that_of_the_call_above(trace: TraceOfSpans) -> None:
    call = trace.chat("", status=Status.ERROR)
    trace.span("", call, is_transport=True, status=Status.ERROR)
    assert [message.span_id for message in trace.messages()] == [call.span_id]
    assert len(trace.timeline()) == 2


# -- order ------------------------------------------------------------------------------------------------------------


def test_the_prompt_stays_in_front_and_the_card_behind_it(trace: TraceOfSpans) -> None:
    agent = trace.agent("bot")
    trace.span("handoff", agent, handoff_to="b")
    trace.chat("Hi.", agent, new_input=[asked("Hello")])
    assert full(trace) == ["User: Hello", "bot starts", "bot hands over to b", "bot: Hi."]
    assert trace.timeline() == ["User: Hello", "bot starts", "bot: Hi."]


def test_a_prompt_of_old_input_stays_in_front(trace: TraceOfSpans) -> None:
    trace.chat("", history=[asked("Hello")], tool_requests=(LOOK,))
    assert full(trace) == ["User: Hello", "- calls look"]


def test_what_is_added_at_one_place_stands_as_it_happened(trace: TraceOfSpans) -> None:
    outer = trace.chat("", tool_requests=(ToolRequest("1", "outer", ""),))
    trace.chat("", outer, tool_requests=(ToolRequest("2", "inner", ""),), compactions=(Compaction("1", ""),))
    trace.span("handoff", outer, handoff_to="b")
    trace.chat("", tool_requests=(ToolRequest("3", "last", ""),))
    expected = ["- forgets", "- calls inner", "- hands over to b", "- calls outer", "- calls last"]
    assert full(trace) == expected


def test_a_turns_messages_are_counted_in_the_full_view(trace: TraceOfSpans) -> None:
    trace.chat("", trace.tool("(merged tools)"), tool_requests=(LOOK, LOOK._replace(call_id="call-2")))
    turn = trace.turn()
    assert (len(turn.messages), turn.message_count) == (3, 2)


# -- what spans leave to messages, and what they repeat ---------------------------------------------------------------


def test_a_tool_whose_span_says_nothing_says_what_was_asked_and_told_by_its_call_id(trace: TraceOfSpans) -> None:
    agent = trace.agent("bot")
    trace.chat("", agent, tool_requests=(LOOK,))
    trace.tool("look", agent, tool_call_id="call-1", dialect="some")
    trace.chat("Found.", agent, tool_responses=(ToolResponse("call-1", "here"),))
    [call] = [message for message in trace.messages() if message.kind is MessageKind.TOOL_CALL]
    assert (call.tool_arguments, call.tool_result) == ('{"at": 1}', "here")


def test_an_agent_that_only_repeats_the_thoughts_below_it_does_not_speak(trace: TraceOfSpans) -> None:
    agent = trace.agent("bot", reasoning_content="Hm.")
    trace.chat("", agent, reasoning_content="Hm.")
    assert [message.reasoning_content for message in trace.messages()] == ["", "Hm."]
    assert [message.reasoning_content for message in trace.messages(MessageView.WEAVE)] == ["", "Hm.", "Hm."]


@pytest.mark.parametrize(
    ("said", "shown"),
    [("7", '{"at": 7}'), ("8", "8"), ('{"at": 7, "by": 1}', '{"at": 7, "by": 1}')],
    ids=["the value asked for", "another value", "all arguments"],
)
def test_the_value_of_a_tools_only_argument_gets_the_name_that_the_model_gave_it(
    trace: TraceOfSpans, said: str, shown: str
) -> None:
    agent = trace.agent("bot")
    trace.chat("", agent, tool_requests=(LOOK._replace(arguments='{"at": 7}'),))
    trace.tool("look", agent, tool_call_arguments=said, dialect="openinference")
    trace.tool("look", agent, tool_call_arguments=said)
    calls = [message.tool_arguments for message in trace.messages() if message.kind is MessageKind.TOOL_CALL]
    assert calls == [shown, said]


def test_an_agent_whose_span_is_inside_another_of_its_own_starts_once(trace: TraceOfSpans) -> None:
    outer = trace.agent("bot")
    inner = trace.agent("bot", outer, system_instructions="Be kind.")
    helper = trace.agent("helper", trace.tool("ask", inner), tool_definitions="[]")
    trace.agent("helper", helper)
    assert full(trace) == ["bot starts: Be kind.", "bot calls ask", "helper starts"]
    cards = [card for card in trace.messages() if card.kind is MessageKind.AGENT_START]
    assert [card.system_instructions or card.tool_definitions for card in cards] == ["Be kind.", "[]"]
    assert trace.timeline() == ["bot starts", *full(trace), "helper starts"]


def test_an_agent_that_goes_on_after_another_has_started_already(trace: TraceOfSpans) -> None:
    agent = trace.agent("bot")
    trace.chat("I ask.", agent, system_instructions="Be kind.")
    trace.chat("Here.", trace.agent("helper", agent), system_instructions="Be short.")
    trace.chat("Done.", agent, system_instructions="Be kind.")
    starts = ["bot starts: Be kind.", "helper starts: Be short."]
    assert full(trace) == [starts[0], "bot: I ask.", starts[1], "helper: Here.", "bot: Done."]
    assert trace.timeline() == [*full(trace)[:4], starts[0], "bot: Done."]


def test_what_a_call_inside_a_call_was_asked_is_not_asked_again(trace: TraceOfSpans) -> None:
    outer = trace.chat(new_input=[asked("Where?")])
    trace.chat("Here.", outer, new_input=[asked("Question: Where?")])
    assert full(trace) == ["User: Where?", "-: Here."]
    assert trace.timeline() == ["User: Where?", "User: Question: Where?", "-: Here."]


def test_a_workflow_is_called_with_what_the_call_below_says_in_words(trace: TraceOfSpans) -> None:
    flow = trace.span("invoke_workflow", new_input=[asked('{"question": "Where?"}')])
    assert full(trace) == ['User: {"question": "Where?"}']
    trace.chat("Here.", flow, new_input=[asked("Where?")])
    assert full(trace) == ["User: Where?", "-: Here."]


@pytest.mark.parametrize(
    ("text", "helper", "is_added"),
    [("All done.", "helper", True), ("Here. ", "helper", False), ("All done.", "bot", False), ("All done.", "", False)],
    ids=["of its own", "what the helper said", "it spoke itself", "nobody knows who spoke"],
)
def test_an_agent_has_the_last_word_where_only_agents_below_it_spoke(
    trace: TraceOfSpans, text: str, helper: str, is_added: bool
) -> None:
    agent = trace.agent("bot", output_text=text)
    trace.chat("Here.", trace.agent("", agent, agent_id="x") if helper else agent, agent_name=helper)
    if not helper:
        trace.spans = [replace(span, agent_name="") for span in trace.spans]
    assert (full(trace)[-1] == f"bot: {text}") is is_added
    assert f"bot: {text}" not in trace.timeline()


def test_an_agent_below_which_nobody_spoke_speaks_once(trace: TraceOfSpans) -> None:
    trace.tool("look", trace.agent("bot", output_text="Done."))
    assert full(trace) == ["bot starts", "bot calls look", "bot: Done."]
