"""Log records, raw: kept once each, read by the span they belong to or the answer they judge."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from db.engine import Reader, Row, Writer, by_key
from db.spans import SpanKey


class LogRow(NamedTuple):
    log_id: str
    trace_id: str
    span_id: str
    event_name: str
    response_id: str
    recorded_at: datetime
    sequence: int
    raw: bytes


_COLUMNS = ", ".join(LogRow._fields)


async def insert_log_records(writer: Writer, project_id: int, rows: Sequence[LogRow]) -> set[str]:
    """Store the records that are not there yet; their ids are returned. `rows` are sorted, their ids distinct."""
    if not rows:
        return set()
    new = await writer.fetch(
        f"""
        insert into log_record (project_id, {_COLUMNS})
        select $1, u.* from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[],
            $8::bigint[], $9::bytea[]) u
        on conflict do nothing returning log_id""",  # noqa: S608 - our own column names
        project_id,
        *map(list, zip(*rows, strict=True)),
    )
    return {row["log_id"] for row in new}


async def logs_by_trace(
    reader: Reader, project_id: int, trace_ids: Iterable[str], event_names: Iterable[str]
) -> dict[SpanKey, list[bytes]]:
    """The records of these names, raw, by trace and span, in the order in which they were written. Served by
    ix_log_record_span.
    """
    rows = await reader.fetch(
        """
        select l.trace_id, l.span_id, l.raw from unnest($2::text[]) u(trace_id)
        join log_record l on l.project_id = $1 and l.trace_id = u.trace_id and l.trace_id <> ''
        where l.event_name = any($3::text[]) and l.span_id <> ''
        order by l.trace_id, l.span_id, l.recorded_at, l.sequence, l.log_id""",
        project_id,
        list(trace_ids),
        list(event_names),
    )
    found: dict[SpanKey, list[bytes]] = {}
    for row in rows:
        found.setdefault((row["trace_id"], row["span_id"]), []).append(row["raw"])
    return found


async def logs_by_response(reader: Reader, project_id: int, response_ids: Sequence[str]) -> dict[str, list[Row]]:
    """Records that name an answer instead of a span, by the answer's id. Served by ix_log_record_response."""
    rows = await reader.fetch(
        """
        select l.response_id, l.log_id, l.recorded_at, l.raw from unnest($2::text[]) u(response_id)
        join log_record l on l.project_id = $1 and l.response_id = u.response_id and l.response_id <> ''
        order by l.log_id""",
        project_id,
        response_ids,
    )
    return by_key(rows, "response_id")
