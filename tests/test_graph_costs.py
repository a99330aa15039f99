"""Tokens and money in the graph: each LLM call once, prices of the project before published ones, null before 0."""

from typing import Any

import pytest

from tests.client import PROJECT, Client, Sent, span_id, trace_id

USAGE = "{ inputTokens outputTokens cacheReadTokens cacheWriteTokens reasoningTokens }"
COST = "{ inputUsd outputUsd cacheReadUsd cacheWriteUsd givenUsd totalUsd }"
TURN = f'turn(conversationId: "c1", traceId: "{trace_id("a1")}")'


def llm(model: str = "house-model", **tokens: int) -> dict[str, Any]:
    keys = {
        "input": "input_tokens",
        "output": "output_tokens",
        "read": "cache_read.input_tokens",
        "write": "cache_creation.input_tokens",
        "reasoning": "reasoning.output_tokens",
    }
    return {"gen_ai.request.model": model} | {f"gen_ai.usage.{keys[name]}": count for name, count in tokens.items()}


async def send_agent_that_repeats_its_call(client: Client) -> None:
    """The agent span carries the same numbers as its one LLM call."""
    tokens = llm(input=1000, output=200, read=300, write=100, reasoning=50)
    await client.send(
        Sent("10", "invoke_agent A", end=900, attributes={**tokens, "gen_ai.conversation.id": "c1"}),
        Sent("11", "chat m", parent="10", start=100, attributes=tokens),
    )


ONCE = {
    "inputTokens": 1000,
    "outputTokens": 200,
    "cacheReadTokens": 300,
    "cacheWriteTokens": 100,
    "reasoningTokens": 50,
}
TWICE = {name: 2 * count for name, count in ONCE.items()}


async def test_an_agent_that_repeats_its_calls_numbers_is_not_counted_again(client: Client) -> None:
    await send_agent_that_repeats_its_call(client)
    found = await client.in_project(
        f"""conversation(id: "c1") {{ usage {USAGE} }}
        {TURN} {{ usage {USAGE} spanSumUsage {USAGE} spans {{ usage {USAGE} }} }}"""
    )
    assert found == {
        "conversation": {"usage": ONCE},
        "turn": {"usage": ONCE, "spanSumUsage": TWICE, "spans": [{"usage": ONCE}, {"usage": ONCE}]},
    }


async def test_costs_follow_the_same_counts(client: Client) -> None:
    await send_agent_that_repeats_its_call(client)
    await client.price("house-model", 1e-6, 1e-5, 1e-7, 2e-6)
    once = {
        "inputUsd": 0.0006,
        "outputUsd": 0.002,
        "cacheReadUsd": 0.00003,
        "cacheWriteUsd": 0.0002,
        "givenUsd": 0.0,
        "totalUsd": 0.00283,
    }
    found = await client.in_project(
        f"""conversation(id: "c1") {{ cost {COST} }}
        {TURN} {{ cost {COST} spanSumCostUsd spans {{ cost {COST} }} }}
        span(traceId: "{trace_id("a1")}", spanId: "{span_id("11")}") {{ cost {COST} }}"""
    )
    assert found == {
        "conversation": {"cost": once},
        "turn": {"cost": once, "spanSumCostUsd": 0.00566, "spans": [{"cost": once}, {"cost": once}]},
        "span": {"cost": once},
    }


async def test_a_call_that_two_instrumentations_report_is_counted_once(client: Client) -> None:
    reported = {**llm(input=100, output=10), "gen_ai.response.id": "resp-1"}
    await client.send(
        Sent("10", "work", end=900, attributes={"gen_ai.conversation.id": "c1"}),
        Sent("11", "chat m", parent="10", start=1, attributes=reported),
        Sent("12", "chat m", parent="11", start=2, attributes=reported),
        Sent("13", "chat m", parent="10", start=3, attributes={**reported, "gen_ai.response.id": "resp-2"}),
    )
    found = await client.in_project(f"{TURN} {{ usage {{ inputTokens }} spanSumUsage {{ inputTokens }} }}")
    assert found["turn"] == {"usage": {"inputTokens": 200}, "spanSumUsage": {"inputTokens": 300}}


async def test_turns_and_models_add_up(client: Client) -> None:
    await client.send(
        Sent("10", "chat m", trace="a1", attributes={**llm("one", input=10), "gen_ai.conversation.id": "c1"}),
        Sent("20", "chat m", trace="a2", attributes={**llm("one", input=5), "gen_ai.conversation.id": "c1"}),
        Sent("30", "chat m", trace="a3", attributes={**llm("two", input=7), "gen_ai.conversation.id": "c1"}),
    )
    await client.price("one", 1, 0, 0, 0)
    await client.price("two", 100, 0, 0, 0)
    found = await client.in_project(
        """conversation(id: "c1") {
            usage { inputTokens } cost { totalUsd } turns { edges { node { cost { totalUsd } } } }
        }"""
    )
    assert found["conversation"] == {
        "usage": {"inputTokens": 22},
        "cost": {"totalUsd": 715.0},
        "turns": {"edges": [{"node": {"cost": {"totalUsd": cost}}} for cost in (10.0, 5.0, 700.0)]},
    }


async def test_without_a_price_there_is_no_cost(client: Client) -> None:
    await send_agent_that_repeats_its_call(client)
    found = await client.in_project(
        f"""conversation(id: "c1") {{ cost {COST} }}
        {TURN} {{
            cost {COST} spanSumCostUsd spans {{ cost {COST} }} messages {{ ... on AssistantMessage {{ cost {COST} }} }}
        }}
        modelPrice(model: "house-model") {{ model }} modelPrices {{ model }}"""
    )
    assert found == {
        "conversation": {"cost": None},
        "turn": {
            "cost": None,
            "spanSumCostUsd": None,
            "spans": [{"cost": None}, {"cost": None}],
            "messages": [{}],
        },
        "modelPrice": None,
        "modelPrices": [],
    }


async def test_what_has_a_price_counts_where_other_models_have_none(client: Client) -> None:
    await client.send(
        Sent("10", "chat m", attributes={**llm("priced", input=10), "gen_ai.conversation.id": "c1"}),
        Sent("11", "chat m", parent="10", attributes=llm("unpriced", input=1000)),
    )
    await client.price("priced", 1, 0, 0, 0)
    found = await client.in_project(f"{TURN} {{ cost {{ totalUsd }} }}")
    assert found["turn"] == {"cost": {"totalUsd": 10.0}}


async def test_a_price_of_nothing_is_a_cost_of_nothing(client: Client) -> None:
    await send_agent_that_repeats_its_call(client)
    await client.price("house-model", 0, 0, 0, 0)
    found = await client.in_project(f"{TURN} {{ cost {{ totalUsd }} }}")
    assert found["turn"] == {"cost": {"totalUsd": 0.0}}


async def test_a_published_price_holds_until_the_project_sets_its_own(client: Client) -> None:
    await client.send(
        Sent("10", "chat m", attributes={**llm("gpt-4o", input=1000, output=100), "gen_ai.conversation.id": "c1"})
    )
    fields = f'{TURN} {{ cost {{ totalUsd }} }} modelPrice(model: "gpt-4o") {{ inputUsdPerToken outputUsdPerToken }}'
    published = await client.in_project(fields)
    assert published == {
        "turn": {"cost": {"totalUsd": 0.0035}},
        "modelPrice": {"inputUsdPerToken": 2.5e-06, "outputUsdPerToken": 1e-05},
    }
    await client.price("gpt-4o", 1e-6, 1e-6, 0, 0)
    assert await client.in_project(fields) == {
        "turn": {"cost": {"totalUsd": 0.0011}},
        "modelPrice": {"inputUsdPerToken": 1e-06, "outputUsdPerToken": 1e-06},
    }


async def test_a_new_price_holds_at_once_for_all_there_is(client: Client) -> None:
    await send_agent_that_repeats_its_call(client)
    totals = []
    for price in (1e-3, 2e-3, 1e-3):
        await client.price("house-model", price, 0, 0, 0)
        found = await client.in_project(f"{TURN} {{ cost {{ inputUsd }} }}")
        totals.append(found["turn"]["cost"]["inputUsd"])
    assert totals == [0.6, 1.2, 0.6]


async def test_prices_are_listed_by_model_the_newest_of_each(client: Client) -> None:
    await client.price("b", 1, 1, 1, 1)
    await client.price("a", 1, 1, 1, 1)
    await client.price("B", 1, 1, 1, 1)
    await client.price("a", 2, 3, 4, 5)
    await client.price("elsewhere", 1, 1, 1, 1, project="acme/other")
    fields = "{ model inputUsdPerToken outputUsdPerToken cacheReadUsdPerToken cacheWriteUsdPerToken }"
    found = await client.in_project(f'modelPrices {fields} modelPrice(model: "a") {fields}')
    newest = {
        "model": "a",
        "inputUsdPerToken": 2.0,
        "outputUsdPerToken": 3.0,
        "cacheReadUsdPerToken": 4.0,
        "cacheWriteUsdPerToken": 5.0,
    }
    assert [price["model"] for price in found["modelPrices"]] == ["B", "a", "b"]
    assert (found["modelPrices"][1], found["modelPrice"]) == (newest, newest)


SET_PRICE = """
mutation($input: SetModelPriceInput!) {
  setModelPrice(input: $input) {
    model inputUsdPerToken outputUsdPerToken cacheReadUsdPerToken cacheWriteUsdPerToken
  }
}
"""


def price_input(**fields: object) -> dict[str, object]:
    return {"projectId": PROJECT, "model": "m", "inputUsdPerToken": 1e-6, "outputUsdPerToken": 1e-6, **fields}


@pytest.mark.parametrize("price", [1.5e-7, 2.5e-06, 0.1, 1e-15, 3.333333333e-6, 9000, 0, -0.0])
async def test_a_price_is_kept_exactly(client: Client, price: float) -> None:
    names = ("inputUsdPerToken", "outputUsdPerToken", "cacheReadUsdPerToken", "cacheWriteUsdPerToken")
    given = {"model": "m", **dict.fromkeys(names, price)}
    assert await client.ask(SET_PRICE, input={"projectId": PROJECT, **given}) == {"setModelPrice": given}
    assert await client.in_project(f"modelPrices {{ model {' '.join(names)} }}") == {"modelPrices": [given]}


async def test_cache_prices_left_out_are_those_of_input(client: Client) -> None:
    assert await client.ask(SET_PRICE, input=price_input()) == {
        "setModelPrice": {
            "model": "m",
            "inputUsdPerToken": 1e-6,
            "outputUsdPerToken": 1e-6,
            "cacheReadUsdPerToken": 1e-6,
            "cacheWriteUsdPerToken": 1e-6,
        }
    }


@pytest.mark.parametrize("price", [-1, -1e-9, 9000.1, 1e300])
@pytest.mark.parametrize(
    "name", ["inputUsdPerToken", "outputUsdPerToken", "cacheReadUsdPerToken", "cacheWriteUsdPerToken"]
)
async def test_a_price_that_cannot_be_is_refused_and_nothing_is_stored(client: Client, name: str, price: float) -> None:
    assert await client.error(SET_PRICE, input=price_input(**{name: price})) == (
        "INVALID_PRICE",
        "A price is a number of US dollars per token, from 0 to 9000: 2.5 dollars per million tokens are 0.0000025.",
    )
    assert await client.ask("{ projects { id } }") == {"projects": []}


async def test_an_infinite_price_is_refused(client: Client) -> None:
    mutation = """mutation {
        setModelPrice(
            input: { projectId: "acme/support", model: "m", inputUsdPerToken: 1e999, outputUsdPerToken: 1 }
        ) { model }
    }"""
    code, _ = await client.error(mutation)
    assert code == "INVALID_PRICE"


@pytest.mark.parametrize("model", ["", "x" * 513, "ü" * 257])
async def test_a_price_needs_a_models_name(client: Client, model: str) -> None:
    assert await client.error(SET_PRICE, input=price_input(model=model)) == (
        "INVALID_MODEL",
        "A price needs the name of a model, of at most 512 bytes in UTF-8.",
    )


async def test_token_counts_beyond_32_bits_are_whole_numbers(client: Client) -> None:
    await client.send(
        Sent("10", "chat m", attributes={**llm(input=2**35, output=2**36), "gen_ai.conversation.id": "c1"})
    )
    found = await client.in_project(f"{TURN} {{ usage {{ inputTokens outputTokens }} }}")
    assert found["turn"]["usage"] == {"inputTokens": 2**35, "outputTokens": 2**36}
