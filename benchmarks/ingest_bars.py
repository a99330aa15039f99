"""The bars of ingest: beside Phoenix, and beside the least that could write the same rows.

The floor is given the rows that the server stored for a request, and upserts them under another project's number: one
statement for each table, arrays through unnest, all in one transaction. It reads, decodes and projects nothing.
"""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg

from benchmarks import generator, peers
from benchmarks.bars import Bar, rate_bar, take_turns, wall_bar
from benchmarks.harness import Door, Work
from tests.server_process import ServerProcess

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]

TABLES = ("span", "span_content", "turn", "message", "conversation")
BATCH = 500
_BATCHES = 4
"""In one run."""
_TURNS, _SPANS = 5, 20
_CONVERSATIONS = BATCH // (_TURNS * _SPANS)
"""In one batch: so a batch has whole conversations, and the floor's rows are all that its request writes."""
_REST_S = 2.0
_NO_PROJECT = 1_000_000_000
"""Beyond the numbers of all projects: the floor's."""


def _batch(name: str) -> list[bytes]:
    return generator.requests(
        generator.even_traffic(_CONVERSATIONS, _TURNS, _SPANS, prefix=f"conversation-{name}").spans, BATCH
    )


@dataclass(frozen=True, slots=True)
class _Upsert:
    """A statement, and its arguments without the project's number."""

    statement: str
    columns: list[list[Any]]

    @classmethod
    async def of(cls, connection: "Connection", table: str, project_id: int) -> "_Upsert":
        """All rows that the project has in a table."""
        described = await connection.fetch(
            """
            select a.attname as name, format_type(a.atttypid, a.atttypmod) as type,
                a.attnum = any(i.indkey) as is_key
            from pg_attribute a join pg_index i on i.indrelid = a.attrelid and i.indisprimary
            where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped and a.attname <> 'project_id'
            order by a.attnum""",
            table,
        )
        # unnest would flatten arrays of arrays: those travel as text.
        arrays = {row["name"]: row["type"].endswith("[]") for row in described}
        keys = ", ".join(["project_id", *(row["name"] for row in described if row["is_key"])])
        read = ", ".join(f"{name}::text" if is_array else name for name, is_array in arrays.items())
        rows = await connection.fetch(f"select {read} from {table} where project_id = $1 order by {keys}", project_id)
        types = [f"${n}::{'text' if arrays[row['name']] else row['type']}[]" for n, row in enumerate(described, 2)]
        values = ", ".join(f"u.{row['name']}" + (f"::{row['type']}" * arrays[row["name"]]) for row in described)
        names = ", ".join(arrays)
        changes = ", ".join(f"{row['name']} = excluded.{row['name']}" for row in described if not row["is_key"])
        statement = f"""
            insert into {table} (project_id, {names}) select $1, {values} from unnest({", ".join(types)}) u({names})
            on conflict ({keys}) do update set {changes}"""
        return cls(statement, [list(column) for column in zip(*rows, strict=True)])


async def measure(server: ServerProcess, rounds: int) -> list[Bar]:
    """Batches of 500 spans, one after the other, beside the floor."""
    door = Door(server.url)
    batches = [_batch(f"upsert-{number}")[0] for number in range(_BATCHES)]
    connection = await asyncpg.connect(server.dsn)
    upserts = []
    for number, body in enumerate(batches):
        door.export(body, f"bench/rows-{number}")
        project_id = await _project_id(connection, f"rows-{number}")
        batch = [await _Upsert.of(connection, table, project_id) for table in TABLES]
        assert len(batch[0].columns[0]) == BATCH
        upserts.append(batch)

    async def export(number: int) -> None:
        for body in batches:
            door.export(body, f"bench/upsert-{number}")

    async def upsert(number: int) -> None:
        for batch in upserts:
            async with connection.transaction():
                for table in batch:
                    await connection.execute(table.statement, _NO_PROJECT + number, *table.columns)

    runs = await take_turns({"export": export, "upsert": upsert}, rounds=rounds)
    for table in TABLES:
        project_id = await _project_id(connection, f"upsert-{rounds}")
        counts = await connection.fetch(
            f"select count(*) from {table} where project_id = any($1::bigint[]) group by project_id",
            [project_id, _NO_PROJECT + rounds],
        )
        assert counts[0] == counts[1], f"the floor wrote other rows of {table}"
    await connection.close()
    count = _BATCHES * BATCH
    what = f"ingest, {BATCH} spans of 3 kB a request, until queryable"
    return [rate_bar(what, 0.33, (count, runs["export"]), (count, runs["upsert"]), "bare upsert of the rows")]


async def _project_id(connection: "Connection", name: str) -> int:
    found: int = await connection.fetchval("select project_id from project where entity = 'bench' and name = $1", name)
    return found


async def beside_phoenix(server: ServerProcess, rounds: int) -> list[Bar]:
    """The same beside Phoenix."""
    what = f"ingest, {BATCH} spans of 3 kB a request, beside Phoenix"
    if not peers.has("phoenix"):
        return [Bar(what, 40, None, peers.NOT_MEASURED, at_least=True)]
    door = Door(server.url)
    # Phoenix knows a span by its id alone, whatever its project, so each run has spans of its own.
    batches = [_batch(f"phoenix-{number}")[0] for number in range(rounds + 1)]

    async def export(number: int) -> None:
        door.export(batches[number], "bench/phoenix")

    async with peers.phoenix() as phoenix:

        async def export_there(number: int) -> None:
            phoenix.export(batches[number], expected=(number + 1) * BATCH)

        async def rest(_: int) -> None:
            # What Phoenix does once spans can be queried must not fall on ours.
            await asyncio.sleep(_REST_S)

        runs = await take_turns({"ours": export, "phoenix": export_there, "rest": rest}, rounds=rounds)
    return [rate_bar(what, 40, (BATCH, runs["ours"]), (BATCH, runs["phoenix"]), "Phoenix")]


async def measure_long_trace(server: ServerProcess, requests: int, rounds: int) -> list[Bar]:
    """A trace that grows by 100 spans a request, and a page of its conversation at the end; beside as many traces that
    do not grow.
    """
    door = Door(server.url)
    long = generator.requests(generator.long_trace(requests * 100), 100)
    short = [body for trace in generator.short_traces(requests, 100) for body in generator.requests(trace, 100)]

    def sending(bodies: list[bytes], name: str, conversation_id: str) -> Work:
        async def send(number: int) -> None:
            project = f"bench/{name}-{number}"
            for body in bodies:
                door.export(body, project)
            asked = {"project_id": project, "conversation_id": conversation_id}
            assert b'"total_turns":1' in door.ask("/agents/conversations/chat", asked)

        return send

    works = {
        "short": sending(short, "short", "conversation-short-0"),
        "long": sending(long, "long", "conversation-long"),
    }
    runs = await take_turns(works, rounds=rounds, warm_up=False)
    what = f"one trace of {requests * 100:,} spans in {requests} requests, then read"
    return [wall_bar(what, 3.0, runs["long"], runs["short"], f"{requests} traces of 100 spans")]
