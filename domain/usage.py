"""How many tokens spans spent on which model."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from domain.records import ModelUsage, SpanRecord, UsageNote

_LLM_OPERATIONS = frozenset({"chat", "generate_content", "text_completion", "embeddings"})


def usage_by_model(usages: Iterable[ModelUsage]) -> list[ModelUsage]:
    """Sums per model, sorted by model; apart for what the clients gave a cost for.

    A model that used nothing stays: with a price its cost is 0, without the entry it would be unknown.
    """
    groups: dict[tuple[str, bool], list[ModelUsage]] = {}
    for usage in usages:
        if any(usage):
            groups.setdefault((usage.model, usage.given_cost_nusd is not None), []).append(usage)
    return [group[0] if len(group) == 1 else _sum(*key, group) for key, group in sorted(groups.items())]


def _sum(model: str, with_cost: bool, usages: list[ModelUsage]) -> ModelUsage:
    _, *tokens, costs = zip(*usages, strict=True)
    return ModelUsage(model, *map(sum, tokens))._replace(given_cost_nusd=sum(costs) if with_cost else None)


def conversation_owners(spans: Sequence[SpanRecord]) -> dict[str, str]:
    """Span id -> the conversation that its usage counts for, so that no call counts for two.

    The outermost id on the way to the root: a sub-agent with an id of its own works for the conversation that called
    it. Spans below no id count for the conversation of the trace's first span that has one; "" where none has.
    """
    by_id = {span.span_id: span for span in spans}
    tagged = [span for span in spans if span.conversation_id]
    first = min(tagged, key=lambda span: (span.started_at, span.span_id)).conversation_id if tagged else ""
    outermost: dict[str, str | None] = {}
    for span in spans:
        path: list[SpanRecord] = []
        on_path: set[str] = set()
        at: SpanRecord | None = span
        while at is not None and at.span_id not in outermost and at.span_id not in on_path:
            path.append(at)
            on_path.add(at.span_id)
            at = by_id.get(at.parent_span_id)
        # None: the way to the root is a circle, so that there is no outermost one.
        found = "" if at is None else outermost.get(at.span_id)
        for passed in reversed(path):
            if found is not None:
                found = found or passed.conversation_id
            outermost[passed.span_id] = found
    return {span.span_id: outermost[span.span_id] or span.conversation_id or first for span in spans}


def llm_calls(spans: Iterable[SpanRecord]) -> list[SpanRecord]:
    """Each call of a model once: two instrumentations of one call report the same response id."""
    calls: dict[tuple[str, str], SpanRecord] = {}
    for span in spans:
        if is_llm_call(span):
            key = (span.response_id, "" if span.response_id else span.span_id)
            known = calls.get(key)
            if known is None or _telling(span) < _telling(known):
                calls[key] = span
    return list(calls.values())


def is_llm_call(span: SpanRecord) -> bool:
    return span.operation_name in _LLM_OPERATIONS or (not span.operation_name and bool(span.model))


def usage_notes(spans: Iterable[SpanRecord], calls: Sequence[SpanRecord]) -> tuple[tuple[UsageNote, int], ...]:
    """What became of the tokens that `spans` report, where `calls` are those of them that count."""
    counted = {call.span_id for call in calls}
    notes: Counter[UsageNote] = Counter()
    for span in spans:
        if span.span_id in counted:
            notes[UsageNote.COUNTED] += 1
            notes[UsageNote.INPUT_WITHOUT_CACHE] += span.cached_tokens > span.input_tokens
            notes[UsageNote.COST_GIVEN] += span.given_cost_nusd is not None
        elif any(span.usage()[1:6]):
            notes[UsageNote.REPEATED_RESPONSE if is_llm_call(span) else UsageNote.NOT_A_MODEL_CALL] += 1
    return tuple((note, notes[note]) for note in UsageNote if notes[note])


def _telling(span: SpanRecord) -> tuple[int, int, datetime, str]:
    """Orders reports of one call: the one with most tokens first, then the one with most detail about them."""
    detail = span.cache_read_tokens + span.cache_write_tokens + span.reasoning_tokens
    return -(span.input_tokens + span.output_tokens), -detail, span.started_at, span.span_id
