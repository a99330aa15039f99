"""One client asks for 10,000 minimaps at once: what that costs the server's memory, and how long others wait meanwhile.

Run as `python -m benchmarks.stream`: some minutes, most of which go into filling the store.
"""

import asyncio
import http.client
import shutil
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import orjson

from benchmarks.harness import Door, machine
from benchmarks.store import PROJECT, fill
from tests.server_process import ServerProcess, serving

ROUTE = "/agents/conversations/spans"
SPANS = 1_500_000
IDS = 10_000
SMALL_QUERY = """
query($projectId: ID!, $id: ID!) {
  project(id: $projectId) { conversation(id: $id) { conversationId turnCount usage { inputTokens } } }
}"""
READ_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one answer."""

    ids: int
    spans: int
    megabytes: float
    seconds: float
    grown_mb: float
    """By how much the server's memory at its peak exceeded what it was before."""
    waits_ms: list[float]
    """How long each small query of another client took meanwhile."""


def _memory_mb(server: ServerProcess, line: str) -> float:
    """VmRSS is the memory now, VmHWM its peak."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return next(int(text.split()[1]) for text in status.splitlines() if text.startswith(line)) / 1024


def _read(url: str, body: bytes) -> tuple[int, int]:
    """The bytes of an answer and the spans in it; read as it comes, and not kept."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=600)
    connection.request("POST", ROUTE, body, {"content-type": "application/json"})
    response = connection.getresponse()
    assert response.status == 200, response.read()
    size, spans, carried = 0, 0, b""
    while part := response.read(READ_BYTES):
        size += len(part)
        text = carried + part
        spans += text.count(b'"span_id"')
        # Shorter than what is counted, so that nothing is counted twice.
        carried = text[-8:]
    assert carried.endswith(b"]}")
    return size, spans


async def _asked_meanwhile(url: str, body: bytes, work: "asyncio.Task[tuple[int, int]]") -> list[float]:
    door = Door(url)
    waits = []
    while not work.done():
        began = time.perf_counter()
        await asyncio.to_thread(door.post, "/graphql", body)
        waits.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(0.002)
    return waits


async def measure(server: ServerProcess, ids: list[str]) -> Figures:
    """One answer, with another client's small queries beside it."""
    small = orjson.dumps({"query": SMALL_QUERY, "variables": {"projectId": PROJECT, "id": ids[0]}})
    door = Door(server.url)
    for _ in range(20):
        door.post("/graphql", small)
    Path(f"/proc/{server.process.pid}/clear_refs").write_text("5")  # The peak is what it is now.
    before = _memory_mb(server, "VmRSS")
    began = time.perf_counter()
    question = orjson.dumps({"project_id": PROJECT, "conversation_ids": ids})
    work = asyncio.create_task(asyncio.to_thread(_read, server.url, question))
    waits = await _asked_meanwhile(server.url, small, work)
    size, spans = await work
    seconds = time.perf_counter() - began
    return Figures(len(ids), spans, size / 1e6, seconds, _memory_mb(server, "VmHWM") - before, waits)


def show(found: list[Figures]) -> None:
    """The table, in Markdown."""
    print("| ids | spans | MB | seconds | memory grown, MB | small query, median ms | p99 ms | longest ms |")
    print("|---:|---:|---:|---:|---:|---:|---:|---:|")
    for one in found:
        waits = sorted(one.waits_ms)
        cells = [statistics.median(waits), waits[int(len(waits) * 0.99)], waits[-1]]
        print(
            f"| {one.ids:,} | {one.spans:,} | {one.megabytes:.1f} | {one.seconds:.2f} | {one.grown_mb:.0f} | "
            + " | ".join(f"{cell:.1f}" for cell in cells)
            + " |"
        )


async def _longest(server: ServerProcess) -> list[str]:
    """The ids of the conversations with the most spans."""
    connection = await asyncpg.connect(server.dsn)
    try:
        rows = await connection.fetch(
            "select conversation_id from conversation order by span_count desc, conversation_id limit $1", IDS
        )
    finally:
        await connection.close()
    return [row["conversation_id"] for row in rows]


async def main() -> None:
    """Fill a store, start a server on it afresh, and ask."""
    print(machine())
    # Short, as a socket's path has 107 bytes; open to the database's user, who is another one when root runs this.
    folder = Path(tempfile.mkdtemp(prefix="tgb", dir="/tmp"))
    folder.chmod(0o755)
    try:
        async with serving(folder / "data") as server:
            await fill(server, spans=SPANS, bodies=1000)
            ids = await _longest(server)
        found = []
        for count in (1000, IDS):
            async with serving(folder / "data") as server:
                found += [await measure(server, ids[:: IDS // count]) for _ in range(2)]
        show(found)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    asyncio.run(main())
