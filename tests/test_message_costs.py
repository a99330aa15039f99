"""What single messages and spans cost: as their turn counts it, whatever Weave's route shows."""

from typing import Any

from tests.client import Client, Sent, said, span_id, trace_id

TURN = f'turn(conversationId: "c1", traceId: "{trace_id("a1")}")'
COST = "{ inputUsd givenUsd totalUsd }"
MESSAGES = f"messages {{ ... on AssistantMessage {{ text cost {COST} spanSumCost {COST} }} }}"


def used(tokens: int, **attributes: Any) -> dict[str, Any]:
    return {"gen_ai.request.model": "m", "gen_ai.usage.input_tokens": tokens, **attributes}


async def message_costs(client: Client) -> dict[str, tuple[float | None, float | None]]:
    """By text: the true cost, and what Weave has."""
    found = await client.in_project(f"{TURN} {{ {MESSAGES} }}")
    return {
        message["text"]: (
            message["cost"] and message["cost"]["totalUsd"],
            message["spanSumCost"] and message["spanSumCost"]["totalUsd"],
        )
        for message in found["turn"]["messages"]
        if "text" in message
    }


async def shown_by_the_route(client: Client) -> dict[str, float | None]:
    [turn] = (await client.chat("c1"))["turns"]
    answers = [message["assistant_message"] for message in turn["messages"] if message["assistant_message"]]
    return {answer["text"]: answer["total_cost_usd"] for answer in answers}


async def test_a_given_cost_counts_in_the_message_and_the_span_and_not_in_weaves_numbers(client: Client) -> None:
    await client.price("m", 1, 0, 0, 0)
    await client.send(said("10", "a", attributes=used(5, **{"gen_ai.usage.cost": 0.25})))
    found = await client.in_project(
        f'{TURN} {{ cost {COST} {MESSAGES} }} span(traceId: "{trace_id("a1")}", spanId: "{span_id("10")}") {{'
        f" usage {{ inputTokens }} cost {COST} }}"
    )
    given = {"inputUsd": 0.0, "givenUsd": 0.25, "totalUsd": 0.25}
    priced = {"inputUsd": 5.0, "givenUsd": 0.0, "totalUsd": 5.0}
    assert found == {
        "turn": {"cost": given, "messages": [{"text": "a", "cost": given, "spanSumCost": priced}]},
        "span": {"usage": {"inputTokens": 5}, "cost": given},
    }
    assert await shown_by_the_route(client) == {"a": 5.0}


async def test_a_given_cost_of_nothing_counts_as_unknown_where_there_are_tokens(client: Client) -> None:
    await client.price("m", 1, 0, 0, 0)
    nothing = {"gen_ai.usage.cost": 0.0}
    await client.send(said("10", "a", attributes=used(5, **nothing)), said("11", "b", attributes=used(0, **nothing)))
    assert await message_costs(client) == {"a": (5.0, 5.0), "b": (0.0, 0.0)}


async def test_a_given_cost_needs_no_price(client: Client) -> None:
    await client.send(said("10", "a", attributes=used(5, **{"gen_ai.usage.cost": 0.25})))
    assert await message_costs(client) == {"a": (0.25, None)}


async def test_cached_tokens_beyond_the_input_are_added_to_it(client: Client) -> None:
    await client.price("m", 1, 0, 0.5, 0)
    await client.send(said("10", "a", attributes=used(5, **{"gen_ai.usage.cache_read.input_tokens": 10})))
    found = await client.in_project(f"{TURN} {{ cost {{ totalUsd }} spans {{ cost {{ totalUsd }} }} }}")
    assert found["turn"] == {"cost": {"totalUsd": 10.0}, "spans": [{"cost": {"totalUsd": 10.0}}]}
    # Weave takes the input as it was sent: what is left of it after the cached part is less than nothing.
    assert await message_costs(client) == {"a": (10.0, 0.0)}
    assert await shown_by_the_route(client) == {"a": 0.0}


async def test_an_agent_that_speaks_for_its_calls_costs_what_they_do(client: Client) -> None:
    """Weave sums all spans below it, its own repeated numbers included."""
    await client.price("m", 1, 0, 0, 0)
    agent = {"gen_ai.conversation.id": "c1", "gen_ai.output.messages": "done"}
    await client.send(
        Sent("10", "invoke_agent Bot", attributes=used(7, **agent)),
        said("11", parent="10", start=1, attributes=used(3)),
        said("12", parent="10", start=2, attributes=used(4, **{"gen_ai.usage.cost": 0.5})),
    )
    assert await message_costs(client) == {"done": (3.5, 14.0)}
    assert await shown_by_the_route(client) == {"done": 14.0}


async def test_the_messages_of_a_turn_add_up_to_its_cost(client: Client) -> None:
    await client.price("m", 1, 0, 0, 0)
    agent = {"gen_ai.conversation.id": "c1", "gen_ai.output.messages": "all done"}
    await client.send(
        Sent("10", "invoke_agent Boss", attributes=used(99, **agent)),
        said("11", "a", parent="10", start=1, attributes=used(1, **{"gen_ai.response.id": "r1"})),
        said("12", parent="11", start=2, attributes=used(1, **{"gen_ai.response.id": "r1"})),
        said("13", "b", parent="10", start=3, attributes=used(2, **{"gen_ai.usage.cost": 0.25})),
        Sent("14", "invoke_agent Helper", parent="10", start=4, attributes=agent | used(4)),
        said("15", parent="14", start=5, attributes=used(4)),
    )
    turn = (await client.in_project(f"{TURN} {{ cost {{ totalUsd }} spanSumCostUsd }}"))["turn"]
    assert turn == {"cost": {"totalUsd": 5.25}, "spanSumCostUsd": 111.0}
    costs = await message_costs(client)
    assert {text: cost for text, (cost, _) in costs.items()} == {"a": 1.0, "b": 0.25, "all done": 4.0}


async def test_a_second_report_of_an_answer_costs_nothing_again(client: Client) -> None:
    await client.price("m", 1, 0, 0, 0)
    await client.send(
        said("10", "a", attributes=used(5, **{"gen_ai.response.id": "r"})),
        said("11", "a!", start=1, attributes=used(6, **{"gen_ai.response.id": "r"})),
    )
    assert await message_costs(client) == {"a": (None, 5.0), "a!": (6.0, 6.0)}


async def test_a_new_price_holds_at_once_for_messages_and_spans(client: Client) -> None:
    await client.send(said("10", "a", attributes=used(5)))
    for price in (1.0, 2.0):
        await client.price("m", price, 0, 0, 0)
        assert await message_costs(client) == {"a": (price * 5, price * 5)}
        spans = (await client.in_project(f"{TURN} {{ spans {{ cost {{ totalUsd }} }} }}"))["turn"]["spans"]
        assert spans == [{"cost": {"totalUsd": price * 5}}]
