"""Traces without a conversation id, linked to a conversation by hand: seen there in every view, and kept."""

import asyncio
import json
from typing import Any

import pytest
from click.testing import CliRunner

from app.cli import main
from db.engine import Database
from tests.client import PROJECT, Client, Sent, json_value, said, span_id, trace_id
from tests.conftest import Queries
from tests.dump import dump

LINK = """mutation($i: LinkTracesInput!) {
    linkTraces(input: $i) { linkedTraceIds conversation { conversationId turnCount spanCount } }
}"""
UNLINK = "mutation($i: UnlinkTracesInput!) { unlinkTraces(input: $i) { unlinkedTraceIds } }"


def untagged(trace: str, text: str = "Hello.", *, start: float = 0, span: str = "1", **fields: Any) -> Sent:
    return said(span, text, conversation="", trace=trace, start=start, **fields)


def links(conversation: str, *labels: str, project: str = PROJECT) -> dict[str, Any]:
    return {"projectId": project, "conversationId": conversation, "traceIds": [trace_id(label) for label in labels]}


def traces(*labels: str, project: str = PROJECT) -> dict[str, Any]:
    return {"projectId": project, "traceIds": [trace_id(label) for label in labels]}


async def link(client: Client, conversation: str, *labels: str) -> Any:
    return (await client.ask(LINK, i=links(conversation, *labels)))["linkTraces"]


async def unlink(client: Client, *labels: str) -> Any:
    return (await client.ask(UNLINK, i=traces(*labels)))["unlinkTraces"]


async def chat(client: Client, conversation: str) -> list[tuple[str, list[str]]]:
    """The turns of a conversation: trace and texts."""
    found = await client.chat(conversation)
    assert found["total_turns"] == len(found["turns"])
    return [
        (turn["trace_id"].lstrip("0"), [message["assistant_message"]["text"] for message in turn["messages"]])
        for turn in found["turns"]
    ]


async def minimap(client: Client, *ids: str, **members: str) -> list[list[tuple[str, str]]]:
    """Trace and span of each span, for each conversation."""
    return [
        [(span["trace_id"].lstrip("0"), span["span_id"].lstrip("0")) for span in conversation["spans"]]
        for conversation in await client.spans(ids, **members)
    ]


async def conversations(client: Client) -> dict[str, int]:
    """How many turns each conversation of the list has."""
    found = await client.in_project("conversations { edges { node { conversationId turnCount } } }")
    return {
        edge["node"]["conversationId"].lstrip("0"): edge["node"]["turnCount"]
        for edge in found["conversations"]["edges"]
    }


# -- what a link changes ----------------------------------------------------------------------------------------------


async def test_a_linked_trace_is_a_turn_of_its_conversation_and_not_one_of_its_own(client: Client) -> None:
    await client.send(said("1", "Tagged."), untagged("b1", "Linked.", start=1000))
    assert await conversations(client) == {"c1": 1, "b1": 1}
    assert await link(client, "c1", "b1") == {
        "linkedTraceIds": [trace_id("b1")],
        "conversation": {"conversationId": "c1", "turnCount": 2, "spanCount": 2},
    }
    assert await conversations(client) == {"c1": 2}
    assert await chat(client, "c1") == [("a1", ["Tagged."]), ("b1", ["Linked."])]
    assert await chat(client, trace_id("b1")) == []
    assert await minimap(client, "c1", trace_id("b1")) == [[("a1", "1"), ("b1", "1")], []]
    # The conversation of no id goes on showing what carries none.
    assert await chat(client, "") == [("b1", ["Linked."])]
    turn = f'turn(conversationId: "c1", traceId: "{trace_id("b1")}")'
    found = await client.in_project(
        f"{turn} {{ conversationIdSource spans {{ spanId }} conversation {{ turnCount }} }}"
    )
    assert found["turn"] == {
        "conversationIdSource": "link",
        "spans": [{"spanId": span_id("1")}],
        "conversation": {"turnCount": 2},
    }


async def test_a_link_can_make_a_conversation(client: Client) -> None:
    await client.send(untagged("b1", "One."), untagged("b2", "Two.", start=1000))
    answer = await link(client, "new", "b2", "b1", "b2")
    assert answer["linkedTraceIds"] == [trace_id("b2"), trace_id("b1")]
    assert await conversations(client) == {"new": 2}
    assert await chat(client, "new") == [("b1", ["One."]), ("b2", ["Two."])]
    assert await minimap(client, "new") == [[("b1", "1"), ("b2", "1")]]


async def test_a_trace_can_be_linked_to_another_ones_own_conversation(client: Client) -> None:
    await client.send(untagged("b1", "One."), untagged("b2", "Two.", start=1000))
    await link(client, trace_id("b1"), "b2")
    assert await conversations(client) == {"b1": 2}
    assert await minimap(client, trace_id("b1")) == [[("b1", "1"), ("b2", "1")]]


async def test_plain_spans_that_are_no_conversation_by_themselves_can_be_linked(client: Client) -> None:
    await client.send(Sent("1", "GET /", trace="b1"))
    assert await conversations(client) == {}
    await link(client, "c1", "b1")
    assert await conversations(client) == {"c1": 1}
    await unlink(client, "b1")
    assert await conversations(client) == {}


async def test_tokens_count_where_the_trace_is_linked(client: Client) -> None:
    usage = {"gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 7, "gen_ai.usage.output_tokens": 3}
    await client.send(said("1", "Tagged.", attributes=usage), untagged("b1", start=1000, attributes=usage))
    await link(client, "c1", "b1")
    found = await client.in_project('conversation(id: "c1") { usage { inputTokens outputTokens } }')
    assert found["conversation"]["usage"] == {"inputTokens": 14, "outputTokens": 6}


async def test_a_link_can_be_changed_and_undone(client: Client, database: Database) -> None:
    await client.send(said("1", "Tagged."), untagged("b1", start=1000))
    before = await dump(database)
    await link(client, "c1", "b1")
    await link(client, "c2", "b1")
    assert await conversations(client) == {"c1": 1, "c2": 1}
    assert await unlink(client, "b1") == {"unlinkedTraceIds": [trace_id("b1")]}
    assert await dump(database) == before
    # Once more changes nothing.
    await unlink(client, "b1", "a1")
    assert await dump(database) == before


async def test_linking_again_changes_nothing(client: Client, database: Database) -> None:
    await client.send(untagged("b1"))
    answer = await link(client, "c1", "b1")
    before = await dump(database)
    assert await link(client, "c1", "b1") == answer
    assert await dump(database) == before


async def test_each_of_several_mutations_answers_what_is_true_after_it(client: Client) -> None:
    await client.send(untagged("b1"), untagged("b2", start=1000))
    data = await client.ask(
        """mutation($one: LinkTracesInput!, $two: LinkTracesInput!) {
            one: linkTraces(input: $one) { conversation { turns { edges { node { traceId } } } } }
            two: linkTraces(input: $two) { conversation { turns { edges { node { traceId } } } } }
        }""",
        one=links("c1", "b1"),
        two=links("c1", "b2"),
    )
    assert [len(data[name]["conversation"]["turns"]["edges"]) for name in ("one", "two")] == [1, 2]


# -- what a link survives ---------------------------------------------------------------------------------------------


async def test_a_link_stays_when_spans_are_sent_again_or_come_late(client: Client) -> None:
    await client.send(untagged("b1", "First."))
    await link(client, "c1", "b1")
    await client.send(untagged("b1", "First, again."), untagged("b1", "Second.", span="2", start=10))
    assert await chat(client, "c1") == [("b1", ["First, again.", "Second."])]
    assert await minimap(client, "c1") == [[("b1", "1"), ("b1", "2")]]
    assert await conversations(client) == {"c1": 1}


async def test_a_link_stays_when_log_records_arrive(client: Client) -> None:
    await client.send(untagged("b1", ""))
    await link(client, "c1", "b1")
    record = {
        "traceId": trace_id("b1"),
        "spanId": span_id("1"),
        "eventName": "gen_ai.choice",
        "body": json_value({"message": {"content": "From a log."}}),
    }
    body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}).encode()
    await client.export(body, path="/v1/logs", content_type="application/json")
    assert await chat(client, "c1") == [("b1", ["From a log."])]


async def test_a_link_stays_when_all_is_rebuilt(client: Client, database: Database, database_url: str) -> None:
    await client.send(said("1", "Tagged."), untagged("b1", start=1000))
    await link(client, "c1", "b1")
    before = await dump(database)
    async with database.write() as writer:
        for table in ("turn", "message", "conversation"):
            await writer.execute(f"delete from {table}")
    arguments = ["reproject", "--all", "--database-url", database_url]
    assert (await asyncio.to_thread(CliRunner().invoke, main, arguments)).exit_code == 0
    assert await dump(database) == before


async def test_an_id_that_a_span_carries_counts_more_than_a_link(client: Client, database: Database) -> None:
    """The link rests: it can be taken away then, and counts again where the span loses its id."""
    await client.send(untagged("b1", "First."))
    await link(client, "c1", "b1")
    linked = await dump(database)
    await client.send(said("1", "First.", conversation="c9", trace="b1"))
    assert await conversations(client) == {"c9": 1}
    assert await minimap(client, "c1", "c9") == [[], [("b1", "1")]]
    await client.send(untagged("b1", "First."))
    assert await dump(database) == linked
    await client.send(said("1", "First.", conversation="c9", trace="b1"))
    await unlink(client, "b1")
    await client.send(untagged("b1", "First."))
    assert await conversations(client) == {"b1": 1}


async def test_links_and_spans_at_the_same_time_end_as_one_after_the_other(client: Client, database: Database) -> None:
    labels = [f"b{n:02}" for n in range(20)]
    await client.send(*(untagged(label, start=n) for n, label in enumerate(labels)))

    async def send_more() -> None:
        for n, label in enumerate(labels):
            await client.send(untagged(label, "More.", span="2", start=n + 0.5))

    await asyncio.gather(
        send_more(),
        *(link(client, "c1", *labels[:12]) for _ in range(3)),
        *(link(client, "c2", *reversed(labels[12:])) for _ in range(3)),
    )
    assert await conversations(client) == {"c1": 12, "c2": 8}
    found = await dump(database)
    assert {row["conversation_id"]: row["span_count"] for row in found["conversation"]} == {"c1": 24, "c2": 16}


# -- ids --------------------------------------------------------------------------------------------------------------


async def test_trace_ids_may_be_in_either_case(client: Client) -> None:
    await client.send(untagged("b1"))
    given = links("c1") | {"traceIds": [trace_id("B1"), trace_id("b1")]}
    answer = (await client.ask(LINK, i=given))["linkTraces"]
    assert (answer["linkedTraceIds"], answer["conversation"]["turnCount"]) == ([trace_id("b1")], 1)


@pytest.mark.parametrize("conversation", ["c" * 3000, "c\0d", "ü" * 513, " "])
async def test_odd_conversation_ids_are_those_that_spans_would_make(client: Client, conversation: str) -> None:
    await client.send(said("1", "Tagged.", conversation=conversation), untagged("b1", start=1000))
    assert (await link(client, conversation, "b1"))["conversation"]["turnCount"] == 2
    assert len(await chat(client, conversation)) == 2
    assert await minimap(client, conversation) == [[("a1", "1"), ("b1", "1")]]


# -- what is refused --------------------------------------------------------------------------------------------------


async def test_traces_with_an_id_are_refused_by_name_and_nothing_is_linked(client: Client, database: Database) -> None:
    await client.send(
        untagged("b1"), said("1", "Tagged."), untagged("b2"), said("2", "Tagged, too.", conversation="c2", trace="b2")
    )
    before = await dump(database)
    assert await client.error(LINK, i=links("c1", "b2", "b1", "a1")) == (
        "TRACES_HAVE_CONVERSATION",
        f"Spans of these traces carry a conversation id, so they can't be linked: {trace_id('a1')}, {trace_id('b2')}.",
    )
    assert await dump(database) == before


async def test_unknown_traces_are_refused_by_name_and_leave_nothing_behind(client: Client, database: Database) -> None:
    await client.send(untagged("b1"))
    before = await dump(database)
    message = f"No spans of these traces are here: {trace_id('b2')}, {trace_id('b3')}."
    assert await client.error(LINK, i=links("c1", "b3", "b1", "b2")) == ("UNKNOWN_TRACES", message)
    assert await client.error(UNLINK, i=traces("b3", "b1", "b2")) == ("UNKNOWN_TRACES", message)
    assert await dump(database) == before
    # Those of another project are unknown, too; and no project is made.
    code, _ = await client.error(LINK, i=links("c1", "b1", project="acme/other"))
    assert code == "UNKNOWN_TRACES"
    assert await client.ask('{ project(id: "acme/other") { id } }') == {"project": None}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"traceIds": []}, "traceIds holds 1 to 200 ids, got 0: link in several requests."),
        (
            {"traceIds": [f"{n:032x}" for n in range(201)]},
            "traceIds holds 1 to 200 ids, got 201: link in several requests.",
        ),
        ({"traceIds": ["b1"]}, "A trace id is 32 hex digits, got 'b1'."),
        ({"traceIds": ["\0" * 100]}, f"A trace id is 32 hex digits, got {chr(0xFFFD) * 64!r}."),
        ({"conversationId": ""}, "conversationId is empty: unlinkTraces undoes links."),
    ],
)
async def test_what_cannot_be_linked_is_told(client: Client, given: dict[str, Any], message: str) -> None:
    await client.send(untagged("b1"))
    assert await client.error(LINK, i=links("c1", "b1") | given) == ("INVALID_LINK", message)


async def test_the_most_traces_that_fit_are_linked_at_once(client: Client) -> None:
    labels = [f"{n:x}" for n in range(1, 201)]
    await client.send(*(untagged(label, start=n) for n, label in enumerate(labels)))
    assert (await link(client, "c1", *labels))["conversation"]["turnCount"] == 200


# -- the minimap ------------------------------------------------------------------------------------------------------


async def test_the_minimap_merges_tagged_and_linked_spans_by_start(client: Client) -> None:
    await client.send(
        said("1", start=0),
        said("2", start=200),
        untagged("b1", start=100, span="3"),
        untagged("b2", start=200, span="1"),
        untagged("b2", start=400, span="4"),
    )
    await link(client, "c1", "b1", "b2")
    expected = [("a1", "1"), ("b1", "3"), ("b2", "1"), ("a1", "2"), ("b2", "4")]
    assert await minimap(client, "c1") == [expected]
    window = {"started_after": "2026-01-01T00:00:00.100Z", "started_before": "2026-01-01T00:00:00.400Z"}
    assert await minimap(client, "c1", **window) == [expected[1:4]]
    for last in range(6):
        found = await client.in_project(f'conversation(id: "c1") {{ spans(last: {last}) {{ traceId spanId name }} }}')
        spans = [(s["traceId"].lstrip("0"), s["spanId"].lstrip("0")) for s in found["conversation"]["spans"]]
        assert spans == expected[5 - last :]


async def test_feedback_on_a_linked_trace_marks_the_minimap(client: Client) -> None:
    await client.send(said("1"), untagged("b1", start=100))
    await link(client, "c1", "b1")
    await client.feedback({"traceId": trace_id("b1")}, "wandb.agent_user_feedback", tags=["+1"])
    [conversation] = await client.spans(["c1"])
    assert [marker["trace_id"] for marker in conversation["spans_feedback"]] == [trace_id("b1")]


async def test_untagged_spans_cost_a_statement_only_where_there_are_any(client: Client, queries: Queries) -> None:
    await client.send(said("1"), untagged("b1", start=100), untagged("b2", start=200))

    async def span_statements(*ids: str) -> int:
        before = len(queries.statements)
        await client.spans(ids)
        return sum(" from span s " in statement for statement in queries.statements[before:])

    assert await span_statements("c1", "unknown", trace_id("b9"), "") == 1
    assert await span_statements("c1", trace_id("b1"), trace_id("b2")) == 2
    await link(client, "c1", "b1", "b2")
    assert await span_statements("c1", trace_id("b1"), trace_id("b2")) == 2
    assert await span_statements(trace_id("b1")) == 1


async def test_linked_spans_are_found_by_indexes(client: Client, queries: Queries, database: Database) -> None:
    await client.send(*(untagged(f"{n:x}", start=n) for n in range(1, 300)))
    await link(client, "c1", "1", "2")
    async with database.write() as writer:
        await writer.execute("analyze span; analyze turn")
    before = len(queries.statements)
    await client.spans(["c1"])
    [_, statement] = [found for found in queries.statements[before:] if "limit $3" in found]
    async with database.read() as reader:
        lines = await reader.fetch(f"explain (costs off) {statement}", 1, ["c1"], 200)
    plan = [line["QUERY PLAN"].strip() for line in lines]
    assert [line for line in plan if "Seq Scan" in line] == []
    assert any("using pk_span on span s" in line or "on pk_span" in line for line in plan)
