"""Spans come again, late and in any order: what is stored is the same as if they had come once, all together."""

import random

import pytest

from db.engine import Database
from tests.client import PROJECT, Client, Sent, export_request, said, trace_id
from tests.dump import dump

AGENT = {"gen_ai.conversation.id": "c1", "gen_ai.agent.name": "Bot", "gen_ai.conversation.name": "Parcel"}
ASKS = {"gen_ai.input.messages": '[{"role": "user", "content": "Where is my parcel?"}]'}

CONVERSATION = [
    Sent("10", "invoke_agent Bot", end=900, attributes=AGENT | {"gen_ai.system_instructions": "Be kind."}),
    said("11", "I look.", parent="10", start=10, end=300, attributes=ASKS | {"gen_ai.usage.input_tokens": 7}),
    Sent("12", "execute_tool track", parent="10", start=310, end=400, attributes={"gen_ai.tool.call.result": "{}"}),
    said("13", "It is in Bremen.", parent="10", start=410, end=890, status="ERROR", status_message="cut"),
    said("20", "You are welcome.", trace="a2", start=2000, attributes={"gen_ai.request.model": "m"}),
    said("30", "Elsewhere.", conversation="c2", trace="a2", start=2100),
    said("40", "Nowhere.", conversation="", trace="a3", start=3000),
]


async def timeline(client: Client, conversation: str = "c1") -> list[list[str]]:
    """Of each turn what was said, what was called and who started."""
    turns = (await client.chat(conversation))["turns"]
    return [
        [
            (message["user_message"] or message["assistant_message"] or {}).get("text")
            or (message["tool_call"] or {}).get("tool_name")
            or f"{message['agent_name']} starts"
            for message in turn["messages"]
        ]
        for turn in turns
    ]


async def conversations(client: Client) -> list[str]:
    data = await client.ask('{ project(id: "acme/support") { conversations { edges { node { conversationId } } } } }')
    return sorted(edge["node"]["conversationId"] for edge in data["project"]["conversations"]["edges"])


# -- again ------------------------------------------------------------------------------------------------------------


async def test_sending_again_changes_nothing(client: Client, database: Database) -> None:
    await client.send(*CONVERSATION)
    once = await dump(database)
    await client.send(*CONVERSATION)
    for span in reversed(CONVERSATION):
        await client.send(span, span)
    assert await dump(database) == once
    assert len(once["span"]) == len(once["span_content"]) == 7
    assert [(turn["conversation_id"], turn["trace_id"]) for turn in once["turn"]] == [
        ("", trace_id("a1")),
        ("", trace_id("a3")),
        (trace_id("a3"), trace_id("a3")),
        ("c1", trace_id("a1")),
        ("c1", trace_id("a2")),
        ("c2", trace_id("a2")),
    ]


async def test_sending_again_writes_nothing(client: Client, database: Database) -> None:
    async def places() -> list[str]:
        async with database.read() as reader:
            return [
                f"{table} {row['place']}"
                for table in ("span", "span_content", "turn", "message", "conversation")
                for row in await reader.fetch(f"select ctid::text || xmin::text as place from {table} order by 1")
            ]

    await client.send(*CONVERSATION)
    before = await places()
    await client.send(*CONVERSATION)
    assert await places() == before


async def test_one_span_per_request_stores_what_one_request_does(client: Client, database: Database) -> None:
    await client.send(*CONVERSATION, project="acme/batch")
    for span in CONVERSATION:
        await client.send(span, project="acme/single")
    assert await dump(database, "acme/single") == await dump(database, "acme/batch")


@pytest.mark.parametrize("seed", range(5))
async def test_any_order_in_any_requests_stores_the_same(client: Client, database: Database, seed: int) -> None:
    await client.send(*CONVERSATION, project="acme/batch")
    shuffled, pick = CONVERSATION * 2, random.Random(seed)
    pick.shuffle(shuffled)
    while shuffled:
        size = pick.randint(1, 4)
        await client.send(*shuffled[:size], project="acme/shuffled")
        del shuffled[:size]
    assert await dump(database, "acme/shuffled") == await dump(database, "acme/batch")


async def test_the_last_of_two_versions_counts(client: Client, database: Database) -> None:
    await client.send(said("10", "I think", end=None), said("11", "Yes", start=1))
    await client.send(said("10", "I know", status="OK", end=50))
    assert await timeline(client) == [["I know", "Yes"]]
    [minimap] = await client.spans(["c1"])
    assert [(span["status"], span["duration_ms"]) for span in minimap["spans"]] == [("OK", 50), ("UNSET", 99)]
    await client.send(said("10", "I think", end=None))
    after = await dump(database)
    await client.send(said("10", "I think", end=None), said("11", "Yes", start=1), project="acme/fresh")
    assert after == await dump(database, "acme/fresh")


async def test_of_two_versions_in_one_request_the_last_counts(client: Client) -> None:
    await client.send(said("10", "first"), said("10", "second"), said("10", "third"))
    assert await timeline(client) == [["third"]]


async def test_messages_that_a_new_version_no_longer_has_are_gone(client: Client, database: Database) -> None:
    await client.send(*CONVERSATION[:4])
    assert await timeline(client) == [["Where is my parcel?", "Bot starts", "I look.", "track", "It is in Bremen."]]
    await client.send(Sent("12", "span", parent="10", start=310, end=400), said("13", parent="10", start=410, end=890))
    assert await timeline(client) == [["Where is my parcel?", "Bot starts", "I look."]]
    stored = await dump(database)
    assert [(message["conversation_id"], message["position"]) for message in stored["message"]] == [
        ("c1", 0),
        ("c1", 1),
        ("c1", 2),
    ]
    assert [(row["conversation_id"], row["message_count"]) for row in stored["turn"]] == [("", 0), ("c1", 3)]
    assert [row["message_count"] for row in stored["conversation"]] == [3]


# -- late -------------------------------------------------------------------------------------------------------------


async def test_children_may_come_before_their_parent(client: Client) -> None:
    agent, look, track, answer = CONVERSATION[:4]
    await client.send(answer)
    assert await timeline(client) == [["It is in Bremen."]]
    await client.send(track, look)
    assert await timeline(client) == [["Where is my parcel?", "I look.", "track", "It is in Bremen."]]
    await client.send(agent)
    [turn] = (await client.chat("c1"))["turns"]
    assert (turn["agent_name"], turn["total_duration_ms"]) == ("Bot", 900)
    assert await timeline(client) == [["Where is my parcel?", "Bot starts", "I look.", "track", "It is in Bremen."]]
    assert {message["agent_name"] for message in turn["messages"]} == {"User", "Bot"}


async def test_untagged_spans_join_the_conversation_once_a_span_of_their_trace_names_it(client: Client) -> None:
    await client.send(said("11", "Hello.", conversation="", parent="10"))
    assert await timeline(client, "") == [["Hello."]]
    assert await conversations(client) == [trace_id("a1")]
    await client.send(Sent("10", "invoke_agent Bot", attributes=AGENT))
    assert await timeline(client, "c1") == [["Bot starts", "Hello."]]
    assert await timeline(client, "") == [["Hello."]]
    assert await conversations(client) == ["c1"]


async def test_a_span_that_gets_its_conversation_late_moves_its_turn_there(client: Client, database: Database) -> None:
    await client.send(said("10", "Hello.", conversation=""))
    assert await timeline(client, "") == [["Hello."]]
    await client.send(said("10", "Hello."))
    assert await timeline(client, "") == []
    assert await timeline(client, "c1") == [["Hello."]]
    stored = await dump(database)
    assert [turn["conversation_id"] for turn in stored["turn"]] == ["c1"]


async def test_a_conversation_that_lost_its_last_span_to_another_is_gone(client: Client, database: Database) -> None:
    await client.send(said("10", "one"), said("20", "two", trace="a2", start=1000))
    await client.send(said("20", "two", conversation="c2", trace="a2", start=1000))
    assert await timeline(client, "c1") == [["one"]]
    assert await timeline(client, "c2") == [["two"]]
    await client.send(said("10", "one", conversation="c2"))
    assert await timeline(client, "c2") == [["one"], ["two"]]
    assert await conversations(client) == ["c2"]
    assert (await client.chat("c1"))["total_turns"] == 0
    stored = await dump(database)
    assert {row["conversation_id"] for table in ("turn", "message", "conversation") for row in stored[table]} == {"c2"}
    assert [(row["turn_count"], row["span_count"]) for row in stored["conversation"]] == [(2, 2)]


async def test_a_late_span_only_changes_the_turns_it_belongs_to(client: Client) -> None:
    await client.send(said("10", "one"), said("20", "two", trace="a2", start=1000))
    await client.send(said("9", "zero", trace="a0", start=-1000), said("21", "three", trace="a2", start=1100))
    assert await timeline(client) == [["zero"], ["one"], ["two", "three"]]


async def test_a_turn_that_starts_earlier_than_thought_changes_its_place(client: Client) -> None:
    await client.send(said("10", "one", start=500), said("20", "two", trace="a2", start=1000))
    await client.send(said("21", "before", trace="a2", start=0))
    assert await timeline(client) == [["before", "two"], ["one"]]


async def test_a_trace_may_grow_by_hundreds_of_spans_in_many_requests(client: Client, database: Database) -> None:
    spans = [said(f"{n:x}", f"Step {n}", parent="1" if n > 1 else "", start=n) for n in range(1, 601)]
    for start in range(0, len(spans), 20):
        await client.send(*spans[start : start + 20])
    await client.send(*spans, project="acme/batch")
    assert await dump(database) == await dump(database, "acme/batch")


async def test_two_requests_in_one_body_are_one(client: Client, database: Database) -> None:
    """Protobuf messages that follow each other are one message, so a proxy may join requests."""
    halves = [export_request(CONVERSATION[:3]), export_request(CONVERSATION[3:])]
    response = await client.export(b"".join(half.SerializeToString() for half in halves), PROJECT)
    assert response.status_code == 200
    await client.send(*CONVERSATION, project="acme/batch")
    assert await dump(database) == await dump(database, "acme/batch")
