"""A store of millions of spans within minutes: real ones are sent once, and PostgreSQL copies their rows."""

from dataclasses import dataclass

import asyncpg

from benchmarks import generator
from benchmarks.harness import export_all
from tests.server_process import ServerProcess

PROJECT = "bench/store"

_TABLES = ("trace", "span", "turn", "message", "conversation")


@dataclass(frozen=True, slots=True)
class Store:
    """What is in it."""

    project_id: int
    """Of the project `PROJECT`, in the database."""
    conversation_ids: list[str]
    span_count: int


async def fill(server: ServerProcess, *, spans: int, bodies: int = 1) -> Store:
    """At least so many spans, of which one in `bodies` is stored with its body.

    Each copy has trace and conversation ids of its own, in no order, so that indexes grow as they do in life.
    """
    traffic = generator.traffic(1000)
    await export_all(server.url, generator.requests(traffic.spans, 500), PROJECT, senders=2)
    connection = await asyncpg.connect(server.dsn)
    try:
        project_id = await connection.fetchval(
            "select project_id from project where entity || '/' || name = $1", PROJECT
        )
        copies = -(-spans // len(traffic.spans)) - 1
        await connection.execute("set synchronous_commit = off")
        for table in _TABLES:
            await _copy(connection, table, project_id, f"generate_series(1, {copies}) k")
        await _copy(connection, "span_content", project_id, f"generate_series({bodies}, {copies}, {bodies}) k")
        for table in (*_TABLES, "span_content"):
            await connection.execute(f"vacuum analyze {table}")
        ids = await connection.fetch("select conversation_id from conversation where project_id = $1", project_id)
        count = await connection.fetchval("select count(*) from span where project_id = $1", project_id)
    finally:
        await connection.close()
    return Store(project_id, sorted(row["conversation_id"] for row in ids), count)


async def _copy(connection: "asyncpg.Connection[asyncpg.Record]", table: str, project_id: int, numbers: str) -> None:
    """Copy the project's rows once for each number."""
    await connection.execute(f"create temp table original as select * from {table} where project_id = {project_id}")
    columns = await connection.fetch(
        "select attname from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped "
        "order by attnum",
        table,
    )
    values = ", ".join(_copied(row["attname"]) for row in columns)
    await connection.execute(f"insert into {table} select {values} from original o, {numbers}")
    await connection.execute("drop table original")


def _copied(column: str) -> str:
    if column == "trace_id":
        return "md5(o.trace_id || k)"
    if column == "conversation_id":
        return "case when o.conversation_id = '' then '' else o.conversation_id || '-' || k end"
    return f"o.{column}"
