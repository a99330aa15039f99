"""Prices by date: a turn costs what its models cost when it started, a conversation what its turns do."""

from typing import Any

import pytest

from tests.client import PROJECT, Client, Sent, said, span_id, trace_id
from tests.conftest import Queries

A_DAY = 24 * 3600 * 1000
"""In milliseconds."""

DELETE = "mutation($i: DeleteModelPriceInput!) { deleteModelPrice(input: $i) { model effectiveAt inputUsdPerToken } }"
LISTED = "modelPrices { model effectiveAt inputUsdPerToken }"
CONVERSATION = """conversation(id: "c1") {
    cost { totalUsd givenUsd basis { countedSpans prices { model effectiveAt source } unpricedModels } }
    turns { edges { node { cost { totalUsd basis { prices { effectiveAt } } } spanSumCostUsd } } }
}"""


def turn(number: int, day: float, conversation: str = "c1", model: str = "m", **attributes: Any) -> Sent:
    """A turn of one call with 10 tokens, that many days after 2026-01-01."""
    used = {"gen_ai.request.model": model, "gen_ai.usage.input_tokens": 10, **attributes}
    start = day * A_DAY
    ids = {"trace": f"{number:x}", "conversation": conversation}
    return said(f"{number:x}", f"answer {number}", start=start, end=start + 100, attributes=used, **ids)


async def send_three_days(client: Client) -> None:
    await client.send(*(turn(number, day=number) for number in (1, 2, 3)))


async def costs(client: Client) -> tuple[float | None, list[float | None]]:
    """Of the conversation, and of its turns."""
    found = (await client.in_project(CONVERSATION))["conversation"]
    turns = [edge["node"]["cost"] for edge in found["turns"]["edges"]]
    return (
        found["cost"] and found["cost"]["totalUsd"],
        [cost and cost["totalUsd"] for cost in turns],
    )


async def delete(client: Client, model: str, effective_at: str | None = None) -> Any:
    given = {"projectId": PROJECT, "model": model, "effectiveAt": effective_at}
    return (await client.ask(DELETE, i=given))["deleteModelPrice"]


async def test_a_price_without_a_date_holds_for_all_that_came_before_it_and_all_that_comes_after(
    client: Client,
) -> None:
    await client.send(turn(1, day=1))
    await client.price("m", 1, 0, 0, 0)
    await client.send(turn(2, day=2))
    assert await costs(client) == (20.0, [10.0, 10.0])
    await client.price("m", 3, 0, 0, 0)
    assert await costs(client) == (60.0, [30.0, 30.0])


async def test_a_price_with_a_date_holds_from_then_on(client: Client) -> None:
    await send_three_days(client)
    await client.price("m", 1, 0, 0, 0)
    await client.price("m", 2, 0, 0, 0, effective_at="2026-01-03T00:00:00Z")
    await client.price("m", 5, 0, 0, 0, effective_at="2026-01-04T00:00:00.000001Z")
    # The second turn starts at the very instant.
    assert await costs(client) == (50.0, [10.0, 20.0, 20.0])


async def test_a_basis_names_each_price_that_was_used_and_no_other(client: Client) -> None:
    await send_three_days(client)
    await client.price("m", 1, 0, 0, 0)
    await client.price("m", 2, 0, 0, 0, effective_at="2026-01-03T01:00:00+01:00")
    await client.price("m", 5, 0, 0, 0, effective_at="2026-02-01T00:00:00Z")
    found = (await client.in_project(CONVERSATION))["conversation"]
    second = "2026-01-03T00:00:00Z"
    assert found["cost"]["basis"] == {
        "countedSpans": 3,
        "prices": [
            {"model": "m", "effectiveAt": None, "source": "PROJECT"},
            {"model": "m", "effectiveAt": second, "source": "PROJECT"},
        ],
        "unpricedModels": [],
    }
    turns = [edge["node"]["cost"]["basis"]["prices"] for edge in found["turns"]["edges"]]
    assert turns == [[{"effectiveAt": None}], [{"effectiveAt": second}], [{"effectiveAt": second}]]


async def test_before_its_first_price_a_model_has_the_published_one_or_none(client: Client) -> None:
    await client.send(turn(1, 1), turn(2, 3), turn(3, 1, model="gpt-4o"), turn(4, 3, model="gpt-4o"))
    for model in ("m", "gpt-4o"):
        await client.price(model, 1, 0, 0, 0, effective_at="2026-01-03T00:00:00Z")
    assert await costs(client) == (20.000025, [None, 0.000025, 10.0, 10.0])
    basis = (await client.in_project(CONVERSATION))["conversation"]["cost"]["basis"]
    own = {"effectiveAt": "2026-01-03T00:00:00Z", "source": "PROJECT"}
    assert basis["prices"] == [
        {"model": "gpt-4o", "effectiveAt": None, "source": "PUBLISHED"},
        {"model": "gpt-4o", **own},
        {"model": "m", **own},
    ]
    assert basis["unpricedModels"] == ["m"]


async def test_a_published_price_that_changed_prices_each_turn_by_its_day(client: Client) -> None:
    """o3 became cheaper on 2025-06-10, 205 days before these tests' clock starts."""
    sent: dict[str, Any] = {"gen_ai.usage.input_tokens": 1_000_000, "model": "o3"}
    await client.send(turn(1, -206, **sent), turn(2, -205, **sent))
    assert await costs(client) == (12.0, [10.0, 2.0])
    basis = (await client.in_project(CONVERSATION))["conversation"]["cost"]["basis"]
    assert [price["effectiveAt"] for price in basis["prices"]] == [None, "2025-06-10T00:00:00Z"]


async def test_what_clients_gave_stays_whatever_prices_change(client: Client) -> None:
    given: dict[str, Any] = {"gen_ai.usage.cost": 0.5}
    await client.send(turn(1, 1, **given), turn(2, 2), turn(3, 3, **given))
    await client.price("m", 1, 0, 0, 0)
    await client.price("m", 2, 0, 0, 0, effective_at="2026-01-02T12:00:00Z")
    assert await costs(client) == (21.0, [0.5, 20.0, 0.5])


async def test_a_turn_has_the_prices_of_its_start_and_a_span_those_of_its_own(client: Client) -> None:
    used = {"gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 10}
    await client.send(
        Sent("1", "invoke_agent A", end=2 * A_DAY, attributes={"gen_ai.conversation.id": "c1"}),
        said("2", "early", parent="1", start=1, attributes=used),
        said("3", "late", parent="1", start=A_DAY, attributes=used),
    )
    await client.price("m", 1, 0, 0, 0)
    await client.price("m", 2, 0, 0, 0, effective_at="2026-01-02T00:00:00Z")
    found = await client.in_project(
        f"""turn(conversationId: "c1", traceId: "{trace_id("a1")}") {{
            cost {{ totalUsd }} messages {{ ... on AssistantMessage {{ text cost {{ totalUsd }} }} }}
        }}
        span(traceId: "{trace_id("a1")}", spanId: "{span_id("3")}") {{ cost {{ totalUsd }} }}"""
    )
    assert found["turn"]["cost"] == {"totalUsd": 20.0}
    assert found["turn"]["messages"][1:] == [
        {"text": "early", "cost": {"totalUsd": 10.0}},
        {"text": "late", "cost": {"totalUsd": 20.0}},
    ]
    assert found["span"]["cost"] == {"totalUsd": 20.0}


async def test_weaves_numbers_know_no_dates(client: Client) -> None:
    await send_three_days(client)
    await client.price("m", 1, 0, 0, 0)
    await client.price("m", 2, 0, 0, 0, effective_at="2026-01-03T00:00:00Z")
    await client.price("m", 9, 0, 0, 0, effective_at="9999-01-01T00:00:00Z")
    answer = await client.chat("c1")
    shown = [message["assistant_message"]["total_cost_usd"] for turn in answer["turns"] for message in turn["messages"]]
    assert shown == [turn["total_cost_usd"] for turn in answer["turns"]] == [20.0] * 3
    turns = (await client.in_project(CONVERSATION))["conversation"]["turns"]["edges"]
    assert [edge["node"]["spanSumCostUsd"] for edge in turns] == [20.0] * 3
    assert (await client.in_project('modelPrice(model: "m") { effectiveAt }'))["modelPrice"] == {
        "effectiveAt": "2026-01-03T00:00:00Z"
    }


async def test_a_turn_that_runs_past_a_change_of_price_keeps_the_price_of_its_start(client: Client) -> None:
    used = {"gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 10}
    await client.send(said("1", "slow", end=9 * A_DAY, attributes=used))
    await client.price("m", 1, 0, 0, 0, effective_at="2026-01-05T00:00:00Z")
    assert await costs(client) == (None, [None])
    await client.price("m", 3, 0, 0, 0)
    assert await costs(client) == (30.0, [30.0])


# -- setting and taking back ------------------------------------------------------------------------------------------


async def test_prices_are_listed_with_their_dates_and_one_for_the_same_date_replaces_it(client: Client) -> None:
    await client.price("m", 3, 0, 0, 0, effective_at="2026-03-01T00:00:00Z")
    await client.price("m", 1, 0, 0, 0)
    await client.price("a", 7, 0, 0, 0, effective_at="2026-01-01T00:00:00Z")
    await client.price("m", 2, 0, 0, 0, effective_at="2026-02-01T00:00:00Z")
    await client.price("m", 4, 0, 0, 0, effective_at="2026-03-01T02:00:00+02:00")
    assert (await client.in_project(LISTED))["modelPrices"] == [
        {"model": "a", "effectiveAt": "2026-01-01T00:00:00Z", "inputUsdPerToken": 7.0},
        {"model": "m", "effectiveAt": None, "inputUsdPerToken": 1.0},
        {"model": "m", "effectiveAt": "2026-02-01T00:00:00Z", "inputUsdPerToken": 2.0},
        {"model": "m", "effectiveAt": "2026-03-01T00:00:00Z", "inputUsdPerToken": 4.0},
    ]


@pytest.mark.parametrize("date", ["1970-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
async def test_a_date_before_every_span_is_the_beginning(client: Client, date: str) -> None:
    await client.price("m", 1, 0, 0, 0)
    await client.price("m", 2, 0, 0, 0, effective_at=date)
    assert (await client.in_project(LISTED))["modelPrices"] == [
        {"model": "m", "effectiveAt": None, "inputUsdPerToken": 2.0}
    ]


async def test_a_price_that_is_taken_back_leaves_what_held_before(client: Client) -> None:
    await send_three_days(client)
    await client.price("m", 1, 0, 0, 0)
    await client.price("m", 2, 0, 0, 0, effective_at="2026-01-03T00:00:00Z")
    taken = await delete(client, "m", "2026-01-03T00:00:00Z")
    assert taken == {"model": "m", "effectiveAt": "2026-01-03T00:00:00Z", "inputUsdPerToken": 2.0}
    assert await costs(client) == (30.0, [10.0] * 3)
    assert await delete(client, "m") == {"model": "m", "effectiveAt": None, "inputUsdPerToken": 1.0}
    assert await costs(client) == (None, [None] * 3)
    assert (await client.in_project(LISTED))["modelPrices"] == []


@pytest.mark.parametrize("date", [None, "2026-01-03T00:00:00.000001Z"])
async def test_a_price_that_is_not_there_cannot_be_taken_back(client: Client, date: str | None) -> None:
    await client.price("m", 2, 0, 0, 0, effective_at="2026-01-03T00:00:00Z")
    given = {"projectId": PROJECT, "model": "m", "effectiveAt": date}
    assert await client.error(DELETE, i=given) == (
        "UNKNOWN_PRICE",
        "The project has set no price of this model for this date: `modelPrices` lists those that it has set.",
    )
    assert len((await client.in_project(LISTED))["modelPrices"]) == 1


async def test_taking_back_a_price_makes_no_project(client: Client) -> None:
    code, _ = await client.error(DELETE, i={"projectId": "acme/unheard", "model": "m"})
    assert code == "UNKNOWN_PRICE"
    assert await client.ask("{ projects { id } }") == {"projects": []}


async def test_a_price_is_taken_back_in_its_project_alone(client: Client) -> None:
    for project in (PROJECT, "acme/other"):
        await client.price("m", 1, 0, 0, 0, project=project)
    await delete(client, "m")
    assert len((await client.in_project(LISTED, "acme/other"))["modelPrices"]) == 1


async def test_only_a_model_with_a_name_can_lose_a_price(client: Client) -> None:
    code, _ = await client.error(DELETE, i={"projectId": PROJECT, "model": ""})
    assert code == "INVALID_MODEL"


# -- statements -------------------------------------------------------------------------------------------------------


async def statements(client: Client, queries: Queries, first: int) -> tuple[int, list[float]]:
    """How many statements the costs of a page take, and what it costs."""
    before = len(queries.statements)
    found = await client.in_project(f"conversations(first: {first}) {{ edges {{ node {{ cost {{ totalUsd }} }} }} }}")
    asked = len(queries.statements) - before
    return asked, [edge["node"]["cost"]["totalUsd"] for edge in found["conversations"]["edges"]]


async def test_turns_are_read_only_where_a_price_changed_between_them_and_for_the_whole_page_at_once(
    client: Client, queries: Queries
) -> None:
    await client.send(
        *(
            turn(100 * number + day, day, conversation=f"c{number}", model="m" if number % 2 else "n")
            for number in range(20)
            for day in (1, 2)
        )
    )
    await client.price("m", 1, 0, 0, 0)
    await client.price("n", 1, 0, 0, 0)
    await client.price("n", 7, 0, 0, 0, effective_at="2026-01-01T00:00:00Z")
    few, many = await statements(client, queries, 4), await statements(client, queries, 20)
    assert (few[0], many[0]) == (3, 3)
    assert sorted(many[1]) == [20.0] * 10 + [140.0] * 10
    await client.price("m", 2, 0, 0, 0, effective_at="2026-01-03T00:00:00Z")
    few, many = await statements(client, queries, 4), await statements(client, queries, 20)
    assert (few[0], many[0]) == (4, 4)
    assert sorted(many[1]) == [30.0] * 10 + [140.0] * 10
