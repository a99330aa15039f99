"""Other stores of the same data, where PEERS names a Python that has them: ClickHouse by chdb, and Phoenix.

They are no dependencies of this project: `python3 -m venv DIR; DIR/bin/pip install chdb arize-phoenix`.
"""

import contextlib
import http.client
import json
import os
import re
import select
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

import asyncpg
import orjson

from benchmarks.harness import Door
from tests.server_process import ended, until

NOT_MEASURED = "PEERS names no Python that has it"
_PATIENCE_S = 120.0
_LOADED_S = 600.0


def peers_python() -> str:
    """The Python that has them; "" for none."""
    return os.environ.get("PEERS", "")


def has(package: str) -> bool:
    """Whether that Python has a package."""
    if not peers_python():
        return False
    asked = f"import sys, importlib.util; sys.exit(importlib.util.find_spec({package!r}) is None)"
    return subprocess.run([peers_python(), "-c", asked], check=False, timeout=60).returncode == 0


class ClickHouse:
    """The spans of one project in a table of their own; answers in another process."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def read(self, ids: Sequence[str]) -> int:
        """The last 200 spans of each, as ClickHouse's JSON; how many there are."""
        return self._tell("read", ids)

    def load(self, csv_file: Path) -> None:
        self._tell("load", str(csv_file))

    def _tell(self, command: str, argument: str | Sequence[str]) -> int:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([command, argument]) + "\n")
        self._process.stdin.flush()
        if not select.select([self._process.stdout], [], [], _LOADED_S)[0]:
            raise AssertionError(f"chdb did not answer within {_LOADED_S:.0f} s")
        answer = self._process.stdout.readline()
        if not answer:
            raise AssertionError("chdb ended: its last words are above")
        return int(answer)


def _start_chdb(program: str, folder: Path) -> "subprocess.Popen[str]":
    command = [peers_python(), program, str(folder)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


_EXPORTED = """
    select conversation_id, started_at at time zone 'UTC' as started_at, span_id, trace_id, operation_name, status,
        duration_ms
    from span where project_id = $1 and conversation_id <> ''"""


@contextlib.asynccontextmanager
async def click_house(dsn: str, project_id: int) -> AsyncIterator[ClickHouse]:
    """With the project's spans in it."""
    spec = find_spec("benchmarks.peer_chdb")
    assert spec
    assert spec.origin
    with TemporaryDirectory(prefix="tgb", dir="/tmp") as folder:
        csv_file = Path(folder) / "span.csv"
        connection = await asyncpg.connect(dsn)
        await connection.copy_from_query(_EXPORTED, project_id, output=csv_file, format="csv", header=True)
        await connection.close()
        with _start_chdb(spec.origin, Path(folder) / "data") as process:
            try:
                peer = ClickHouse(process)
                peer.load(csv_file)
                csv_file.unlink()
                yield peer
            finally:
                process.kill()


class Phoenix:
    """Its server, with a database of its own (SQLite, as it comes)."""

    def __init__(self, url: str) -> None:
        self._door = Door(url)

    def count(self) -> int:
        """How many spans can be queried."""
        asked = {"query": "{ projects { edges { node { recordCount } } } }"}
        projects = orjson.loads(self._door.ask("/graphql", asked))["data"]["projects"]["edges"]
        return sum(project["node"]["recordCount"] for project in projects)

    def export(self, body: bytes, *, expected: int) -> None:
        """Send spans, and wait until so many can be queried in all."""
        self._door.post("/v1/traces", body, content_type="application/x-protobuf")
        deadline = time.monotonic() + _PATIENCE_S
        while self.count() < expected:
            if time.monotonic() > deadline:
                raise AssertionError(f"Phoenix showed {self.count()} spans after {_PATIENCE_S:.0f} s, not {expected}")
            time.sleep(0.02)


@contextlib.asynccontextmanager
async def phoenix() -> AsyncIterator[Phoenix]:
    """A server of its own on an empty database."""
    with TemporaryDirectory(prefix="tgb", dir="/tmp") as folder, _free_ports(2) as ports:
        port, grpc_port = ports
        environment = {name: value for name, value in os.environ.items() if not re.match("PHOENIX|OTEL|PYTHON", name)}
        environment |= {
            "PHOENIX_HOST": "127.0.0.1",
            "PHOENIX_PORT": str(port),
            "PHOENIX_GRPC_PORT": str(grpc_port),
            "PHOENIX_WORKING_DIR": folder,
            "PHOENIX_TELEMETRY_ENABLED": "false",
            "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
        }
        log_file = Path(folder) / "log"
        with log_file.open("wb") as log:
            process = _start_phoenix(environment, log)
        try:
            await until(lambda: process.poll() is not None or _answers(port), seconds=_PATIENCE_S)
            assert process.poll() is None, log_file.read_text(errors="replace")[-2000:]
            yield Phoenix(f"http://127.0.0.1:{port}")
        finally:
            process.terminate()
            await ended(process)


def _start_phoenix(environment: dict[str, str], log: IO[bytes]) -> "subprocess.Popen[bytes]":
    command = [peers_python(), "-m", "phoenix.server.main", "serve"]
    return subprocess.Popen(command, env=environment, stdout=log, stderr=log)


@contextlib.contextmanager
def _free_ports(count: int) -> Iterator[list[int]]:
    """Numbers that the kernel had free just now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        ports: list[int] = [listening.getsockname()[1] for listening in sockets]
    yield ports


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
