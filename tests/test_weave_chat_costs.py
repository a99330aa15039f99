"""POST /agents/conversations/chat: what messages, turns and pages cost."""

from typing import Any

from tests.client import Client, Sent, said


def usage(model: str, input_: int = 0, output: int = 0, read: int = 0, write: int = 0) -> dict[str, Any]:
    return {
        "gen_ai.request.model": model,
        "gen_ai.usage.input_tokens": input_,
        "gen_ai.usage.output_tokens": output,
        "gen_ai.usage.cache_read.input_tokens": read,
        "gen_ai.usage.cache_creation.input_tokens": write,
    }


async def costs(client: Client) -> tuple[list[Any], list[Any], Any]:
    """Of each message (input, output, total), of each turn, and of the page."""
    answer = await client.chat("c1")
    names = ("input_cost_usd", "output_cost_usd", "total_cost_usd")
    messages = [
        tuple(message["assistant_message"][name] for name in names)
        for turn in answer["turns"]
        for message in turn["messages"]
        if message["assistant_message"]
    ]
    return messages, [turn["total_cost_usd"] for turn in answer["turns"]], answer["total_cost_usd"]


async def test_cached_tokens_have_prices_of_their_own_and_the_total_holds_them(client: Client) -> None:
    await client.price("m", 0.01, 0.1, 0.001, 0.02)
    await client.send(said("10", "x", attributes=usage("m", 1000, 50, 600, 100)))
    assert await costs(client) == ([(3.0, 5.0, 10.6)], [10.6], 10.6)


async def test_a_cost_without_a_price_is_null_and_with_one_it_may_be_zero(client: Client) -> None:
    await client.price("free", 0.0, 0.0, 0.0, 0.0)
    await client.send(said("10", "x", attributes=usage("unpriced", 10)), said("20", "y", trace="a2", start=1))
    assert await costs(client) == ([(None, None, None)] * 2, [None, None], None)
    await client.send(said("30", "z", trace="a3", start=2, attributes=usage("free", 10, 10)))
    assert await costs(client) == ([(None, None, None)] * 2 + [(0.0, 0.0, 0.0)], [None, None, 0.0], 0.0)


async def test_sums_skip_what_has_no_price(client: Client) -> None:
    await client.price("m", 0.5, 0.0, 0.0, 0.0)
    await client.send(
        said("10", "x", attributes=usage("m", 3)),
        said("11", "y", start=1, attributes=usage("unpriced", 1000)),
        said("12", start=2, attributes=usage("m", 1)),
        said("20", "z", trace="a2", start=3, attributes=usage("unpriced", 7)),
    )
    assert await costs(client) == ([(1.5, 0.0, 1.5), (None,) * 3, (None,) * 3], [2.0, None], 2.0)


async def test_the_page_costs_what_its_turns_cost(client: Client) -> None:
    await client.price("m", 0.5, 0.0, 0.0, 0.0)
    await client.send(*(said("1", "x", trace=f"{n}", start=n, attributes=usage("m", n)) for n in range(1, 5)))
    assert (await client.chat("c1", limit=2))["total_cost_usd"] == 3.5
    assert (await client.chat("c1", limit=2, offset=2))["total_cost_usd"] == 1.5
    assert (await client.chat("c1", limit=0))["total_cost_usd"] is None
    assert (await client.chat("c1", offset=9))["total_cost_usd"] is None


async def test_a_new_price_holds_at_once_and_for_what_is_stored(client: Client) -> None:
    await client.send(said("10", "x", attributes=usage("m", 100)))
    for price in (0.01, 0.02, 0.0):
        await client.price("m", price, 0.0, 0.0, 0.0)
        assert await costs(client) == ([(price * 100, 0.0, price * 100)], [price * 100], price * 100)


async def test_prices_are_looked_up_by_the_response_model_else_the_request_model_in_exactly_that_spelling(
    client: Client,
) -> None:
    await client.price("asked", 1.0, 0.0, 0.0, 0.0)
    await client.price("answered", 2.0, 0.0, 0.0, 0.0)
    await client.send(
        said("10", "x", attributes=usage("asked", 1) | {"gen_ai.response.model": "answered"}),
        said("11", "x", start=1, attributes=usage("asked", 1) | {"gen_ai.response.model": ""}),
        said("12", "x", start=2, attributes=usage("Asked", 1)),
        said("13", "x", start=3, attributes=usage("asked", 1) | {"gen_ai.response.model": "unpriced"}),
    )
    messages, _, total = await costs(client)
    assert ([cost[0] for cost in messages], total) == ([2.0, 1.0, None, None], 3.0)


async def test_prices_of_another_project_do_not_count(client: Client) -> None:
    await client.price("m", 1.0, 1.0, 1.0, 1.0, project="acme/other")
    await client.send(said("10", "x", attributes=usage("m", 1)))
    assert await costs(client) == ([(None, None, None)], [None], None)


async def test_published_models_have_their_published_price_until_the_project_sets_its_own(client: Client) -> None:
    await client.send(said("10", "x", attributes=usage("gpt-4o-mini", 1_000_000, 1_000_000)))
    [(input_, output, total)], _, _ = await costs(client)
    assert 0 < input_ < output
    assert total == input_ + output
    await client.price("gpt-4o-mini", 0.000001, 0.000002, 0.0, 0.0)
    assert await costs(client) == ([(1.0, 2.0, 3.0)], [3.0], 3.0)


async def test_a_turn_costs_the_sum_over_all_its_spans_as_clients_of_this_route_expect(client: Client) -> None:
    """An agent span that repeats the numbers of its calls counts twice here; the graph's `cost` counts once."""
    await client.price("m", 1.0, 0.0, 0.0, 0.0)
    agent = Sent("1", "invoke_agent Bot", attributes=usage("m", 5) | {"gen_ai.conversation.id": "c1"})
    await client.send(agent, said("2", "x", parent="1", attributes=usage("m", 5)))
    assert await costs(client) == ([(5.0, 0.0, 5.0)], [10.0], 10.0)
