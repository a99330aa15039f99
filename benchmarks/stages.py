"""Where the time of ingest goes: requests of 500 spans, one by one, in this process, with the database beside it.

Pure stages are timed alone on the same input; statements by asyncpg, from sending to the last row, so that encoding
arguments and decoding rows count as SQL. What is left are rows, JSON and the event loop.
"""

import re
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import asyncpg

from app.ingest import Ingest
from benchmarks import generator
from benchmarks.harness import Scale
from db.engine import Database
from domain.dialects import understand
from domain.otlp import BodyFormat, decode_traces
from domain.projection import turns_of_trace
from domain.records import SpanRecord, TurnRecord
from tests.server_process import ServerProcess


class Statements:
    """Milliseconds by statement."""

    def __init__(self) -> None:
        self.ms: dict[str, float] = defaultdict(float)

    def record(self, query: asyncpg.connection.LoggedQuery) -> None:
        self.ms[_label(query.query)] += query.elapsed * 1000


def _label(query: str) -> str:
    """What it does to which table."""
    words = " ".join(query.lower().split())
    target = re.search(r"(insert into|update|delete from|from|join) (\w+)", words.replace("from unnest(", ""))
    return f"{words.split(';')[0].split(' ')[0]} {target[2]}" if target else words.split(";")[0]


async def measure(server: ServerProcess, scale: Scale) -> dict[str, float]:
    """Microseconds per span, by stage."""
    spans = generator.traffic(max(3, scale.ingest_spans // 40)).spans[: scale.ingest_spans]
    bodies = generator.requests(spans, 500)
    statements = Statements()
    database = Database(server.dsn, on_query=statements.record)
    await database.open()
    for body in bodies:
        await Ingest(database).traces(body, BodyFormat.PROTOBUF, "bench/stages-warm")
    statements.ms.clear()
    began = time.perf_counter()
    for body in bodies:
        await Ingest(database).traces(body, BodyFormat.PROTOBUF, "bench/stages")
    total_ms = (time.perf_counter() - began) * 1000
    await database.close()

    decoded, decode_ms = _timed(lambda: [decode_traces(body, BodyFormat.PROTOBUF).spans for body in bodies])
    records, understand_ms = _timed(lambda: [[understand(raw) for raw in raws] for raws in decoded])
    _, project_ms = _timed(lambda: [_project(batch) for batch in records])
    stages = {"decode": decode_ms, "understand": understand_ms, "project": project_ms}
    stages |= {f"SQL: {name}": ms for name, ms in statements.ms.items()}
    stages["rows, JSON, event loop"] = total_ms - sum(stages.values())
    return {name: ms * 1000 / len(spans) for name, ms in stages.items()}


def _project(batch: list[SpanRecord]) -> list[TurnRecord]:
    traces: dict[str, list[SpanRecord]] = {}
    for record in batch:
        traces.setdefault(record.trace_id, []).append(record)
    return [turn for trace_id, group in traces.items() for turn in turns_of_trace(trace_id, group)]


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    found = work()
    return found, (time.perf_counter() - began) * 1000


def show(stages: dict[str, float]) -> None:
    """The table, in Markdown, the largest first."""
    total = sum(stages.values())
    print("| stage of ingest | µs per span | share |")
    print("|---|---:|---:|")
    for name, value in sorted(stages.items(), key=lambda item: -item[1]):
        print(f"| {name} | {value:.0f} | {value / total:.0%} |")
    print(f"| all | {total:.0f} | |")
