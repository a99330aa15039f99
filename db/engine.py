"""Connections to PostgreSQL: one asyncpg pool, lent out for reading or for one transaction.

Statements are plain SQL through asyncpg, not ORM sessions: the same rows as SQLModel entities cost 8 to 18 times the
Python time. The SQLModel tables say what the columns are, and bulk statements are generated from them.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import asyncpg
import orjson

from domain.errors import DatabaseUnavailable, InvalidDatabaseUrl, StatementTimeout

T = TypeVar("T")

Row = Mapping[str, Any]
"""One row, by column name. Really an asyncpg Record, which also unpacks like a tuple."""

ACQUIRE_TIMEOUT_S = 10.0
"""How long a request waits for a connection before it is told to come back, unless the database is told otherwise."""

TELL_EVERY_S = 10.0
"""So often at most the log says that the database is away, for each reason why."""
COMMAND_TIMEOUT_S = 60.0
"""How long a statement may take, unless the database is told otherwise for reading."""

_ATTEMPTS = 4
_CONFLICTS = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
LOST = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    asyncpg.InterfaceError,
    # "cannot switch to state", when the server ends the connection just before the next statement (seen at a commit).
    asyncpg.InternalClientError,
)
"""What a later try may be spared: a lost connection, a server that starts or stops, a disk that is full or fails."""

log = logging.getLogger("turngraph")


class Reader(Protocol):
    """A connection that is lent out for reading."""

    async def fetch(self, query: str, *args: object) -> list[Row]: ...
    async def fetchrow(self, query: str, *args: object) -> Row | None: ...
    async def fetchval(self, query: str, *args: object) -> Any: ...  # noqa: ANN401 - one column, whatever its type


class Writer(Reader, Protocol):
    """A connection inside a transaction, committed by whoever opened it."""

    async def execute(self, query: str, *args: object) -> str: ...


class PoolState(NamedTuple):
    """What becomes of the pool's connections at one moment."""

    limit: int
    open: int
    idle: int
    """Open, and lent to nobody."""
    waiting: int
    """Whoever asked for one and has none yet."""


def plain_url(url: str) -> str:
    """`postgresql://...` for asyncpg, whatever driver the URL names; raises InvalidDatabaseUrl."""
    scheme, _, rest = url.partition("://")
    if not rest or scheme.partition("+")[0].lower() not in ("postgresql", "postgres"):
        raise InvalidDatabaseUrl
    # By hand: urlunsplit drops the empty host of postgresql:///database?host=/socket/folder.
    return f"postgresql://{rest}"


def sqlalchemy_url(url: str) -> str:
    """The same database for SQLAlchemy, which alembic uses."""
    return "postgresql+asyncpg://" + plain_url(url).removeprefix("postgresql://")


class Database:
    """The pool: `read()` lends a connection, `write()` a transaction, `transact()` one that is tried again."""

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 10,
        acquire_timeout_s: float = ACQUIRE_TIMEOUT_S,
        read_timeout_s: float = COMMAND_TIMEOUT_S,
        on_query: Callable[[Any], None] | None = None,
    ) -> None:
        self.url = plain_url(url)
        """Where it is, for other processes that open it too."""
        self._pool_size = pool_size
        self._read_timeout_s = read_timeout_s
        self._on_query = on_query
        self._acquire_timeout_s = acquire_timeout_s
        self._pool: asyncpg.Pool[Any] | None = None
        self._waiting = 0
        self._told_at: dict[str, float] = {}
        """When the log was last told of each kind of error."""

    async def open(self) -> None:
        """Connect; raises DatabaseUnavailable where it may work later, InvalidDatabaseUrl where PostgreSQL refuses it;
        each says why. Does nothing where it is open.
        """
        if self._pool is not None:
            return
        with _reaching():
            self._pool = await asyncpg.create_pool(
                self.url,
                # No connections to keep up: while PostgreSQL is down, asyncpg would log a traceback for each attempt.
                min_size=0,
                init_size=1,
                max_size=self._pool_size,
                init=self._prepare,
                reset=_reset,
                command_timeout=COMMAND_TIMEOUT_S,
            )

    async def check(self) -> None:
        """Connect and leave again; raises as `open` does."""
        with _reaching():
            connection = await asyncpg.connect(self.url)
            await connection.close()

    async def close(self) -> None:
        if self._pool is not None:
            pool, self._pool = self._pool, None
            try:
                await asyncio.wait_for(pool.close(), 10)
            except TimeoutError:
                pool.terminate()

    async def _prepare(self, connection: "asyncpg.Connection[Any]") -> None:
        for name in ("json", "jsonb"):
            await connection.set_type_codec(
                name, schema="pg_catalog", encoder=lambda value: orjson.dumps(value).decode(), decoder=orjson.loads
            )
        # asyncpg asks the catalogue for an array type when a connection first meets it: now, not while someone waits.
        await connection.fetch("select '{}'::timestamptz[], '{}'::int[]")
        if self._on_query is not None:
            connection.add_query_logger(self._on_query)

    @contextlib.asynccontextmanager
    async def _lend(self) -> AsyncIterator[Any]:
        if self._pool is None:
            raise DatabaseUnavailable
        pool = self._pool
        connection = await self._acquire(pool)
        try:
            try:
                yield connection
            except BaseException:
                await self._leave_nothing_open(connection)
                raise
            finally:
                await pool.release(connection)
        except (TimeoutError, asyncpg.QueryCanceledError) as error:
            raise StatementTimeout from error
        except LOST as error:
            raise self._away(error) from error

    async def _leave_nothing_open(self, connection: Any) -> None:  # noqa: ANN401 - asyncpg's stand-in for a connection
        """End the statement that was prepared and not run: asyncpg says that it ends only where it runs, so arguments
        that cannot be sent, or a cancellation in between, leave PostgreSQL in it, with its locks and its snapshot.
        """
        with contextlib.suppress(Exception):
            await connection.execute("", timeout=self._acquire_timeout_s)

    async def _acquire(self, pool: "asyncpg.Pool[Any]") -> Any:  # noqa: ANN401 - asyncpg's stand-in for a connection
        self._waiting += 1
        try:
            return await pool.acquire(timeout=self._acquire_timeout_s)
        except LOST as error:
            raise self._away(error) from error
        finally:
            self._waiting -= 1

    def _away(self, error: BaseException) -> DatabaseUnavailable:
        """What whoever asked is told. The log is told why, and not for each of many requests."""
        name, now = _named(error), time.monotonic()
        if now - self._told_at.get(name, float("-inf")) >= TELL_EVERY_S:
            self._told_at[name] = now
            state = self.pool()
            log.warning(
                "the database can't serve (%s); %d of %d connections are in use, %d requests wait for one",
                *(name, state.open - state.idle, state.limit, state.waiting),
            )
        return DatabaseUnavailable()

    def pool(self) -> PoolState:
        """The connections as they are now."""
        pool = self._pool
        if pool is None:
            return PoolState(self._pool_size, 0, 0, self._waiting)
        return PoolState(self._pool_size, pool.get_size(), pool.get_idle_size(), self._waiting)

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[Reader]:
        """A connection for statements that change nothing; raises DatabaseUnavailable, and StatementTimeout where one
        takes longer than reading may.
        """
        async with self._lend() as connection:
            yield _Reading(connection, self._read_timeout_s)

    @contextlib.asynccontextmanager
    async def read_at_once(self) -> AsyncIterator[Reader]:
        """As `read`, for statements that all see the same."""
        async with self._lend() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            yield _Reading(connection, self._read_timeout_s)

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[Writer]:
        """One transaction: committed when the block ends, undone when it raises; raises DatabaseUnavailable."""
        async with self._lend() as connection, connection.transaction():
            yield connection

    async def transact(self, work: Callable[[Writer], Awaitable[T]]) -> T:
        """Run `work` in a transaction of its own, again when PostgreSQL ended it for another one's sake.

        Raises DatabaseUnavailable, also when that happens each time: exporters drop what is answered with a 500.
        `work` may run several times, so it must do nothing but what the transaction undoes.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                async with self.write() as writer:
                    return await work(writer)
            except _CONFLICTS as error:
                if attempt == _ATTEMPTS:
                    raise self._away(error) from error
                await asyncio.sleep(0.02 * 2**attempt)
        raise AssertionError("unreachable")


@contextlib.contextmanager
def _reaching() -> Iterator[None]:
    try:
        yield
    except (*LOST, asyncpg.PostgresError) as error:
        if isinstance(error, LOST) and not isinstance(error, asyncpg.ClientConfigurationError):
            raise DatabaseUnavailable(
                "The database can't be reached ({error}): see TURNGRAPH_DATABASE_URL.", error=str(error)
            ) from error
        raise InvalidDatabaseUrl(f"The database can't be used ({error}): see TURNGRAPH_DATABASE_URL.") from error


def _named(error: BaseException) -> str:
    """The kind of an error, and PostgreSQL's code; not its text, which may repeat what was sent."""
    code = getattr(error, "sqlstate", None)
    return f"{type(error).__name__} {code}" if code else type(error).__name__


class _Reading:
    """A connection on which each statement has a time limit: asyncpg then has PostgreSQL cancel it.

    Not PostgreSQL's own setting: to change it for reads alone would be a statement before each.
    """

    __slots__ = ("_connection", "_timeout_s")

    def __init__(self, connection: Any, timeout_s: float) -> None:  # noqa: ANN401 - asyncpg's stand-in for a connection
        self._connection = connection
        self._timeout_s = timeout_s

    async def fetch(self, query: str, *args: object) -> list[Row]:
        return await self._connection.fetch(query, *args, timeout=self._timeout_s)  # type: ignore[no-any-return]

    async def fetchrow(self, query: str, *args: object) -> Row | None:
        return await self._connection.fetchrow(query, *args, timeout=self._timeout_s)  # type: ignore[no-any-return]

    async def fetchval(self, query: str, *args: object) -> Any:  # noqa: ANN401 - as the protocol has it
        return await self._connection.fetchval(query, *args, timeout=self._timeout_s)


async def _reset(connection: "asyncpg.Connection[Any]") -> None:
    # Nothing here changes a session's settings, so a returned connection needs no statement to clean it.
    if connection.is_in_transaction():
        await connection.reset()


def by_key(rows: Sequence[Row], key: str) -> dict[str, list[Row]]:
    """Rows grouped by one of their columns, in their order."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[key], []).append(row)
    return groups
