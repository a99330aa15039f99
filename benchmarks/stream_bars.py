"""The bars of very large answers: what 10,000 minimaps at once cost in memory, and how long others wait meanwhile."""

import asyncpg

from benchmarks import stream
from benchmarks.bars import Bar, Ratio, figure
from benchmarks.store import Store
from tests.server_process import ServerProcess

_TIMES = 3
_SHOWN = 200
"""The most spans that are shown of a conversation."""
_MEAN = 100


async def measure(server: ServerProcess, store: Store) -> list[Bar]:
    """On a server that has just started: 10,000 conversations with 100 spans each on average, or as many as the store
    has.
    """
    ids = await _ids(server, store.project_id)
    found = [await stream.measure(server, ids) for _ in range(_TIMES)]
    first = found[0]
    # Memory only the first time: what it took stays with the process, and is there for the next.
    what = f"{first.ids:,} minimaps, {first.spans:,} spans, {first.megabytes:.0f} MB"
    waits = sorted(wait for one in found for wait in one.waits_ms)
    p99 = waits[int(len(waits) * 0.99)]
    took = f"{figure(first.seconds)} s"
    others = f"of {len(waits):,}; median {figure(waits[len(waits) // 2])} ms, longest {figure(waits[-1])} ms"
    return [
        Bar(f"{what}: memory grown at the peak", 150, Ratio.exactly(first.grown_mb), took, unit="MB"),
        Bar(f"{what}: another client's small query, 99 in 100", 150, Ratio.exactly(p99), others, unit="ms"),
    ]


async def _ids(server: ServerProcess, project_id: int) -> list[str]:
    """Neighbours by size: the longest, unless these have more than the mean wanted."""
    connection = await asyncpg.connect(server.dsn)
    try:
        rows = await connection.fetch(
            "select conversation_id, least(span_count, $2::bigint) as shown from conversation where project_id = $1 "
            "order by span_count desc, conversation_id",
            project_id,
            _SHOWN,
        )
    finally:
        await connection.close()
    shown = [row["shown"] for row in rows]
    first, total = 0, sum(shown[: stream.IDS])
    while total > stream.IDS * _MEAN and first + stream.IDS < len(shown):
        total += shown[first + stream.IDS] - shown[first]
        first += 1
    return [row["conversation_id"] for row in rows[first : first + stream.IDS]]
