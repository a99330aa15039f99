"""Which tokens count, and how often."""

from typing import Any

import pytest

from domain.records import ModelUsage
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
