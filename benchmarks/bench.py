"""Measures every bar that speed is held to, and says of each whether it passes: `make bench`, `make bench-large`.

A missed bar is no error: the program fails only when something did not work, or with --strict. PEERS names a Python
that has chdb and arize-phoenix; without it they are not measured.
"""

import argparse
import asyncio
import contextlib
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import growth_bars, ingest_bars, list_bars, read_bars, stream_bars
from benchmarks.bars import HEAD, ROUNDS, Bar
from benchmarks.harness import machine
from benchmarks.store import ORIGINALS, Store, fill
from tests.server_process import ServerProcess, serving

_PART_S = 1800
_LONG_ROUNDS = 3
"""Of the long trace, a round of which takes a minute: its bar is far from what rounds differ by."""


@dataclass(frozen=True, slots=True)
class Options:
    """How much is measured, and what."""

    spans: int
    large_spans: int
    rounds: int
    parts: Sequence[str]

    @property
    def originals(self) -> int:
        """How many conversations are sent: fewer for a small store."""
        return min(ORIGINALS, max(20, self.spans // 500))


Part = Callable[[ServerProcess, Store, Options], Awaitable[list[Bar]]]


async def _minimaps(server: ServerProcess, store: Store, options: Options) -> list[Bar]:
    return await read_bars.minimaps(server, store, min(1000, len(store.conversation_ids)), options.rounds)


async def _click_house(server: ServerProcess, store: Store, options: Options) -> list[Bar]:
    counts = [min(count, len(store.conversation_ids)) for count in (100, 1000)]
    return await read_bars.beside_click_house(server, store, counts, options.rounds)


async def _chat(server: ServerProcess, _: Store, options: Options) -> list[Bar]:
    return await read_bars.chat(server, options.rounds)


async def _small(server: ServerProcess, store: Store, options: Options) -> list[Bar]:
    return await read_bars.small_query(server, store, options.rounds)


async def _stream(server: ServerProcess, store: Store, _: Options) -> list[Bar]:
    return await stream_bars.measure(server, store)


async def _ingest(server: ServerProcess, _: Store, options: Options) -> list[Bar]:
    return await ingest_bars.measure(server, options.rounds)


async def _phoenix(server: ServerProcess, _: Store, options: Options) -> list[Bar]:
    return await ingest_bars.beside_phoenix(server, options.rounds)


async def _long(server: ServerProcess, _: Store, options: Options) -> list[Bar]:
    return await ingest_bars.measure_long_trace(server, 200, min(_LONG_ROUNDS, options.rounds))


async def _lists(_: ServerProcess, __: Store, ___: Options) -> list[Bar]:
    return await list_bars.measure()


# The first needs a server that has just started: what memory it took before could not be told from what it takes then.
PARTS: dict[str, Part] = {
    "stream": _stream,
    "minimaps": _minimaps,
    "clickhouse": _click_house,
    "chat": _chat,
    "small": _small,
    "ingest": _ingest,
    "phoenix": _phoenix,
    "long": _long,
    "lists": _lists,
}


class Table:
    """Prints each line when it is known, and keeps count."""

    def __init__(self) -> None:
        self.bars: list[Bar] = []
        self.broken: list[str] = []

    async def add(self, name: str, work: Awaitable[list[Bar]]) -> None:
        """The bars of one part. If it breaks, that is said, and the next has its turn."""
        try:
            async with asyncio.timeout(_PART_S):
                found = await work
        except Exception:  # noqa: BLE001 - whatever it is, the others are measured all the same
            traceback.print_exc()
            print(f"| {name} | | | | did not work | see above |", flush=True)
            self.broken.append(name)
            return
        self.bars += found
        for bar in found:
            print(bar.row(), flush=True)

    def close(self) -> None:
        """The last lines."""
        verdicts = [bar.passes for bar in self.bars]
        print(
            f"\n{verdicts.count(True)} pass, {verdicts.count(False)} missed, {verdicts.count(None)} not measured, "
            f"{len(self.broken)} did not work. The bounds hold nine chances in ten each; figures are those of this run."
        )


@contextlib.asynccontextmanager
async def filled(spans: int, bodies: int, originals: int) -> AsyncIterator[tuple[ServerProcess, Store]]:
    """A server that has just started on a store of so many spans."""
    # Short, as a socket's path has 107 bytes; open to the database's user, who is another one when root runs this.
    folder = Path(tempfile.mkdtemp(prefix="tgb", dir="/tmp"))
    folder.chmod(0o755)
    try:
        async with serving(folder / "data") as server:
            store = await fill(server, spans=spans, bodies=bodies, originals=originals)
        async with serving(folder / "data") as server:
            yield server, store
    finally:
        shutil.rmtree(folder)


async def measure(options: Options) -> Table:
    """On one store, with all bodies."""
    table = Table()
    async with filled(options.spans, 1, options.originals) as (server, store):
        print(f"{store.span_count:,} spans of {len(store.conversation_ids):,} conversations are stored.\n\n{HEAD}")
        for name, part in PARTS.items():
            if name in options.parts:
                await table.add(name, part(server, store, options))
    return table


async def measure_large(options: Options) -> Table:
    """On two stores, one ten times as large as the other; a body on one span in 20."""
    table = Table()
    async with (
        filled(options.spans, 20, options.originals) as small,
        filled(options.large_spans, 20, options.originals) as large,
    ):
        print(f"{small[1].span_count:,} and {large[1].span_count:,} spans are stored.\n\n{HEAD}")
        await table.add("stream", stream_bars.measure(*large))
        await table.add("growth", growth_bars.measure(small, large, options.rounds))
    return table


def main() -> int:
    """What the command line asks for; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"some of {', '.join(PARTS)}; all when left out")
    parser.add_argument("--large", action="store_true", help="how reads change from 1,000,000 to 10,000,000 spans")
    parser.add_argument("--strict", action="store_true", help="fail when a bar is missed")
    parser.add_argument("--spans", type=int, default=1_000_000, help="how many are stored (%(default)s)")
    parser.add_argument("--large-spans", type=int, default=10_000_000, help="the same with --large (%(default)s)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often each is run (%(default)s)")
    given = parser.parse_args()
    unknown = set(given.parts) - PARTS.keys()
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    # Ended from outside, it still ends its servers and takes their folders away.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    print(machine(), flush=True)
    options = Options(given.spans, given.large_spans, given.rounds, given.parts or list(PARTS))
    table = asyncio.run(measure_large(options) if given.large else measure(options))
    table.close()
    missed = any(bar.passes is False for bar in table.bars)
    return 1 if table.broken or (given.strict and missed) else 0


if __name__ == "__main__":
    sys.exit(main())
