"""A cost says how it came about."""

from tests.client import Client, Sent, said

BASIS = """query($id: ID!) { project(id: "acme/support") { conversation(id: $id) {
    usage { inputTokens outputTokens }
    cost { totalUsd givenUsd basis {
        countedSpans notModelCalls repeatedResponses inputWithoutCache costsGiven
        prices { model source inputUsdPerToken } unpricedModels } }
    turns { edges { node { spanSumUsage { inputTokens } cost { basis { countedSpans } } } } } } } }"""

TOKENS = {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 10}


async def test_a_cost_names_what_was_counted_what_was_not_and_by_which_price(client: Client) -> None:
    await client.price("own", 0.001, 0.0, 0.0, 0.0)
    own, other = {"gen_ai.request.model": "own"}, {"gen_ai.request.model": "nobody-sells-this"}
    cached = {"gen_ai.usage.cache_read.input_tokens": 400}
    await client.send(
        Sent("10", "invoke_agent Bot", attributes={"gen_ai.conversation.id": "c1", **own, **TOKENS}),
        said("11", "a", parent="10", attributes={"gen_ai.response.id": "r1", **own, **TOKENS}),
        said("12", "", parent="11", attributes={"gen_ai.response.id": "r1", **own, **TOKENS}),
        said("13", "b", parent="10", attributes={**other, **TOKENS, **cached}),
        said("14", "c", parent="10", attributes={**own, **TOKENS, "operation.cost": 0.25, "logfire.msg": "chat own"}),
    )
    conversation = (await client.ask(BASIS, id="c1"))["project"]["conversation"]
    # The call with more cached tokens than input counts them apart.
    assert conversation["usage"] == {"inputTokens": 100 + 500 + 100, "outputTokens": 30}
    assert conversation["cost"] == {
        "totalUsd": 0.1 + 0.25,
        "givenUsd": 0.25,
        "basis": {
            "countedSpans": 3,
            "notModelCalls": 1,
            "repeatedResponses": 1,
            "inputWithoutCache": 1,
            "costsGiven": 1,
            "prices": [{"model": "own", "source": "PROJECT", "inputUsdPerToken": 0.001}],
            "unpricedModels": ["nobody-sells-this"],
        },
    }
    [turn] = [edge["node"] for edge in conversation["turns"]["edges"]]
    assert turn == {"spanSumUsage": {"inputTokens": 500}, "cost": {"basis": {"countedSpans": 3}}}


async def test_a_published_price_is_named_as_such(client: Client) -> None:
    await client.send(said("10", "a", attributes={"gen_ai.request.model": "gpt-4o", **TOKENS}))
    cost = (await client.ask(BASIS, id="c1"))["project"]["conversation"]["cost"]
    assert [(price["model"], price["source"]) for price in cost["basis"]["prices"]] == [("gpt-4o", "PUBLISHED")]


async def test_cached_tokens_cost_what_input_does_where_a_price_does_not_say(client: Client) -> None:
    document = "mutation($i: SetModelPriceInput!) { setModelPrice(input: $i) { cacheReadUsdPerToken source } }"
    price = {"projectId": "acme/support", "model": "m", "inputUsdPerToken": 0.002, "outputUsdPerToken": 0.0}
    data = await client.ask(document, i=price)
    assert data["setModelPrice"] == {"cacheReadUsdPerToken": 0.002, "source": "PROJECT"}


async def test_a_sub_agents_tokens_count_for_the_conversation_that_called_it(client: Client) -> None:
    inner = {"gen_ai.conversation.id": "inner", **TOKENS}
    await client.send(
        Sent("10", "invoke_agent Boss", attributes={"gen_ai.conversation.id": "outer"}),
        Sent("11", "invoke_agent Helper", parent="10", attributes={"gen_ai.conversation.id": "inner"}),
        Sent("12", "chat m", parent="11", attributes=inner),
    )
    usage = {
        id_: (await client.ask(BASIS, id=id_))["project"]["conversation"]["usage"]["inputTokens"]
        for id_ in ("outer", "inner")
    }
    assert usage == {"outer": 100, "inner": 0}
