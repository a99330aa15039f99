"""A store of millions of spans within minutes: real ones are sent once, and PostgreSQL copies their rows."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, TypeAlias

import asyncpg

from benchmarks import generator
from benchmarks.harness import export_all
from tests.server_process import ServerProcess

PROJECT = "bench/store"

ORIGINALS = 400
"""How many conversations are really sent."""

# Two connections at a time, each with about half of the bytes; the first of each pair is the table with the most.
_SHARES = (("span", "trace", "turn", "conversation", "listing"), ("span_content", "message"))
_WITH_BODIES = ("span_content", "message")


if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]


@dataclass(frozen=True, slots=True)
class Store:
    """What is in it."""

    project_id: int
    """Of the project `PROJECT`, in the database."""
    conversation_ids: list[str]
    span_count: int

    def some_ids(self, count: int) -> list[str]:
        """Conversations of all sizes, copies at random: in every store the same ones of those that were sent."""
        copies: dict[str, list[str]] = {}
        for id_ in self.conversation_ids:
            copies.setdefault(id_[: len("conversation-000000")], []).append(id_)
        for original, group in copies.items():
            Random(original).shuffle(group)
        originals = sorted(copies)
        return [copies[originals[n % len(originals)]][n // len(originals)] for n in range(count)]


async def fill(server: ServerProcess, *, spans: int, bodies: int = 1, originals: int = ORIGINALS) -> Store:
    """At least so many spans, of which one in `bodies` is stored with its body and its turn's messages. One time in 20
    someone judged a turn.

    Each copy has trace and conversation ids of its own, in no order. Indexes are made once the rows are there, which
    takes a fraction of the time; nobody may use the server meanwhile.
    """
    traffic = generator.traffic(originals)
    await export_all(server.url, generator.requests(traffic.spans, 500), PROJECT, senders=2)
    copies = -(-spans // len(traffic.spans)) - 1
    connections = [await asyncpg.connect(server.dsn, command_timeout=3600) for _ in _SHARES]
    first = connections[0]
    try:
        # A checkpoint every 2 GB of the log would write each page many times.
        await first.execute("alter system set max_wal_size = '16GB'")
        await first.execute("select pg_reload_conf()")
        project_id = await first.fetchval("select project_id from project where entity || '/' || name = $1", PROJECT)
        await asyncio.gather(
            *(
                _copy_all(connection, tables, project_id, copies, bodies)
                for connection, tables in zip(connections, _SHARES, strict=True)
            )
        )
        await first.execute(_JUDGE, project_id)
        await first.execute("vacuum analyze feedback")
        await first.execute("alter system reset max_wal_size")
        await first.execute("select pg_reload_conf()")
        ids = await first.fetch("select conversation_id from conversation where project_id = $1", project_id)
        count = await first.fetchval("select count(*) from span where project_id = $1", project_id)
    finally:
        for connection in connections:
            await connection.close()
    return Store(project_id, sorted(row["conversation_id"] for row in ids), count)


_JUDGE = """
    insert into feedback (project_id, feedback_id, trace_id, feedback_type, tags, ratings, created_at)
    select t.project_id, md5(t.trace_id || '-judged'), t.trace_id, 'wandb.agent_user_feedback', '{helpful}',
        '[{"name": "score", "value": 0.5, "reason": null, "confidence": null}]', t.ended_at
    from turn t where t.project_id = $1 and t.conversation_id <> '' and hashtext(t.trace_id) % 20 = 0"""


async def _copy_all(connection: "Connection", tables: Sequence[str], project_id: int, copies: int, bodies: int) -> None:
    await connection.execute("set synchronous_commit = off")
    await connection.execute("set maintenance_work_mem = '512MB'")
    for table in tables:
        step = bodies if table in _WITH_BODIES else 1
        await _copy(connection, table, project_id, f"generate_series({step}, {copies}, {step}) k")
        await connection.execute(f"vacuum analyze {table}")


async def _copy(connection: "Connection", table: str, project_id: int, numbers: str) -> None:
    """Copy the project's rows once for each number."""
    columns = await connection.fetch(
        "select attname from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped "
        "order by attnum",
        table,
    )
    values = ", ".join(_copied(row["attname"]) for row in columns)
    async with connection.transaction():
        indexes = await _drop_indexes(connection, table)
        await connection.execute(
            f"create temp table original on commit drop as select * from {table} where project_id = {project_id}"
        )
        await connection.execute(f"insert into {table} select {values} from original o, {numbers}")
        for statement in indexes:
            await connection.execute(statement)


async def _drop_indexes(connection: "Connection", table: str) -> list[str]:
    """Drop all of a table's indexes; the statements that make them again."""
    found = await connection.fetch(
        """
        select i.indexrelid::regclass::text as name, pg_get_indexdef(i.indexrelid) as made,
            c.conname as key, pg_get_constraintdef(c.oid) as means
        from pg_index i left join pg_constraint c on c.conindid = i.indexrelid and c.contype in ('p', 'u')
        where i.indrelid = $1::regclass""",
        table,
    )
    again = []
    for row in found:
        if row["key"] is None:
            await connection.execute(f"drop index {row['name']}")
            again.append(row["made"])
        else:
            await connection.execute(f"alter table {table} drop constraint {row['key']}")
            again.append(f"alter table {table} add constraint {row['key']} {row['means']}")
    return again


def _copied(column: str) -> str:
    if column == "trace_id":
        return "md5(o.trace_id || k)"
    if column == "conversation_id":
        return "case when o.conversation_id = '' then '' else o.conversation_id || '-' || k end"
    return f"o.{column}"
