"""The way in: what one OTLP request holds is stored and projected in one transaction.

The imperative shell around pure functions: decode (domain/otlp), understand (domain/dialects), lock, store, read back,
assemble (domain/projection.py), store, commit. Nothing here answers anybody.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any, NamedTuple, TypeVar

from db import derive, feedback, locks, logs, projects, spans, traces
from db.engine import Database, Row, Writer
from db.logs import LogRow
from db.spans import SpanKey
from domain.dialects import EVALUATION, MESSAGE_EVENTS, evaluation_of, understand
from domain.errors import InvalidProjectId
from domain.names import parse_project_id
from domain.otlp import BodyFormat, decode_logs, decode_stored_log, decode_stored_span, decode_traces
from domain.records import EPOCH, RawLogRecord, RawSpan, SpanRecord

Project = tuple[str, str]
"""Entity and name."""

Received = TypeVar("Received", RawSpan, RawLogRecord)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one request: all that was not rejected is committed."""

    rejected: int
    errors: list[str]


class Read(NamedTuple):
    """A span off the wire, and as understood without its log records."""

    raw: RawSpan
    span: SpanRecord


async def ingest_traces(database: Database, body: bytes, body_format: BodyFormat, project_id: str) -> Outcome:
    """Store the spans of an export request, in the project that their resource names, else in `project_id`.

    Returns after commit. Sending the same spans again, in any order and from any number of senders, changes nothing.
    Raises UndecodableBody, DatabaseUnavailable.
    """
    decoded = decode_traces(body, body_format)
    received, errors = _by_project(decoded.spans, project_id)
    read = {project: [Read(raw, understand(raw)) for raw in raws] for project, raws in sorted(received.items())}

    async def work(writer: Writer) -> None:
        for (entity, name), project_spans in read.items():
            project = await projects.ensure_project(writer, entity, name)
            await store_spans(writer, project.project_id, project_spans)

    if read:
        await database.transact(work)
    return Outcome(decoded.rejected + len(errors), decoded.errors + errors)


async def ingest_logs(database: Database, body: bytes, body_format: BodyFormat, project_id: str) -> Outcome:
    """Store the log records of an export request. Messages become those of their span, evaluations become feedback;
    either may come before its span. Same guarantees as for spans.
    """
    decoded = decode_logs(body, body_format)
    received, errors = _by_project(decoded.records, project_id)

    async def work(writer: Writer) -> None:
        for (entity, name), records in sorted(received.items()):
            # Alone in the project while an evaluation without a span looks for one: a span that is being stored would
            # not be seen, and would not see the evaluation.
            alone = any(_judged_response(record) for record in records)
            project = await projects.ensure_project(writer, entity, name, alone=alone)
            await store_logs(writer, project.project_id, records)

    if received:
        await database.transact(work)
    return Outcome(decoded.rejected + len(errors), decoded.errors + errors)


def _by_project(received: Iterable[Received], project_id: str) -> tuple[dict[Project, list[Received]], list[str]]:
    groups: dict[Project, list[Received]] = {}
    errors: list[str] = []
    for item in received:
        try:
            project = parse_project_id(item.project or project_id)
        except InvalidProjectId as error:
            errors.append(str(error))
        else:
            groups.setdefault(project, []).append(item)
    return groups, errors


# ----------------------------------------------------------------------------------------------------------------------
# Spans


async def store_spans(writer: Writer, project_id: int, received: Iterable[Read], *, rewrite: bool = False) -> None:
    """Store spans and bring the turns and conversations they belong to in line; of equal keys the last one counts.

    Traces are locked, sorted, before anything is read: that is what makes concurrent requests right.
    """
    by_key = {(read.span.trace_id, read.span.span_id): read for read in received}
    trace_ids = sorted({trace_id for trace_id, _ in by_key})
    locked = await locks.lock_traces(writer, project_id, trace_ids)
    messages = await logs.logs_by_trace(writer, project_id, trace_ids, MESSAGE_EVENTS)
    understood = [(_with_logs(by_key[key], messages.get(key)), by_key[key].raw.raw) for key in sorted(by_key)]
    changed = await spans.upsert_spans(writer, project_id, understood, rewrite=rewrite)
    if not changed:
        return
    changed_traces = [locked[trace_id] for trace_id in sorted({trace_id for trace_id, _ in changed})]
    await derive.rebuild(writer, project_id, changed_traces, known=(span for span, _ in understood))
    await _judge_answers(writer, project_id, {span.response_id for span, _ in understood} - {""})


def _with_logs(read: Read, raw_logs: list[bytes] | None) -> SpanRecord:
    return understand(read.raw, [decode_stored_log(raw) for raw in raw_logs]) if raw_logs else read.span


async def reproject_traces(database: Database, project_id: int, trace_ids: list[str]) -> None:
    """Read the stored spans of these traces by today's rules and rebuild all that is derived from them."""

    async def work(writer: Writer) -> None:
        await locks.lock_traces(writer, project_id, trace_ids)
        raws = await spans.raw_spans_by_trace(writer, project_id, trace_ids)
        await store_spans(writer, project_id, map(_read_stored, raws), rewrite=True)
        await traces.set_projection_version(writer, project_id, trace_ids)

    await database.transact(work)


def _read_stored(raw: bytes) -> Read:
    stored = decode_stored_span(raw)
    return Read(stored, understand(stored))


# ----------------------------------------------------------------------------------------------------------------------
# Log records


async def store_logs(writer: Writer, project_id: int, received: Sequence[RawLogRecord]) -> None:
    """Store log records; whatever new ones say of spans or answers that are here already is brought in line."""
    by_id = {sha256(record.raw).hexdigest()[:32]: record for record in received}
    speaking = {
        log_id: (record.trace_id, record.span_id)
        for log_id, record in by_id.items()
        if record.event_name in MESSAGE_EVENTS and record.trace_id and record.span_id
    }
    # Before the records are stored: a request with their spans either sees them, or is seen from here.
    await locks.lock_traces(writer, project_id, sorted({trace_id for trace_id, _ in speaking.values()}))
    rows = [_log_row(log_id, record, place) for place, (log_id, record) in enumerate(by_id.items())]
    new = await logs.insert_log_records(writer, project_id, sorted(rows))
    await _rewrite_spans(writer, project_id, sorted({speaking[log_id] for log_id in new & speaking.keys()}))
    judged = [
        row
        for log_id in sorted(new)
        if by_id[log_id].event_name == EVALUATION and _has_target(row := _feedback_row(log_id, by_id[log_id]))
    ]
    await feedback.insert_evaluations(writer, project_id, judged)
    await _judge_answers(writer, project_id, {_judged_response(by_id[log_id]) for log_id in new} - {""})


async def _rewrite_spans(writer: Writer, project_id: int, keys: list[SpanKey]) -> None:
    if keys:
        raws = await spans.raw_spans_by_key(writer, project_id, keys)
        if raws:
            await store_spans(writer, project_id, [_read_stored(raws[key]) for key in sorted(raws)], rewrite=True)


async def _judge_answers(writer: Writer, project_id: int, response_ids: set[str]) -> None:
    """Evaluations that name an answer become feedback on the span that brought it, once both are here."""
    if not response_ids:
        return
    waiting = await logs.logs_by_response(writer, project_id, sorted(response_ids))
    if waiting:
        found = await spans.spans_by_response(writer, project_id, sorted(waiting))
        rows = [
            {**_feedback_row(row["log_id"], decode_stored_log(row["raw"])), "span_id": found[response_id]}
            for response_id, group in waiting.items()
            if response_id in found
            for row in group
        ]
        await feedback.insert_evaluations(writer, project_id, rows)


def _judged_response(record: RawLogRecord) -> str:
    """The answer that an evaluation without a span judges, "" for everything else."""
    if record.event_name != EVALUATION or record.span_id:
        return ""
    return evaluation_of(record).response_id


def _log_row(log_id: str, record: RawLogRecord, place: int) -> LogRow:
    return LogRow(
        log_id=log_id,
        trace_id=record.trace_id,
        span_id=record.span_id,
        event_name=record.event_name,
        response_id=_judged_response(record),
        recorded_at=EPOCH + timedelta(microseconds=record.time_unix_nano // 1000),
        sequence=place,
        raw=record.raw,
    )


def _has_target(row: Row) -> bool:
    return bool(row["span_id"] or row["trace_id"] or row["conversation_id"])


def _feedback_row(log_id: str, record: RawLogRecord) -> dict[str, Any]:
    evaluation = evaluation_of(record)
    reason = evaluation.explanation or None
    rating = {"name": evaluation.name, "value": evaluation.score, "reason": reason, "confidence": None}
    # What it is about: its span, else the span of the answer it names (found elsewhere), else its turn, else the
    # conversation it names.
    wider = not record.span_id and not evaluation.response_id
    trace_id = record.trace_id if wider else ""
    return {
        "feedback_id": log_id,
        "conversation_id": evaluation.conversation_id if wider and not trace_id else "",
        "trace_id": trace_id,
        "span_id": record.span_id,
        "feedback_type": EVALUATION,
        "tags": [evaluation.label] if evaluation.label else [],
        "ratings": [] if evaluation.score is None else [rating],
        "payload": evaluation.attributes,
        "creator": "",
        "created_at": EPOCH + timedelta(microseconds=record.time_unix_nano // 1000),
    }
