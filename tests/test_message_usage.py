"""Which answer a call stands behind: each call in one message, and all that show an answer add up to the turn."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.projection import turns_of_trace
from domain.records import MessageKind, MessageView, ModelUsage, Status
from domain.usage import usage_by_model
from tests.spans import TraceOfSpans


@pytest.fixture
def trace() -> TraceOfSpans:
    return TraceOfSpans()


def used(tokens: int, **columns: Any) -> dict[str, Any]:
    return {"request_model": "m", "input_tokens": tokens, **columns}


def shares(trace: TraceOfSpans, view: MessageView = MessageView.FULL) -> list[tuple[str, int | None]]:
    """The assistant messages' texts, and how many tokens the calls behind each read; None without any call."""
    return [
        (message.text, sum(usage.input_tokens for usage in message.usage_by_model) if message.usage_by_model else None)
        for message in trace.messages(view)
        if message.kind is MessageKind.ASSISTANT_MESSAGE
    ]


def test_a_calls_answer_has_what_it_used(trace: TraceOfSpans) -> None:
    agent = trace.agent("bot", **used(12, output_text="b"))
    trace.chat("a", agent, **used(5, given_cost_nusd=3))
    trace.chat("b", agent, **used(7))
    assert shares(trace) == [("a", 5), ("b", 7)]
    [first, _] = [message for message in trace.messages() if message.usage_by_model]
    assert first.usage_by_model == [ModelUsage("m", 5, 0, 0, 0, 0, given_cost_nusd=3)]


def test_cached_tokens_that_a_client_left_out_of_the_input_are_added_as_in_the_turn(trace: TraceOfSpans) -> None:
    trace.chat("a", **used(5, cache_read_tokens=100))
    assert shares(trace) == [("a", 105)]


def test_an_agent_that_speaks_for_its_calls_has_each_once_and_not_its_own_repeated_numbers(trace: TraceOfSpans) -> None:
    agent = trace.agent("bot", **used(99, output_text="done"))
    trace.chat("", agent, **used(1, response_id="r1"))
    trace.chat("", trace.chat("", agent, **used(2)), **used(1, response_id="r1"))
    trace.tool("look", agent, **used(50))
    assert shares(trace) == [("done", 3)]


def test_an_agent_leaves_to_the_answers_below_it_what_is_theirs(trace: TraceOfSpans) -> None:
    agent = trace.agent("bot", output_text="done")
    trace.chat("", agent, **used(1, reasoning_content="hm"))
    trace.chat("", agent, **used(2))
    assert shares(trace) == [("", 1), ("done", 2)]


def test_the_nearest_answer_above_has_the_call(trace: TraceOfSpans) -> None:
    boss = trace.agent("boss", output_text="all done")
    helper = trace.agent("helper", trace.tool("ask", boss), output_text="done")
    trace.chat("", helper, **used(3))
    failed = trace.chat("", boss, **used(4, status=Status.ERROR))
    trace.chat("", failed, **used(5))
    assert shares(trace) == [("done", 3), ("", 9), ("all done", None)]


def test_a_call_that_shows_nothing_below_a_silenced_agent_is_in_no_message(trace: TraceOfSpans) -> None:
    agent = trace.agent("bot", output_text="b")
    trace.chat("", agent, **used(5))
    trace.chat("b", agent, **used(7))
    assert shares(trace) == [("b", 7)]
    assert [usage.input_tokens for usage in trace.turn().usage_by_model] == [12]


def test_a_text_that_is_a_span_of_its_own_has_its_call(trace: TraceOfSpans) -> None:
    same = trace.chat("same", **used(5))
    trace.span("assistant_text", same, output_text="same")
    silent = trace.chat("", **used(7))
    trace.span("assistant_text", silent, output_text="one")
    trace.span("assistant_text", silent, output_text="two")
    assert shares(trace) == [("same", 5), ("one", 7), ("two", None)]


def test_the_answer_of_another_report_has_the_call(trace: TraceOfSpans) -> None:
    """The report with the most tokens counts, and shows no answer itself."""
    agent = trace.agent("bot")
    trace.chat("a", agent, **used(5, response_id="r"))
    trace.chat("", agent, **used(6, response_id="r"))
    assert shares(trace) == [("a", 6)]


def test_the_answer_of_a_report_inside_the_one_that_counts_has_the_call(trace: TraceOfSpans) -> None:
    """The outer one knows more of its tokens."""
    outer = trace.chat("", trace.agent("bot"), **used(5, reasoning_tokens=1))
    trace.chat("a", trace.span("step", outer), **used(5, response_id="r"))
    assert shares(trace) == [("a", 5)]
    [usage] = trace.turn().usage_by_model
    assert usage.reasoning_tokens == 1


def test_a_second_report_that_shows_its_answer_too_has_nothing(trace: TraceOfSpans) -> None:
    trace.chat("a", **used(5, response_id="r"))
    trace.chat("a!", **used(6, response_id="r"))
    assert shares(trace) == [("a", None), ("a!", 6)]


def test_an_answer_that_only_weaves_view_shows_has_its_call_there(trace: TraceOfSpans) -> None:
    agent = trace.agent("bot")
    trace.chat("they greeted", agent, **used(5, compaction_summary="they greeted", compaction_items_before=4))
    trace.chat("a", agent, **used(7))
    seen = shares(trace, MessageView.WEAVE)
    assert seen == [("they greeted", 5), ("a", 7)]


def test_what_counts_for_the_conversation_that_called_is_in_its_answer_and_not_in_the_sub_agents_own() -> None:
    trace = TraceOfSpans()
    outer = trace.agent("boss", conversation_id="outer", output_text="all done")
    inner = trace.agent("helper", outer, conversation_id="inner")
    trace.chat("done", inner, conversation_id="inner", **used(5))
    found = {
        turn.conversation_id: [
            (message.text, [usage.input_tokens for usage in message.usage_by_model])
            for message in turn.messages
            if message.kind is MessageKind.ASSISTANT_MESSAGE
        ]
        for turn in turns_of_trace(trace.trace_id, trace.spans)
    }
    assert found == {"inner": [("done", [])], "outer": [("all done", [5])]}


def test_a_circle_of_parents_ends(trace: TraceOfSpans) -> None:
    trace.chat("", f"{2:016x}", **used(5))
    trace.chat("", f"{1:016x}", **used(7))
    trace.chat("", f"{2:016x}", **used(9))
    assert shares(trace) == []


SPANS = st.lists(
    st.tuples(
        st.sampled_from(["chat", "chat", "invoke_agent", "execute_tool", "assistant_text", "step", ""]),
        st.integers(0, 11),
        st.sampled_from(["", "", "a", "b"]),
        st.sampled_from(["", "", "r1", "r2"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=12,
)


def random_trace(drawn: list[tuple[str, int, str, str, bool]]) -> TraceOfSpans:
    """Parents are any spans, so there are circles too. Each span has tokens of its own size."""
    trace = TraceOfSpans()
    for number, (operation, parent, text, response_id, failed) in enumerate(drawn):
        status = Status.ERROR if failed else Status.UNSET
        columns = used(2**number, output_text=text, response_id=response_id, status=status)
        trace.span(operation, f"{parent:016x}" if parent else "", **columns)
    return trace


@given(SPANS)
def test_no_call_is_in_two_messages_and_none_is_where_it_does_not_count(drawn: list[Any]) -> None:
    trace = random_trace(drawn)
    counted = sum(usage.input_tokens for usage in trace.turn().usage_by_model)
    for view in MessageView:
        tokens = [share for _, share in shares(trace, view) if share is not None]
        # Powers of two: a sum is a set of calls.
        assert sum(tokens) & ~counted == 0
        assert sum(tokens).bit_count() == sum(share.bit_count() for share in tokens)


@given(SPANS)
def test_the_messages_add_up_to_the_turn_where_every_call_shows_an_answer(drawn: list[Any]) -> None:
    trace = random_trace(
        [
            (operation, min(parent, number), text or "x", "", failed)
            for number, (operation, parent, text, _, failed) in enumerate(drawn)
        ]
    )
    turn = trace.turn()
    shown = [message for message in turn.messages if message.only_in != MessageView.WEAVE]
    parts = usage_by_model(usage for message in shown for usage in message.usage_by_model)
    assert parts == list(turn.usage_by_model)


@given(SPANS, st.randoms(use_true_random=False))
def test_the_order_of_the_spans_plays_no_part(drawn: list[Any], random: Any) -> None:
    trace = random_trace(drawn)
    messages = trace.turn().messages
    random.shuffle(trace.spans)
    assert trace.turn().messages == messages
