"""Minimaps of many conversations: read in steps, and written while the next step is read."""

import asyncio
import json
import logging
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest
from asgi_lifespan import LifespanManager
from httpx import Response

from app.main import create_app
from app.routes import weave
from app.settings import Settings
from app.streaming import BrokenOff
from db.engine import Database
from tests.client import PROJECT, Client, said, trace_id
from tests.conftest import Queries
from tests.server_process import PATIENCE_S, until

PATH = "/agents/conversations/spans"
STATEMENTS = 5
"""Of each step: the project, conversations, spans, and feedback on both levels."""

WAITING = "select exists (select from pg_locks where not granted and relation = 'conversation'::regclass)"

App = Callable[..., Awaitable[None]]


@pytest.fixture
def in_steps(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets how many ids a step has."""
    return lambda size: monkeypatch.setattr(weave, "IDS_PER_STEP", size)


async def asked(client: Client, ids: list[str], project: str = PROJECT, **members: Any) -> Response:
    response = await client.http.post(PATH, json={"project_id": project, "conversation_ids": ids, **members})
    assert response.status_code == 200, response.text
    return response


async def marks(client: Client, ids: list[str]) -> list[list[str]]:
    answer = (await asked(client, ids)).json()
    return [[marker["tags"][0] for marker in found["spans_feedback"]] for found in answer["conversations"]]


async def share_traces(client: Client) -> None:
    """Six conversations, each of which shares a trace with the next, marked on both levels."""
    for n in range(6):
        await client.send(
            said(f"{n}1", conversation=f"c{n}", trace=f"a{n}", start=n),
            said(f"{n}2", conversation=f"c{n + 1}", trace=f"a{n}", start=n + 1),
            said(f"{n}3", conversation=f"c{n}", trace=f"b{n}", start=1000 * n),
        )
        await client.feedback({"traceId": trace_id(f"a{n}")}, "wandb.agent_user_feedback", tags=[f"shared {n} 👍🏽"])
        await client.feedback({"traceId": trace_id(f"b{n}")}, "wandb.agent_monitor", tags=[f"own {n}"])
    await client.feedback({"conversationId": "c3"}, "wandb.agent_user_feedback", tags=["whole"])
    await client.feedback({"traceId": trace_id("a1")}, "note", tags=["unseen"])


# -- the same answer --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("window", [{}, {"started_after": "2026-01-01T00:00:00.002Z"}], ids=["all", "window"])
async def test_an_answer_in_steps_is_byte_for_byte_the_one_of_a_single_step(
    client: Client, in_steps: Callable[[int], None], window: dict[str, Any]
) -> None:
    await share_traces(client)
    await client.send(said("91", conversation="", trace="d1"))
    pool = [*(f"c{n}" for n in range(7)), trace_id("d1"), "unknown", "", "c\0", "c\N{REPLACEMENT CHARACTER}"]
    for seed in range(12):
        ids = random.Random(seed).choices(pool, k=17)
        in_steps(1000)
        whole = await asked(client, ids, **window)
        for size in (1, 2, 5, 16):
            in_steps(size)
            assert (await asked(client, ids, **window)).content == whole.content, (ids, size)


async def test_a_shared_trace_marks_the_first_conversation_of_the_whole_list(
    client: Client, in_steps: Callable[[int], None]
) -> None:
    await client.send(said("10"), said("20", conversation="c2"))
    await client.feedback({"traceId": trace_id("a1")}, "wandb.agent_user_feedback", tags=["shared"])
    in_steps(1)
    assert await marks(client, ["c1", "c2"]) == [["shared"], []]
    assert await marks(client, ["c2", "none", "c1"]) == [["shared"], [], []]


async def test_a_repeat_in_a_later_step_is_marked_again_whoever_stands_before_it_there(
    client: Client, in_steps: Callable[[int], None]
) -> None:
    await client.send(said("10"), said("20", conversation="c2"))
    await client.feedback({"traceId": trace_id("a1")}, "wandb.agent_user_feedback", tags=["shared"])
    in_steps(2)
    assert await marks(client, ["c1", "none", "c2", "c1"]) == [["shared"], [], [], ["shared"]]


async def test_of_an_unknown_project_all_steps_are_empty(client: Client, in_steps: Callable[[int], None]) -> None:
    in_steps(2)
    answer = (await asked(client, ["c1", "c2", "c1"], "acme/unheard-of")).json()
    assert answer == {
        "conversations": [{"conversation_id": id_, "spans": [], "spans_feedback": []} for id_ in ("c1", "c2", "c1")]
    }


async def test_an_answer_of_one_step_tells_its_length(client: Client, in_steps: Callable[[int], None]) -> None:
    in_steps(2)
    short, long = [await asked(client, ids) for ids in (["c1", "c2"], ["c1", "c2", "c3"])]
    assert (short.headers["content-length"], "content-length" in long.headers) == (str(len(short.content)), False)
    assert {answer.headers["content-type"] for answer in (short, long)} == {"application/json"}


async def test_each_step_costs_the_same_statements(
    client: Client, queries: Queries, in_steps: Callable[[int], None]
) -> None:
    await share_traces(client)
    in_steps(2)
    for ids, steps in ((["c1", "c2"], 1), ([f"c{n}" for n in range(5)], 3), (["c1"] * 8, 4)):
        queries.statements.clear()
        await asked(client, ids)
        assert len(queries.statements) == STATEMENTS * steps


# -- clients that are slow, or leave ----------------------------------------------------------------------------------


class Visitor:
    """A client at the door of the application who reads a part only when told to, and may leave."""

    def __init__(self, ids: list[str]) -> None:
        self._body: bytes | None = json.dumps({"project_id": PROJECT, "conversation_ids": ids}).encode()
        self.messages: list[Any] = []
        self.may_read = asyncio.Event()
        self.has_left = asyncio.Event()

    async def visit(self, app: App) -> None:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": PATH,
            "raw_path": PATH.encode(),
            "root_path": "",
            "query_string": b"",
            "headers": [(b"content-type", b"application/json")],
            "server": ("turngraph.test", 80),
            "client": ("visitor.test", 1),
        }
        async with asyncio.timeout(PATIENCE_S):
            await app(scope, self._receive, self._send)

    async def _receive(self) -> dict[str, Any]:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self.has_left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        self.messages.append(message)
        if message["type"] == "http.response.body":
            await self.may_read.wait()

    @property
    def parts(self) -> list[bytes]:
        return [message["body"] for message in self.messages if message["type"] == "http.response.body"]


@pytest.fixture
async def own_database(database_url: str, database: Database, queries: Queries) -> AsyncIterator[Database]:
    """Connections of the test's own to the worker's database."""
    own = Database(database_url, on_query=queries.record)
    await own.open()
    yield own
    await own.close()


@pytest.fixture
async def app(settings: Settings, own_database: Database) -> AsyncIterator[App]:
    async with LifespanManager(create_app(settings, own_database)) as manager:
        yield manager.app


async def test_while_a_client_reads_one_step_the_next_is_read_and_no_other(
    client: Client, app: App, queries: Queries, in_steps: Callable[[int], None]
) -> None:
    await share_traces(client)
    in_steps(1)
    queries.statements.clear()
    visitor = Visitor([f"c{n}" for n in range(6)])
    visit = asyncio.create_task(visitor.visit(app))
    await until(lambda: len(queries.statements) == 2 * STATEMENTS)
    assert len(visitor.parts) == 1
    visitor.has_left.set()
    await visit
    assert (len(visitor.parts), len(queries.statements)) == (1, 2 * STATEMENTS)


async def test_a_client_that_leaves_ends_the_statement_that_runs_for_it(
    client: Client, app: App, database_url: str, queries: Queries, in_steps: Callable[[int], None]
) -> None:
    await share_traces(client)
    in_steps(1)
    visitor = Visitor(["c1", "c2", "c3"])
    visit = asyncio.create_task(visitor.visit(app))
    await until(lambda: bool(visitor.parts))
    connection = await asyncpg.connect(database_url)
    try:
        async with connection.transaction():
            await connection.execute("lock table conversation")
            visitor.may_read.set()
            while not await connection.fetchval(WAITING):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            seen = len(queries.statements)
            visitor.has_left.set()
            await visit
    finally:
        await connection.close()
    assert b"".join(visitor.parts).count(b"conversation_id") == 2
    # A statement is recorded when it ends: the one that was cancelled, and none after it.
    assert len(queries.statements) == seen + 1


async def test_a_step_that_fails_leaves_the_answer_without_an_end(
    client: Client,
    app: App,
    own_database: Database,
    in_steps: Callable[[int], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    await share_traces(client)
    in_steps(1)
    visitor = Visitor([f"c{n}" for n in range(6)])
    visit = asyncio.create_task(visitor.visit(app))
    await until(lambda: bool(visitor.parts))
    await own_database.close()
    with caplog.at_level(logging.ERROR, "turngraph"):
        visitor.may_read.set()
        with pytest.raises(BrokenOff) as raised:
            await visit
    [record] = [record for record in caplog.records if record.name == "turngraph"]
    told = re.fullmatch(r"error ([0-9a-f]{12}) broke off an answer", record.getMessage())
    assert told is not None
    assert told[1] in str(raised.value)
    assert visitor.messages[0]["status"] == 200
    assert visitor.messages[-1]["more_body"]
    with pytest.raises(json.JSONDecodeError):
        json.loads(b"".join(visitor.parts))


async def test_a_first_step_that_fails_is_an_error_like_any_other(
    lost: Client, in_steps: Callable[[int], None]
) -> None:
    in_steps(1)
    response = await lost.http.post(PATH, json={"project_id": PROJECT, "conversation_ids": ["c1", "c2"]})
    assert (response.status_code, set(response.json())) == (503, {"reason"})
