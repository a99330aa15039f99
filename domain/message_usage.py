"""Which answer each counted call of a model stands behind, so that what a turn's answers cost adds up."""

from collections.abc import Iterable, Sequence

from domain.records import MessageKind, MessageRecord, MessageView, ModelUsage, SpanRecord
from domain.timeline import Visit
from domain.usage import calls_around, is_llm_call, usage_by_model


def give_usage(
    messages: Sequence[MessageRecord],
    visits: Iterable[Visit],
    spans: Iterable[SpanRecord],
    calls: Sequence[SpanRecord],
) -> None:
    """Fill the messages' `usage_by_model` with the calls, each in one message at most.

    A call belongs to its own answer in the full view, else to the one that another report of it shows, else to the
    nearest answer above it; where there is none, to its own in Weave's view. `visits` are those of the walk that made
    the messages, `spans` hold all calls and what is above them.
    """
    # Backwards: an answer in pieces has its numbers on the first.
    answered = (message for message in reversed(messages) if message.kind is MessageKind.ASSISTANT_MESSAGE)
    answers = {message.span_id: message for message in answered}
    shown = {span_id: answer for span_id, answer in answers.items() if answer.only_in != MessageView.WEAVE}
    by_id = {span.span_id: span for span in spans}
    counted = {call.span_id for call in calls}
    around = calls_around(list(by_id.values()))
    by_response: dict[str, MessageRecord] = {}
    for visit in visits:
        span, parent = visit.span, by_id.get(visit.span.parent_span_id)
        # A call's answer can be that of a span below: one that says the same, that is there for the text, or that
        # reports the same call and does not count.
        if is_llm_call(span):
            if visit.twin is not None and visit.twin.span_id in shown:
                shown.setdefault(span.span_id, visit.twin)
            if span.response_id and span.span_id in shown:
                by_response.setdefault(span.response_id, shown[span.span_id])
            if span.span_id in shown and span.span_id not in counted and span.span_id in around:
                shown.setdefault(around[span.span_id].span_id, shown[span.span_id])
        elif span.operation_name == "assistant_text" and span.span_id in shown and parent and is_llm_call(parent):
            shown.setdefault(parent.span_id, shown[span.span_id])

    nearest: dict[str, MessageRecord | None] = dict(shown)
    used: dict[str, list[ModelUsage]] = {}
    for call in calls:
        answer = shown.get(call.span_id) or by_response.get(call.response_id) or _nearest(call, by_id, nearest)
        answer = answer or answers.get(call.span_id)
        if answer is not None:
            used.setdefault(answer.span_id, []).append(call.usage_and_cost())
    for span_id, usages in used.items():
        answers[span_id].usage_by_model = usage_by_model(usages)


def _nearest(
    call: SpanRecord, by_id: dict[str, SpanRecord], nearest: dict[str, MessageRecord | None]
) -> MessageRecord | None:
    """The first answer on the way to the root. `nearest` remembers it for all that were passed."""
    passed: list[str] = []
    at = call.parent_span_id
    while at in by_id and at not in nearest:
        # Until it is known, so that a circle ends.
        nearest[at] = None
        passed.append(at)
        at = by_id[at].parent_span_id
    found = nearest.get(at)
    nearest.update(dict.fromkeys(passed, found))
    return found
