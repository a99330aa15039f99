"""Turns, messages and conversations brought in line with the spans and the link of their traces.

One way for all who change either: ingest, reprojection, links.
"""

from collections.abc import Collection, Iterable

from db import conversations, locks, spans, traces, turns
from db.engine import Writer
from db.locks import LockedTrace
from domain.projection import PROJECTION_VERSION, turns_of_trace
from domain.records import SpanRecord


async def rebuild(
    writer: Writer, project_id: int, changed: Collection[LockedTrace], *, known: Iterable[SpanRecord] = ()
) -> None:
    """Make the turns of these traces anew, and roll up the conversations that had or have one.

    `known` holds all spans of the traces that are new; those of the others are read back. Conversations are locked
    after all traces, both sorted: two requests never wait for each other.
    """
    by_id = {trace.trace_id: trace for trace in changed}
    new = {trace.trace_id for trace in changed if trace.is_new}
    stored = sorted(by_id.keys() - new)
    by_trace = await spans.spans_by_trace(writer, project_id, stored) if stored else {}
    for span in known:
        if span.trace_id in new:
            by_trace.setdefault(span.trace_id, []).append(span)
    assembled = [
        turn
        for trace_id in sorted(by_trace)
        for turn in turns_of_trace(trace_id, by_trace[trace_id], by_id[trace_id].linked_conversation_id)
    ]
    touched = await turns.replace_turns(writer, project_id, sorted(by_id), assembled)
    named = sorted(touched - {""})
    if named:
        await locks.lock_conversations(writer, project_id, named)
        await conversations.roll_up(writer, project_id, named)
    # A server that is older than one that runs beside it takes traces back to its own rules. The other way round a
    # trace stays old: only what changed was read by this version's rules, the rest of its spans was not.
    later = sorted(trace.trace_id for trace in changed if trace.projection_version > PROJECTION_VERSION)
    if later:
        await traces.set_projection_version(writer, project_id, later)
