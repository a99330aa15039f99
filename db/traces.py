"""The rows of `trace`: by which version's rules each trace was projected, and which conversation it is linked to."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from db.engine import Reader, Writer
from domain.projection import PROJECTION_VERSION


class TracePosition(NamedTuple):
    """A trace's place among those of earlier versions."""

    projection_version: int
    trace_id: str


FIRST = TracePosition(-(2**63), "")
"""Before all of them."""


async def count_traces(reader: Reader, project_id: int) -> int:
    return int(await reader.fetchval("select count(*) from trace where project_id = $1", project_id))


async def list_trace_ids(reader: Reader, project_id: int, *, after: str, limit: int) -> list[str]:
    """The next trace ids of a project in byte order. Served by the primary key."""
    rows = await reader.fetch(
        "select trace_id from trace where project_id = $1 and trace_id > $2 order by trace_id limit $3",
        project_id,
        after,
        limit,
    )
    return [row["trace_id"] for row in rows]


async def count_old_traces(reader: Reader, project_id: int) -> int:
    """How many traces of a project an earlier version projected. Served by ix_trace_version."""
    return int(
        await reader.fetchval(
            "select count(*) from trace where project_id = $1 and projection_version < $2",
            project_id,
            PROJECTION_VERSION,
        )
    )


async def count_all_old_traces(reader: Reader, *, at_most: int) -> int:
    """How many traces of all projects an earlier version projected, counted up to `at_most`. Served by
    ix_trace_version.
    """
    return int(
        await reader.fetchval(
            """
            select count(*) from (
                select from project p cross join lateral (
                    select from trace t where t.project_id = p.project_id and t.projection_version < $1 limit $2
                ) t limit $2
            ) counted""",
            PROJECTION_VERSION,
            at_most,
        )
    )


async def list_old_traces(reader: Reader, project_id: int, *, after: TracePosition, limit: int) -> list[TracePosition]:
    """The next traces that an earlier version projected, oldest version first. Served by ix_trace_version."""
    rows = await reader.fetch(
        """
        select projection_version, trace_id from trace
        where project_id = $1 and projection_version < $2 and (projection_version, trace_id) > ($3, $4)
        order by projection_version, trace_id limit $5""",
        project_id,
        PROJECTION_VERSION,
        *after,
        limit,
    )
    return [TracePosition(row["projection_version"], row["trace_id"]) for row in rows]


async def set_projection_version(writer: Writer, project_id: int, trace_ids: Iterable[str]) -> None:
    """Note that all of the traces' spans were read, and their turns made, by this version's rules."""
    await writer.execute(
        """
        update trace set projection_version = $3
        where project_id = $1 and trace_id = any($2::text[]) and projection_version <> $3""",
        project_id,
        list(trace_ids),
        PROJECTION_VERSION,
    )


async def set_link(writer: Writer, project_id: int, trace_ids: Sequence[str], conversation_id: str) -> None:
    """Link the traces to a conversation, "" for none. Whoever calls holds their locks."""
    await writer.execute(
        """
        update trace set linked_conversation_id = $3
        where project_id = $1 and trace_id = any($2::text[]) and linked_conversation_id <> $3""",
        project_id,
        trace_ids,
        conversation_id,
    )
