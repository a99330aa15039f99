"""Feedback: written one by one, read by what it is about."""

from collections.abc import Sequence
from typing import Literal

from db.bulk import rows_json, upsert_rows
from db.engine import Reader, Row, Writer, by_key
from db.models import Feedback

MAX_PER_TARGET = 1000
"""The most feedback that is shown on one object."""

Target = Literal["conversation_id", "trace_id", "span_id"]

_COLUMNS = """feedback_id, conversation_id, trace_id, span_id, feedback_type, tags, ratings, payload, creator,
    created_at"""


async def insert_feedback(writer: Writer, project_id: int, row: Row) -> Row:
    """Store one judgement; the stored row is returned. `row` has all columns but project and time."""
    stored = await writer.fetchrow(
        f"""
        insert into feedback (project_id, {_COLUMNS})
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, clock_timestamp()) returning {_COLUMNS}""",  # noqa: S608
        project_id,
        row["feedback_id"],
        row["conversation_id"],
        row["trace_id"],
        row["span_id"],
        row["feedback_type"],
        row["tags"],
        row["ratings"],
        row["payload"],
        row["creator"],
    )
    if stored is None:
        raise RuntimeError("an insert returned no row")
    return stored


async def insert_evaluations(writer: Writer, project_id: int, rows: Sequence[Row]) -> None:
    """Store judgements that came as log records, once each: their ids are the records', their times too."""
    await upsert_rows(writer, Feedback, rows_json({**row, "project_id": project_id} for row in rows))


async def feedback_by_target(
    reader: Reader, project_id: int, target: Target, ids: Sequence[str]
) -> dict[str, list[Row]]:
    """The newest feedback on each of the conversations, traces or spans, oldest first. Served by
    ix_feedback_<target>; where a project has none of the kind, nothing is looked up.
    """
    rows = await reader.fetch(
        f"""
        select f.* from unnest($2::text[]) u(id) cross join lateral (
            select {_COLUMNS} from feedback f where f.project_id = $1 and f.{target} = u.id and f.{target} <> ''
            order by f.created_at desc, f.feedback_id desc limit {MAX_PER_TARGET}
        ) f
        where exists (select from feedback where project_id = $1 and {target} <> '')
        order by f.created_at, f.feedback_id""",  # noqa: S608 - our own column names
        project_id,
        ids,
    )
    return by_key(rows, target)
