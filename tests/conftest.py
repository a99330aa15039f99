"""One migrated PostgreSQL per test worker, emptied after each test; the app in front of it, without a network."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from asgi_lifespan import LifespanManager
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from sqlmodel import SQLModel
from starlette.types import ASGIApp

import db.models
import db.search_models  # noqa: F401 - these two declare the tables
from app.main import create_app
from app.settings import Settings
from db.embedded import EmbeddedPostgres
from db.engine import Database
from db.keys import ANY_MADE
from db.migrate import migrate
from tests.api_keys import OPERATOR_KEY, app_on, http_to
from tests.client import Client
from tests.listening import listening


@dataclass
class Queries:
    """The statements that the application ran, while recording."""

    statements: list[str] = field(default_factory=list)
    calls: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    """The same with their arguments."""

    def record(self, query: Any) -> None:
        # An open server looks in the background whether a key was made: that belongs to no request. An empty statement
        # ends what a request has left open.
        if query.query not in {ANY_MADE, ""}:
            self.statements.append(" ".join(query.query.split()))
            self.calls.append((query.query, query.args))


@pytest.fixture(scope="session")
async def server_url() -> AsyncIterator[str]:
    """A PostgreSQL server in which tests may make databases: TEST_DATABASE_URL, else an embedded one of their own."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield given
        return
    # Short: socket paths hold 107 bytes. Readable: as root, the database runs as another user.
    folder = Path(tempfile.mkdtemp(prefix="tg-"))
    folder.chmod(0o755)
    embedded = EmbeddedPostgres(folder / "data")
    try:
        yield (await embedded.start()).dsn()
    finally:
        await embedded.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
async def database_url(server_url: str, worker_id: str) -> AsyncIterator[str]:
    """A migrated database of this worker's own."""
    name = f"turngraph_test_{worker_id}"
    connection = await asyncpg.connect(server_url)
    await connection.execute(f"drop database if exists {name} with (force)")
    await connection.execute(f"create database {name}")
    head, _, query = server_url.partition("?")
    url = head.rpartition("/")[0] + f"/{name}" + (f"?{query}" if query else "")
    await migrate(url)
    yield url
    await connection.execute(f"drop database if exists {name} with (force)")
    await connection.close()


@contextlib.asynccontextmanager
async def made_database(server_url: str, name: str) -> AsyncIterator[str]:
    """An empty database, by its URL; dropped at the end."""
    head, _, query = server_url.partition("?")
    connection = await asyncpg.connect(server_url)
    await connection.execute(f"drop database if exists {name} with (force)")
    await connection.execute(f"create database {name}")
    yield head.rpartition("/")[0] + f"/{name}" + (f"?{query}" if query else "")
    await connection.execute(f"drop database if exists {name} with (force)")
    await connection.close()


@pytest.fixture(scope="session")
async def scratch_databases(server_url: str, worker_id: str) -> AsyncIterator[list[str]]:
    """Two databases, made once: making and dropping one makes PostgreSQL write a checkpoint."""
    async with (
        made_database(server_url, f"turngraph_scratch_{worker_id}") as one,
        made_database(server_url, f"turngraph_another_{worker_id}") as another,
    ):
        yield [one, another]


@pytest.fixture
async def scratch_urls(scratch_databases: list[str]) -> AsyncIterator[list[str]]:
    """Two databases without tables, for a test that makes its own."""
    yield scratch_databases
    for url in scratch_databases:
        connection = await asyncpg.connect(url)
        await connection.execute("drop schema public cascade; create schema public")
        await connection.close()


@pytest.fixture
def scratch_url(scratch_urls: list[str]) -> str:
    return scratch_urls[0]


@pytest.fixture(scope="session")
def queries() -> Queries:
    return Queries()


@pytest.fixture(scope="session")
async def shared_database(database_url: str, queries: Queries) -> AsyncIterator[Database]:
    database = Database(database_url, pool_size=20, on_query=queries.record)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def database(shared_database: Database) -> AsyncIterator[Database]:
    """The worker's database, empty."""
    yield shared_database
    tables = ", ".join(table.name for table in SQLModel.metadata.sorted_tables)
    async with shared_database.write() as writer:
        await writer.execute(f"truncate {tables} restart identity")


@pytest.fixture
def settings() -> Settings:
    """The server's settings; a test that needs others overrides this fixture."""
    return Settings(max_body_bytes=4 * 1024 * 1024)


@pytest.fixture
async def http(settings: Settings, database: Database) -> AsyncIterator[AsyncClient]:
    """Plain HTTP to the application."""
    async with LifespanManager(create_app(settings, database)) as manager:
        transport = ASGITransport(app=manager.app)
        async with AsyncClient(transport=transport, base_url="http://turngraph.test") as client:
            yield client


@pytest.fixture
def client(http: AsyncClient) -> Client:
    """What a user has in hand: send spans, ask the two routes, ask the graph."""
    return Client(http)


@pytest.fixture
def app(settings: Settings, database: Database) -> FastAPI:
    return create_app(settings, database)


@pytest.fixture
async def port(app: FastAPI, settings: Settings) -> AsyncIterator[int]:
    """Where the app listens, for what takes a network."""
    async with listening(app, settings) as found:
        yield found


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Short, for a socket's path has 107 bytes; and open to the database's user, which pytest's tmp_path is not."""
    path = Path(tempfile.mkdtemp(prefix="tg", dir="/tmp"))
    path.chmod(0o755)
    yield path / "data"
    shutil.rmtree(path)


@pytest.fixture
async def guarded(database: Database) -> AsyncIterator[ASGIApp]:
    async with app_on(database) as app:
        yield app


@pytest.fixture
async def operator(guarded: ASGIApp) -> AsyncIterator[Client]:
    async with http_to(guarded, OPERATOR_KEY) as http:
        yield Client(http)


@pytest.fixture
async def lost(settings: Settings, database_url: str) -> AsyncIterator[Client]:
    """A server whose database is gone."""
    gone = Database(database_url)
    await gone.open()
    await gone.close()
    async with LifespanManager(create_app(settings, gone)) as manager:
        transport = ASGITransport(app=manager.app)
        async with AsyncClient(transport=transport, base_url="http://turngraph.test") as http:
            yield Client(http)
