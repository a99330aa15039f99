"""Which tokens count, and how often."""

from typing import Any

import pytest

from domain.records import ModelUsage, UsageNote
from tests.spans import TraceOfSpans


@pytest.fixture
def trace() -> TraceOfSpans:
    return TraceOfSpans()


def test_usage_counts_each_model_call_once_while_the_span_sums_count_every_span(trace: TraceOfSpans) -> None:
    agent = trace.agent("bot", request_model="a", input_tokens=30)
    outer = trace.chat("", agent, request_model="a", response_id="r1", input_tokens=10)
    trace.span("chat", outer, request_model="b", response_id="r1", input_tokens=10, output_tokens=1)
    trace.span("chat", outer, request_model="c", response_id="r1", input_tokens=10)
    trace.span("embeddings", agent, request_model="e", input_tokens=4)
    trace.span("embeddings", agent, request_model="e", input_tokens=4, cache_read_tokens=1)
    trace.span("generate_content", agent, input_tokens=5)
    trace.span(parent=agent, response_model="f")
    trace.tool("t", agent, request_model="b", input_tokens=99)
    trace.span(parent=agent, input_tokens=7)
    turn = trace.turn()
    assert turn.usage_by_model == (
        ModelUsage("", 5, 0, 0, 0, 0),
        ModelUsage("b", 10, 1, 0, 0, 0),
        ModelUsage("e", 8, 0, 1, 0, 0),
        ModelUsage("f", 0, 0, 0, 0, 0),
    )
    assert turn.span_sum_by_model == (
        ModelUsage("", 12, 0, 0, 0, 0),
        ModelUsage("a", 40, 0, 0, 0, 0),
        ModelUsage("b", 109, 1, 0, 0, 0),
        ModelUsage("c", 10, 0, 0, 0, 0),
        ModelUsage("e", 8, 0, 1, 0, 0),
        ModelUsage("f", 0, 0, 0, 0, 0),
    )


@pytest.mark.parametrize(
    "better",
    [{"output_tokens": 1}, {"reasoning_tokens": 1}, {"start_ms": -1}, {"span_id": "0"}],
    ids=["more tokens", "more detail", "earlier", "smaller id"],
)
def test_of_two_reports_of_one_call_the_better_one_counts(trace: TraceOfSpans, better: dict[str, Any]) -> None:
    same: dict[str, Any] = {"response_id": "r", "start_ms": 0, "input_tokens": 5}
    trace.chat(request_model="worse", **same)
    trace.chat(request_model="better", **same | better)
    assert [usage.model for usage in trace.turn().usage_by_model] == ["better"]


OUTER: dict[str, Any] = {"request_model": "outer", "input_tokens": 12, "output_tokens": 3}
INNER: dict[str, Any] = {"request_model": "inner", "input_tokens": 12, "output_tokens": 3, "response_id": "r"}


def models(trace: TraceOfSpans) -> list[str]:
    return [usage.model for usage in trace.turn().usage_by_model]


def test_a_call_around_the_same_call_counts_once(trace: TraceOfSpans) -> None:
    outer = trace.chat("", trace.agent("bot"), **OUTER)
    between = trace.chat("", trace.span(parent=outer), **INNER | {"request_model": "between"})
    trace.chat("", between, **INNER | {"cache_read_tokens": 2})
    assert models(trace) == ["inner"]
    assert trace.turn().usage_notes == ((UsageNote.COUNTED, 1), (UsageNote.REPEATED_RESPONSE, 2))


def test_of_a_call_and_the_same_call_inside_the_one_that_tells_more_counts(trace: TraceOfSpans) -> None:
    outer = trace.chat(**OUTER | {"cache_read_tokens": 2})
    between = trace.chat("", outer, **OUTER | {"request_model": "between"})
    trace.chat("", between, **INNER | {"reasoning_tokens": 1})
    assert models(trace) == ["outer"]


def test_a_call_may_stand_around_several(trace: TraceOfSpans) -> None:
    outer = trace.chat(**OUTER)
    trace.chat("", outer, **INNER | {"input_tokens": 5, "output_tokens": 1})
    trace.chat("", outer, **INNER | {"input_tokens": 7, "output_tokens": 2, "response_id": "r2"})
    assert trace.turn().usage_by_model == (ModelUsage("inner", 12, 3, 0, 0, 0),)


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        ({}, {"input_tokens": 13}),
        ({"response_id": "another"}, {}),
        ({"input_tokens": 0, "output_tokens": 0}, {"input_tokens": 0, "output_tokens": 0}),
    ],
    ids=["other tokens", "another answer", "no tokens"],
)
def test_a_call_inside_another_counts_too_where_it_is_not_the_same(
    trace: TraceOfSpans, outer: dict[str, Any], inner: dict[str, Any]
) -> None:
    trace.chat("", trace.chat(**OUTER | outer), **INNER | inner)
    assert trace.turn().usage_notes[0] == (UsageNote.COUNTED, 2)


def test_what_an_agent_calls_inside_a_call_is_its_own(trace: TraceOfSpans) -> None:
    trace.chat("", trace.agent("refunds", trace.chat(**OUTER)), **INNER)
    trace.chat("", trace.tool("ask", trace.chat(**OUTER)), **INNER | {"response_id": "r2"})
    assert trace.turn().usage_notes == ((UsageNote.COUNTED, 4),)


def test_calls_in_a_circle_and_below_count_each(trace: TraceOfSpans) -> None:
    trace.chat("", "2".zfill(16), **OUTER)
    inner = trace.chat("", "1".zfill(16), **OUTER)
    trace.chat("", inner, **OUTER)
    trace.spans.reverse()
    assert trace.turn().usage_notes == ((UsageNote.COUNTED, 3),)
