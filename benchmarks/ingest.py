"""The way in: spans through the real HTTP door, beside the same rows copied into the same tables.

The baseline does not decode, understand or project: it is given the rows that the server stored, and writes them with
asyncpg's copy_records_to_table, one transaction per batch.
"""

from typing import Any

import asyncpg
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from benchmarks import generator
from benchmarks.harness import Result, Scale, Work, export_all, interleaved
from tests.server_process import ServerProcess

TABLES = ("span", "span_content")
BASELINE = "COPY of the same rows"


async def measure(server: ServerProcess, scale: Scale) -> list[Result]:
    # As many conversations as it takes, and not more of the last one.
    spans = generator.traffic(max(3, scale.ingest_spans // 40)).spans[: scale.ingest_spans]
    bodies = {size: generator.requests(spans, size) for size in (50, 500)}
    connection = await asyncpg.connect(server.dsn)
    for table in TABLES:
        await connection.execute(f"create table baseline_{table} (like {table} including all)")
    await export_all(server.url, bodies[500], "bench/rows")
    rows = {table: await _rows(connection, table) for table in TABLES}
    assert len(rows["span"]) == len(rows["span_content"]) == len(spans)

    def sending(size: int, senders: int = 1) -> Work:
        return lambda number: export_all(server.url, bodies[size], f"bench/{size}-{senders}-{number}", senders=senders)

    projects = iter(range(1_000_000))

    def copying(size: int) -> Work:
        async def copy(_: int) -> None:
            project = next(projects)
            for at in range(0, len(spans), size):
                async with connection.transaction():
                    for table in TABLES:
                        batch = [(project, *rows[table][key(span)]) for span in spans[at : at + size]]
                        await connection.copy_records_to_table(f"baseline_{table}", records=batch)

        return copy

    seconds = await interleaved(
        scale.rounds,
        {
            "50": sending(50),
            "copy 50": copying(50),
            "500": sending(500),
            "copy 500": copying(500),
            "500, 4 senders": sending(500, 4),
            # Into the project of "500" of the same round: everything is there already.
            "500 again": sending(500),
        },
    )
    stored = await connection.fetch("select count(*) as spans from span group by project_id")
    assert {row["spans"] for row in stored} == {len(spans)}
    assert await connection.fetchval("select count(*) from baseline_span") == (scale.rounds + 1) * 2 * len(spans)
    for table in TABLES:
        await connection.execute(f"drop table baseline_{table}")
    await connection.close()
    rate = {name: len(spans) / value for name, value in seconds.items()}
    lines = {
        "ingest, 50 spans a request": ("50", "copy 50"),
        "ingest, 500 spans a request": ("500", "copy 500"),
        "ingest, 500 spans a request, 4 senders": ("500, 4 senders", "copy 500"),
        "ingest, 500 spans sent again": ("500 again", "copy 500"),
    }
    return [Result(what, rate[ours], rate[base], "spans/s", BASELINE) for what, (ours, base) in lines.items()]


def key(span: Span) -> tuple[str, str]:
    return span.trace_id.hex(), span.span_id.hex()


async def _rows(connection: "asyncpg.Connection[asyncpg.Record]", table: str) -> dict[tuple[str, str], tuple[Any, ...]]:
    """The stored rows by trace and span id, without the project's number, their first column."""
    found = await connection.fetch(f"select * from {table}")
    return {(row["trace_id"], row["span_id"]): tuple(row.values())[1:] for row in found}


async def measure_long_trace(server: ServerProcess, scale: Scale) -> list[Result]:
    """A trace that keeps growing, beside as many spans of the same kind in traces that don't."""
    count = scale.long_requests
    long = generator.requests(generator.long_trace(count * 100), 100)
    short = [body for trace in generator.short_traces(count, 100) for body in generator.requests(trace, 100)]

    async def send_long(number: int) -> None:
        await export_all(server.url, long, f"bench/long-{number}")

    async def send_short(number: int) -> None:
        await export_all(server.url, short, f"bench/short-{number}")

    # Once, as a long one takes a minute: its cost is far above what rounds differ by.
    seconds = await interleaved(1, {"short": send_short, "long": send_long}, warm_up=False)
    rate = {name: count * 100 / value for name, value in seconds.items()}
    what = f"one trace of {count * 100:,} spans in {count} requests"
    return [Result(what, rate["long"], rate["short"], "spans/s", f"{count} traces of 100 spans, the same way")]
