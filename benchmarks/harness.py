"""What all programs share: a server with data of its own, a plain HTTP client, interleaved rounds, and the table."""

import asyncio
import contextlib
import http.client
import os
import platform
import shutil
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import orjson

from tests.server_process import ServerProcess, serving

_KEPT_S = 3
"""Servers close connections that are idle for longer."""

Work = Callable[[int], Awaitable[None]]
"""One run of something, given the round's number."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured."""

    conversations: int
    read_ids: tuple[int, ...]
    """How many conversations one minimap request asks for."""
    ingest_spans: int
    """How many spans one round of ingest sends."""
    long_requests: int
    """The long trace comes in so many requests of 100 spans."""
    rounds: int


@dataclass(frozen=True, slots=True)
class Result:
    """A median beside its baseline's, both of the same rounds."""

    what: str
    ours: float
    baseline: float
    unit: str
    compared_with: str

    @property
    def ratio(self) -> float:
        """How many times slower than the baseline."""
        return self.ours / self.baseline if self.unit == "ms" else self.baseline / self.ours


class Door:
    """One kept-alive HTTP connection: a client that costs next to nothing."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=600)
        self._used = 0.0

    def post(self, path: str, body: bytes, **headers: str) -> bytes:
        given = {"content-type": "application/json", **{name.replace("_", "-"): text for name, text in headers.items()}}
        # OTLP's project header is the one whose name has an underscore.
        if "project_id" in headers:
            given["project_id"] = given.pop("project-id")
        if time.monotonic() - self._used > _KEPT_S:
            self._connection.close()  # Opened again by the request.
        self._connection.request("POST", path, body, given)
        response = self._connection.getresponse()
        answer = response.read()
        self._used = time.monotonic()
        if response.status != 200:
            raise AssertionError(f"{path} answered {response.status}: {answer[:500]!r}")
        return answer

    def export(self, body: bytes, project: str) -> None:
        answer = self.post("/v1/traces", body, content_type="application/x-protobuf", project_id=project)
        assert answer == b"", "spans were rejected"

    def ask(self, path: str, body: Mapping[str, object]) -> bytes:
        return self.post(path, orjson.dumps(body))


async def export_all(url: str, bodies: list[bytes], project: str, *, senders: int = 1) -> None:
    """Send all requests, from several connections at a time."""
    pending = iter(bodies)

    def send() -> None:
        door = Door(url)
        for body in pending:  # A list's iterator hands each request to one thread.
            door.export(body, project)

    await asyncio.gather(*(asyncio.to_thread(send) for _ in range(senders)))


@contextlib.asynccontextmanager
async def server_of_its_own() -> AsyncIterator[ServerProcess]:
    """`turngraph serve` on an empty database in a temporary folder."""
    # Short, as a socket's path has 107 bytes; open to the database's user, who is another one when root runs this.
    folder = Path(tempfile.mkdtemp(prefix="tgb", dir="/tmp"))
    folder.chmod(0o755)
    try:
        async with serving(folder / "data") as server:
            yield server
    finally:
        shutil.rmtree(folder)


async def interleaved(
    rounds: int, works: Mapping[str, Work], *, warm_up: bool = True, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """The median seconds of each: all in turn, round after round, after one that is not counted.

    Interleaved, because other load on the machine then falls on all of them.
    """
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for number in range(0 if warm_up else 1, rounds + 1):
        for name, work in works.items():
            began = clock()
            await work(number)
            if number > 0:
                seconds[name].append(clock() - began)
    return {name: statistics.median(values) for name, values in seconds.items()}


def show(results: list[Result]) -> None:
    """The table, in Markdown."""
    print("| what | measured | baseline | times slower | baseline is |")
    print("|---|---:|---:|---:|---|")
    for result in results:
        figures = f"{_figure(result.ours)} {result.unit} | {_figure(result.baseline)} {result.unit}"
        print(f"| {result.what} | {figures} | {result.ratio:.1f} | {result.compared_with} |")


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def machine() -> str:
    """What it ran on."""
    info = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
    processor = names[0] if names else platform.processor()
    return (
        f"{os.cpu_count()} x {processor}, {platform.system()} {platform.release()}, Python {platform.python_version()}"
    )
