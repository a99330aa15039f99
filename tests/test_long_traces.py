"""Long traces: not projected again at every request, and yet never read otherwise than as they are."""

import asyncio
import random

import pytest

from app.ingest import reproject_traces
from db import derive
from db.engine import Database
from tests.client import PROJECT, Client, Sent, said, trace_id
from tests.dump import dump

LONG = 40
STEP = 7


@pytest.fixture(autouse=True)
def _shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand spans show no more than forty do."""
    monkeypatch.setattr(derive, "LONG_TRACE_SPANS", LONG)


def spans_of_one_trace(count: int) -> list[Sent]:
    """An agent that asks its model again and again; the agent's span, which alone carries the id, is the last."""
    calls = [
        said(f"{number:x}", f"Step {number}.", conversation="", parent="ffff", start=number, end=number + 1)
        for number in range(1, count)
    ]
    root = Sent("ffff", "invoke_agent Bot", end=count, attributes={"gen_ai.conversation.id": "c1"})
    return [*calls, root]


async def waiting(database: Database) -> tuple[int, int]:
    """How many spans the trace's turns were made of, and how many wait."""
    async with database.read() as reader:
        row = await reader.fetchrow("select projected_spans, waiting_spans from trace")
    assert row is not None
    return row["projected_spans"], row["waiting_spans"]


async def in_parts(client: Client, spans: list[Sent], project: str = PROJECT) -> None:
    for at in range(0, len(spans), STEP):
        await client.send(*spans[at : at + STEP], project=project)


async def test_it_is_projected_again_only_when_it_has_grown_by_half(client: Client, database: Database) -> None:
    spans = spans_of_one_trace(100)
    await client.send(*spans[:LONG])
    seen = [await waiting(database)]
    for at in range(LONG, len(spans), STEP):
        await client.send(*spans[at : at + STEP])
        seen.append(await waiting(database))
    assert seen == [(40, 0), (40, 7), (40, 14), (61, 0), (61, 7), (61, 14), (61, 21), (61, 28), (96, 0), (96, 4)]


@pytest.mark.parametrize("face", ["graph", "list", "projects", "node", "rest"])
async def test_whoever_reads_sees_all_that_was_answered(client: Client, database: Database, face: str) -> None:
    await in_parts(client, spans_of_one_trace(90)[::-1])
    assert (await waiting(database))[1] > 0
    match face:
        case "graph":
            found = (await client.in_project('conversation(id: "c1") { messageCount }'))["conversation"]
            assert found["messageCount"] == 90
        case "list":
            found = await client.in_project("conversations { edges { node { spanCount } } }")
            assert [edge["node"]["spanCount"] for edge in found["conversations"]["edges"]] == [90]
        case "projects":
            data = await client.ask("{ projects { conversations { edges { node { spanCount } } } } }")
            assert data["projects"][0]["conversations"]["edges"][0]["node"]["spanCount"] == 90
        case "node":
            turn = f'turn(conversationId: "c1", traceId: "{trace_id("a1")}") {{ id }}'
            node_id = (await client.in_project(turn))["turn"]["id"]
            await client.send(said("eeee", "Late.", conversation="", parent="ffff", start=500))
            assert (await waiting(database))[1] == 1
            data = await client.ask("query($id: ID!) { node(id: $id) { ... on Turn { spanCount } } }", id=node_id)
            assert data["node"]["spanCount"] == 91
        case "rest":
            [turn] = (await client.chat("c1"))["turns"]
            assert len(turn["messages"]) == 90
    assert (await waiting(database))[1] == 0


async def test_once_read_it_is_stored_as_if_it_had_come_at_once(client: Client, database: Database) -> None:
    spans = spans_of_one_trace(130)
    await client.send(*spans)
    shuffled = [*spans, *spans[:50]]
    random.Random(7).shuffle(shuffled)
    await in_parts(client, shuffled, "acme/parts")
    await client.in_project("projectId", "acme/parts")
    assert await dump(database, "acme/parts") == await dump(database)


async def test_many_readers_and_senders_at_once_leave_nothing_waiting(client: Client, database: Database) -> None:
    spans = spans_of_one_trace(150)
    await client.send(*spans, project="acme/once")
    await client.send(*spans[:60])
    parts = [spans[at : at + 5] for at in range(60, len(spans), 5)]
    asked = [client.in_project("conversations { edges { node { spanCount } } }") for _ in range(6)]
    await asyncio.gather(*(client.send(*part) for part in parts), *asked)
    await client.in_project("projectId")
    assert await dump(database) == await dump(database, "acme/once")


async def test_reprojection_leaves_nothing_waiting(client: Client, database: Database) -> None:
    await in_parts(client, spans_of_one_trace(90))
    assert (await waiting(database))[1] > 0
    async with database.read() as reader:
        project_id = await reader.fetchval("select project_id from project")
    await reproject_traces(database, project_id, [trace_id("a1")])
    assert await waiting(database) == (90, 0)
