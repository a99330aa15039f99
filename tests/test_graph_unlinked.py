"""`unlinkedTraces`: traces that no conversation id and no link puts anywhere, newest first, by cursor."""

from typing import Any

import pytest

from db.engine import Database
from tests.client import PROJECT, Client, Sent, said, trace_id
from tests.conftest import Queries

PAGE = "{ edges { cursor node { traceId } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }"


async def send_traces(client: Client, *numbers: int) -> None:
    """Trace n starts n seconds after the start."""
    await client.send(
        *(said("1", f"Turn {n}", conversation="", trace=f"{n:x}", start=n * 1000, end=n * 1000) for n in numbers)
    )


async def unlinked(client: Client, arguments: str = "") -> dict[str, Any]:
    found = await client.in_project(f"unlinkedTraces{arguments} {PAGE}")
    page: dict[str, Any] = found["unlinkedTraces"]
    return page


def numbers(page: dict[str, Any]) -> list[int]:
    return [int(edge["node"]["traceId"], 16) for edge in page["edges"]]


def more(page: dict[str, Any]) -> tuple[bool, bool]:
    """Whether there is more before and after."""
    return page["pageInfo"]["hasPreviousPage"], page["pageInfo"]["hasNextPage"]


async def link(client: Client, *labels: str) -> None:
    await client.ask(
        "mutation($i: LinkTracesInput!) { linkTraces(input: $i) { linkedTraceIds } }",
        i={"projectId": PROJECT, "conversationId": "c1", "traceIds": [trace_id(label) for label in labels]},
    )


async def test_only_traces_that_are_conversations_by_themselves_are_listed(client: Client) -> None:
    await client.send(
        said("1", "Tagged."),
        said("1", "Partly tagged.", trace="a2"),
        said("2", "Partly untagged.", trace="a2", conversation=""),
        said("1", "Untagged.", trace="a3", conversation=""),
        Sent("1", "GET /", trace="a4"),
        said("1", "Linked.", trace="a5", conversation=""),
    )
    assert numbers(await unlinked(client)) == [0xA5, 0xA3]
    await link(client, "a5")
    assert numbers(await unlinked(client)) == [0xA3]


async def test_a_node_is_the_turn_of_the_traces_own_conversation(client: Client) -> None:
    await client.send(said("1", "Hello.", conversation=""))
    found = await client.in_project(
        """unlinkedTraces { edges { node {
            traceId conversationId conversationIdSource rootSpanName messages { kind } conversation { turnCount }
        } } }"""
    )
    assert found["unlinkedTraces"]["edges"] == [
        {
            "node": {
                "traceId": trace_id("a1"),
                "conversationId": trace_id("a1"),
                "conversationIdSource": "trace",
                "rootSpanName": "chat m",
                "messages": [{"kind": "ASSISTANT_MESSAGE"}],
                "conversation": {"turnCount": 1},
            }
        }
    ]


async def test_traces_are_paged_forwards(client: Client) -> None:
    await send_traces(client, 3, 1, 5, 2, 4)
    first = await unlinked(client, "(first: 2)")
    assert (numbers(first), more(first)) == ([5, 4], (False, True))
    second = await unlinked(client, f'(first: 2, after: "{first["pageInfo"]["endCursor"]}")')
    assert (numbers(second), more(second)) == ([3, 2], (True, True))
    third = await unlinked(client, f'(first: 2, after: "{second["pageInfo"]["endCursor"]}")')
    assert (numbers(third), more(third)) == ([1], (True, False))


async def test_traces_are_paged_backwards_in_the_same_order(client: Client) -> None:
    await send_traces(client, *range(1, 6))
    last = await unlinked(client, "(last: 2)")
    assert (numbers(last), more(last)) == ([2, 1], (True, False))
    middle = await unlinked(client, f'(last: 2, before: "{last["pageInfo"]["startCursor"]}")')
    assert (numbers(middle), more(middle)) == ([4, 3], (True, True))
    first = await unlinked(client, f'(last: 2, before: "{middle["pageInfo"]["startCursor"]}")')
    assert (numbers(first), more(first)) == ([5], (False, True))


async def test_a_page_stays_put_while_traces_are_linked_and_arrive(client: Client) -> None:
    await send_traces(client, *range(1, 6))
    first = await unlinked(client, "(first: 2)")
    await link(client, "5", "2")
    await send_traces(client, 6)
    assert numbers(await unlinked(client, f'(first: 9, after: "{first["pageInfo"]["endCursor"]}")')) == [3, 1]


async def test_traces_of_one_instant_are_told_apart_by_their_ids(client: Client) -> None:
    await client.send(*(said("1", "Hello.", conversation="", trace=label) for label in ("b1", "b2", "b3")))
    first = await unlinked(client, "(first: 2)")
    second = await unlinked(client, f'(first: 2, after: "{first["pageInfo"]["endCursor"]}")')
    assert numbers(first) + numbers(second) == [0xB3, 0xB2, 0xB1]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("(first: 1, last: 1)", "INVALID_PAGE"),
        ("(first: 201)", "INVALID_PAGE"),
        ("(last: -1)", "INVALID_PAGE"),
        ('(after: "nonsense")', "INVALID_CURSOR"),
    ],
)
async def test_pages_that_cannot_be_are_refused(client: Client, arguments: str, code: str) -> None:
    await send_traces(client, 1)
    assert (await client.error_in_project(f"unlinkedTraces{arguments} {PAGE}"))[0] == code


async def test_another_projects_traces_are_not_listed(client: Client) -> None:
    await send_traces(client, 1)
    await client.send(said("1", "Hello.", conversation="", trace="a9"), project="acme/other")
    assert numbers(await unlinked(client)) == [1]


async def test_a_page_costs_one_statement_and_one_for_each_level_below(client: Client, queries: Queries) -> None:
    await send_traces(client, *range(1, 30))
    for fields, cost in {"traceId": 2, "messages { kind }": 3, "conversation { name }": 3}.items():
        before = len(queries.statements)
        await client.in_project(f"unlinkedTraces {{ edges {{ node {{ {fields} }} }} }}")
        assert len(queries.statements) - before == cost


async def test_a_page_is_read_from_its_index(client: Client, queries: Queries, database: Database) -> None:
    await send_traces(client, *range(1, 300))
    async with database.write() as writer:
        await writer.execute("analyze turn")
    page = await unlinked(client, "(first: 5)")
    before = len(queries.statements)
    await unlinked(client, f'(first: 5, after: "{page["pageInfo"]["endCursor"]}")')
    [statement] = [found for found in queries.statements[before:] if "from turn" in found]
    async with database.read() as reader:
        started_at = await reader.fetchval("select max(started_at) from turn")
        lines = await reader.fetch(f"explain (costs off) {statement}", 1, 6, started_at, trace_id("5"))
    plan = [line["QUERY PLAN"].strip() for line in lines]
    assert plan[:2] == ["Limit", "->  Index Scan Backward using ix_turn_unlinked on turn t"]
