"""The pool: forms of its address, transactions that are tried again, a pool that is used up, a server that is gone."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from db.engine import Database, Writer, by_key, plain_url, sqlalchemy_url
from domain.errors import DatabaseUnavailable, InvalidDatabaseUrl

# -- addresses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ("postgresql://me:secret@db:5432/turngraph", "postgresql://me:secret@db:5432/turngraph"),
        ("postgres://db/turngraph", "postgresql://db/turngraph"),
        ("postgresql+asyncpg://db/turngraph", "postgresql://db/turngraph"),
        ("postgresql+psycopg://db/turngraph?sslmode=require", "postgresql://db/turngraph?sslmode=require"),
        ("postgresql:///turngraph?host=/tmp/run&port=5432", "postgresql:///turngraph?host=/tmp/run&port=5432"),
        ("postgresql://me:p%40ss%2Fword@[::1]:5432/a%20b", "postgresql://me:p%40ss%2Fword@[::1]:5432/a%20b"),
        ("POSTGRESQL://db/turngraph", "postgresql://db/turngraph"),
        ("postgresql://one:1,two:2/turngraph", "postgresql://one:1,two:2/turngraph"),
    ],
)
def test_whatever_driver_an_address_names_asyncpg_gets_it_plain(given: str, plain: str) -> None:
    assert plain_url(given) == plain
    assert sqlalchemy_url(given) == plain.replace("postgresql://", "postgresql+asyncpg://")


@pytest.mark.parametrize(
    "given", ["", "turngraph", "mysql://db/turngraph", "db:5432/turngraph", "sqlite:///x", "http://x", "postgresql:db"]
)
def test_an_address_of_something_else_is_refused(given: str) -> None:
    with pytest.raises(InvalidDatabaseUrl, match="postgresql://user:password@host:5432/database"):
        Database(given)


async def test_the_address_of_the_tests_database_works_in_every_form(database_url: str) -> None:
    for url in (database_url, sqlalchemy_url(database_url), database_url.replace("postgresql://", "postgres://", 1)):
        database = Database(url, pool_size=1)
        await database.open()
        async with database.read() as reader:
            assert await reader.fetchval("select 1") == 1
        await database.close()


# -- transactions -----------------------------------------------------------------------------------------------------


async def names(database: Database) -> list[str]:
    async with database.read() as reader:
        return [row["name"] for row in await reader.fetch("select name from project order by name")]


async def insert(writer: Writer, name: str) -> None:
    await writer.execute("insert into project (entity, name) values ('acme', $1)", name)


async def test_what_fails_before_it_runs_leaves_nothing_open(database: Database) -> None:
    async with database.read() as other:
        with pytest.raises(asyncpg.DataError):
            async with database.read() as reader:
                await reader.fetch("select from project where project_id = $1", "not a number")
        held = "select count(*) from pg_locks where relation = 'project'::regclass and pid <> pg_backend_pid()"
        assert await other.fetchval(held) == 0


async def test_a_block_that_ends_is_committed(database: Database) -> None:
    async with database.write() as writer:
        await insert(writer, "kept")
        assert await names(database) == []
    assert await names(database) == ["kept"]


async def test_a_block_that_raises_is_undone(database: Database) -> None:
    async def fail() -> None:
        async with database.write() as writer:
            await insert(writer, "undone")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await names(database) == []


async def test_a_block_that_is_cancelled_is_undone_and_its_connection_serves_again(database_url: str) -> None:
    database = Database(database_url, pool_size=1)
    await database.open()
    began = asyncio.Event()

    async def slow(writer: Writer) -> None:
        await insert(writer, "cancelled")
        began.set()
        await writer.execute("select pg_sleep(60)")

    task = asyncio.create_task(database.transact(slow))
    await began.wait()
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await names(database) == []
    await database.close()


async def test_statements_of_a_reader_are_their_own_transactions(database: Database) -> None:
    async with database.read() as reader:
        assert await reader.fetchval("select count(*) from project") == 0
        async with database.write() as writer:
            await insert(writer, "later")
        assert await reader.fetchval("select count(*) from project") == 1


async def test_transact_gives_back_what_the_work_returns(database: Database) -> None:
    async def work(writer: Writer) -> str:
        await insert(writer, "worked")
        return "done"

    assert await database.transact(work) == "done"
    assert await names(database) == ["worked"]


async def test_two_transactions_that_deadlock_are_both_done_in_the_end(database: Database) -> None:
    async with database.write() as writer:
        for name in ("a", "b"):
            await insert(writer, name)
    attempts: dict[str, int] = {"forwards": 0, "backwards": 0}
    met = asyncio.Barrier(2)

    async def touch(label: str, order: str) -> None:
        async def work(writer: Writer) -> None:
            attempts[label] += 1
            await writer.execute("update project set entity = entity || '+' where name = $1", order[0])
            if attempts[label] == 1:
                # Both hold their first row before either asks for its second.
                await met.wait()
            await writer.execute("update project set entity = entity || '+' where name = $1", order[1])

        await database.transact(work)

    await asyncio.gather(touch("forwards", "ab"), touch("backwards", "ba"))
    assert sorted(attempts.values()) == [1, 2]
    async with database.read() as reader:
        assert [row["entity"] for row in await reader.fetch("select entity from project")] == ["acme++", "acme++"]


async def test_a_transaction_that_another_one_overtook_is_tried_again(database: Database) -> None:
    async with database.write() as writer:
        await insert(writer, "counted")
    seen: list[str] = []

    async def work(writer: Writer) -> None:
        await writer.execute("set transaction isolation level repeatable read")
        seen.append(await writer.fetchval("select entity from project"))
        if len(seen) == 1:
            async with database.write() as other:
                await other.execute("update project set entity = 'overtaken'")
        await writer.execute("update project set entity = entity || '!'")

    await database.transact(work)
    assert seen == ["acme", "overtaken"]
    async with database.read() as reader:
        assert await reader.fetchval("select entity from project") == "overtaken!"


async def test_a_transaction_that_never_gets_through_is_told_to_come_back(database: Database) -> None:
    async with database.write() as writer:
        await insert(writer, "contested")
    attempts = 0

    async def work(writer: Writer) -> None:
        nonlocal attempts
        attempts += 1
        await writer.execute("set transaction isolation level repeatable read")
        await writer.fetchval("select entity from project")
        async with database.write() as other:
            await other.execute("update project set entity = entity || '.'")
        await writer.execute("update project set entity = entity || '!'")

    with pytest.raises(DatabaseUnavailable):
        await database.transact(work)
    assert attempts == 4
    async with database.read() as reader:
        assert await reader.fetchval("select entity from project") == "acme...."


async def test_other_errors_are_not_tried_again(database: Database) -> None:
    attempts = 0

    async def work(writer: Writer) -> None:
        nonlocal attempts
        attempts += 1
        await insert(writer, "twice")
        await insert(writer, "twice")

    with pytest.raises(asyncpg.UniqueViolationError):
        await database.transact(work)
    assert attempts == 1
    assert await names(database) == []


# -- the pool ---------------------------------------------------------------------------------------------------------


@pytest.fixture
async def small_pool(database_url: str) -> AsyncIterator[Database]:
    """Two connections, and patience for a second: opening one takes a part of it."""
    database = Database(database_url, pool_size=2, acquire_timeout_s=1)
    await database.open()
    yield database
    await database.close()


async def test_who_finds_the_pool_used_up_is_told_to_come_back(small_pool: Database) -> None:
    async with small_pool.read(), small_pool.write():
        with pytest.raises(DatabaseUnavailable):
            async with small_pool.read():
                pass
        with pytest.raises(DatabaseUnavailable):
            await small_pool.transact(lambda writer: writer.execute("select 1"))
    async with small_pool.read() as reader:
        assert await reader.fetchval("select 1") == 1


async def test_who_waits_for_the_pool_gets_the_next_free_connection(small_pool: Database) -> None:
    async def ask(number: int) -> int:
        async with small_pool.read() as reader:
            return int(await reader.fetchval("select $1::int from pg_sleep(0.01)", number))

    assert await asyncio.gather(*(ask(number) for number in range(6))) == [0, 1, 2, 3, 4, 5]


async def test_a_database_that_is_not_open_is_not_there(database_url: str) -> None:
    database = Database(database_url)
    with pytest.raises(DatabaseUnavailable):
        async with database.read():
            pass
    await database.open()
    await database.close()
    await database.close()
    with pytest.raises(DatabaseUnavailable):
        await database.transact(lambda writer: writer.execute("select 1"))


async def test_a_server_that_is_not_there_is_unavailable(database_url: str) -> None:
    with pytest.raises(DatabaseUnavailable):
        await Database("postgresql://me@127.0.0.1:1/turngraph").open()


async def test_a_database_that_is_away_for_a_while_is_unavailable_and_then_there_again(
    server_url: str, scratch_url: str
) -> None:
    name = scratch_url.partition("?")[0].rpartition("/")[2]
    database = Database(scratch_url, pool_size=1)
    await database.open()
    connection = await asyncpg.connect(server_url)
    await connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name)
    await connection.execute(f"alter database {name} rename to {name}_away")
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable):
            await database.transact(lambda writer: writer.execute("select 1"))
    await connection.execute(f"alter database {name}_away rename to {name}")
    await connection.close()
    assert await database.transact(lambda writer: writer.fetchval("select 1")) == 1
    await database.close()


async def test_a_connection_that_the_server_ends_within_a_transaction_is_unavailable_and_then_replaced(
    small_pool: Database, database: Database
) -> None:
    async def end_own_connection() -> None:
        async with small_pool.write() as writer:
            process = await writer.fetchval("select pg_backend_pid()")
            async with database.read() as other:
                await other.fetchval("select pg_terminate_backend($1)", process)
            await writer.execute("select 1")

    with pytest.raises(DatabaseUnavailable):
        await end_own_connection()
    async with small_pool.read() as reader:
        assert await reader.fetchval("select 1") == 1


# -- rows -------------------------------------------------------------------------------------------------------------


def test_rows_are_grouped_in_their_order() -> None:
    rows = [{"key": "b", "n": 1}, {"key": "a", "n": 2}, {"key": "b", "n": 3}]
    assert by_key(rows, "key") == {"b": [rows[0], rows[2]], "a": [rows[1]]}
    assert by_key([], "key") == {}


async def test_json_columns_are_python_values(database: Database) -> None:
    async with database.read() as reader:
        row = await reader.fetchrow(
            "select $1::jsonb as a, $2::json as b, null::jsonb as c", {"a": [1, 2.5, None]}, ["ü"]
        )
    assert row is not None
    assert dict(row) == {"a": {"a": [1, 2.5, None]}, "b": ["ü"], "c": None}
