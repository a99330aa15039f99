"""How many tokens spans spent on which model."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from domain.records import ModelUsage, SpanRecord, UsageNote

_LLM_OPERATIONS = frozenset({"chat", "generate_content", "text_completion", "embeddings"})
_OWN_WORK = frozenset({"invoke_agent", "execute_tool"})


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


def llm_calls(spans: Sequence[SpanRecord]) -> list[SpanRecord]:
    """Each call of a model once. Two instrumentations of one call report the same response id; or one of them knows
    none, has the other's spans inside its own, and reports the same tokens.
    """
    calls: dict[tuple[str, str], SpanRecord] = {}
    for span in spans:
        if is_llm_call(span):
            key = (span.response_id, "" if span.response_id else span.span_id)
            known = calls.get(key)
            if known is None or _telling(span) < _telling(known):
                calls[key] = span
    told_twice = _told_twice(list(calls.values()), calls_around(spans))
    return [call for call in calls.values() if call.span_id not in told_twice]


def calls_around(spans: Sequence[SpanRecord]) -> dict[str, SpanRecord]:
    """Span id -> the nearest call of a model that it is inside of, the outer ones first. None where the way to the root
    is a circle.

    What an agent or a tool does inside of a call is not the call's own: some frameworks nest all that follows from it.
    """
    by_id = {span.span_id: span for span in spans}
    around: dict[str, SpanRecord | None] = {}
    circling: set[str] = set()
    for span in spans:
        path: dict[str, SpanRecord] = {}
        at: SpanRecord | None = span
        while at is not None and at.span_id not in around and at.span_id not in path:
            path[at.span_id] = at
            at = by_id.get(at.parent_span_id)
        if at is not None and (at.span_id in path or at.span_id in circling):
            circling.update(path)
        for passed in reversed(path.values()):
            parent = None if passed.span_id in circling else by_id.get(passed.parent_span_id)
            if parent is None or parent.operation_name in _OWN_WORK:
                around[passed.span_id] = None
            else:
                around[passed.span_id] = parent if is_llm_call(parent) else around[parent.span_id]
    return {span_id: call for span_id, call in around.items() if call is not None}


def _told_twice(calls: Sequence[SpanRecord], around: dict[str, SpanRecord]) -> set[str]:
    """The calls that repeat the one around them, or the ones inside: those that tell less of their tokens."""
    order = {span_id: place for place, span_id in enumerate(around)}
    counted = {call.span_id: call for call in calls}
    inside: dict[str, list[SpanRecord]] = {}
    for call in sorted(calls, key=lambda call: order.get(call.span_id, -1), reverse=True):
        outer = around.get(call.span_id)
        while outer is not None and outer.response_id and outer.response_id == call.response_id:
            outer = around.get(outer.span_id)
        if outer is not None and outer.span_id in counted and not (outer.response_id and call.response_id):
            inside.setdefault(outer.span_id, []).append(call)
    told_twice: set[str] = set()
    reports: dict[str, list[SpanRecord]] = {}
    # Inner ones first, so that of three in each other one is left.
    for span_id in sorted(inside, key=lambda span_id: order.get(span_id, -1), reverse=True):
        outer = counted[span_id]
        found = [report for call in inside[span_id] for report in reports.get(call.span_id, [call])]
        spent = _spent(outer)
        if any(spent) and spent == tuple(map(sum, zip(*map(_spent, found), strict=True))):
            told = outer.cached_tokens + outer.reasoning_tokens
            is_fuller = told > sum(call.cached_tokens + call.reasoning_tokens for call in found)
            reports[span_id] = [outer] if is_fuller else found
            told_twice.update(call.span_id for call in (found if is_fuller else [outer]))
    return told_twice


def _spent(call: SpanRecord) -> tuple[int, int]:
    usage = call.usage_and_cost()
    return usage.input_tokens, usage.output_tokens


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
