"""What lists are sorted by follows prices: after a change, after a release, after a server that ended."""

import asyncio

import pytest
from asgi_lifespan import LifespanManager

from app.main import create_app
from app.reprice import CONVERSATIONS_AT_ONCE
from app.settings import Settings
from db.engine import Database
from tests.client import PROJECT, Client, Sent
from tests.dump import dump
from tests.listed import TOLD, Told, ids, send_seven


@pytest.fixture
async def seven(client: Client) -> None:
    await send_seven(client)


@pytest.mark.usefixtures("seven")
async def test_a_changed_price_moves_conversations(client: Client, database: Database) -> None:
    await client.price("unpriced", 0.0001, 0, 0, 0)
    assert await ids(client, "COST") == ["d", "b", "c", "e", "tie-2", "tie-1", "a"]
    await client.price("m", 1, 0, 0, 0)
    assert await ids(client, "COST") == ["b", "c", "d", "tie-2", "tie-1", "a", "e"]
    assert await ids(client, "COST", filter={"agent": "common"}) == ["b", "a", "e"]
    for model in ("m", "unpriced"):
        await client.ask(
            "mutation($i: DeleteModelPriceInput!) { deleteModelPrice(input: $i) { model } }",
            i={"projectId": PROJECT, "model": model},
        )
    await client.priced()
    assert await ids(client, "COST") == ["d", "tie-2", "tie-1", "e", "c", "b", "a"]
    costs = {row["conversation_id"]: row["cost_nusd"] for row in (await dump(database))["listing"]}
    assert costs == {"d": 20 * 10**9, **dict.fromkeys(("a", "b", "c", "e", "tie-1", "tie-2"), -1)}


@pytest.mark.usefixtures("seven")
async def test_stored_costs_are_those_of_a_project_that_had_its_prices_first(
    client: Client, database: Database
) -> None:
    other = "acme/other"
    for place, told in enumerate(TOLD):
        await client.send(*told.spans(0xA00 + 16 * place), project=other)
    await client.price("m", 0.001, 0, 0, 0, project=other)
    await client.price("dear", 1, 0, 0, 0, project=other)
    assert (await dump(database, other))["listing"] == (await dump(database))["listing"]


async def set_in_database(database: Database, statement: str) -> None:
    async with database.write() as writer:
        await writer.execute(statement)


@pytest.mark.usefixtures("seven")
async def test_what_a_server_that_ended_had_left_is_rewritten_by_the_next(
    client: Client, database: Database, settings: Settings
) -> None:
    before = await dump(database)
    await set_in_database(database, "update listing set cost_nusd = 7")
    await set_in_database(database, "update project set changed_prices = '{dear,m}', rewritten_until = 'b'")
    assert not (await client.in_project("costsFollowPrices"))["costsFollowPrices"]
    async with LifespanManager(create_app(settings, database, resume=True)):
        await client.priced()
    costs = {row["conversation_id"]: row["cost_nusd"] for row in (await dump(database))["listing"]}
    assert {name: cost for name, cost in costs.items() if cost == 7} == {"a": 7, "b": 7, "e": 7}
    await set_in_database(database, "update project set changed_prices = '{\"\"}', rewritten_until = ''")
    async with LifespanManager(create_app(settings, database, resume=True)):
        await client.priced()
    assert await dump(database) == before


@pytest.mark.usefixtures("seven")
async def test_a_release_with_other_published_prices_rewrites_all_costs(
    client: Client, database: Database, settings: Settings
) -> None:
    before = await dump(database)
    await set_in_database(database, "update listing set cost_nusd = 7")
    await set_in_database(database, "update project set published_prices = 'of another release'")
    async with LifespanManager(create_app(settings, database, resume=True)):
        async with asyncio.timeout(60):
            while await dump(database) != before:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_more_conversations_than_one_transaction_holds_are_rewritten(client: Client, database: Database) -> None:
    count = CONVERSATIONS_AT_ONCE + 2
    called = {"gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 10}
    await client.send(
        *(
            Sent(f"{n:x}", "chat m", f"{n:x}", attributes={"gen_ai.conversation.id": f"c{n}", **called})
            for n in range(1, count + 1)
        )
    )
    await client.price("m", 1, 0, 0, 0)
    assert [row["cost_nusd"] for row in (await dump(database))["listing"]] == [10 * 10**9] * count


async def test_prices_may_change_while_spans_arrive(client: Client, database: Database) -> None:
    """Whoever comes first, in the end every stored cost is by the last price."""

    async def change() -> None:
        for price in (1, 2, 3, 4):
            await client.price("m", price, 0, 0, 0)

    told = [Told(f"c{n}", (1000 * n,), tokens=n) for n in range(24)]
    await asyncio.gather(change(), *(client.send(*one.spans(0xA00 + n)) for n, one in enumerate(told)))
    await client.priced()
    costs = {row["conversation_id"]: row["cost_nusd"] for row in (await dump(database))["listing"]}
    assert costs == {f"c{n}": 4 * n * 10**9 for n in range(24)}
