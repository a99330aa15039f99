"""Logfire's pending spans: sent when a span starts, and replaced by it when it ends."""

import random
from dataclasses import replace

import pytest

from app.ingest import reproject_traces
from db.engine import Database
from tests.client import Client, Sent, said, span_id, trace_id
from tests.dump import dump

AGENT = {"gen_ai.conversation.id": "c1", "gen_ai.agent.name": "Bot", "gen_ai.request.model": "m"}
SPENT = {"gen_ai.usage.input_tokens": 7}
RUN = [
    Sent("10", "invoke_agent Bot", end=900, attributes=AGENT),
    said("11", "Here.", parent="10", start=10, end=300, attributes=SPENT),
    Sent("12", "execute_tool look", parent="10", start=310, end=400, attributes={"gen_ai.conversation.id": "c1"}),
]


def pending(span: Sent) -> Sent:
    """What Logfire sends as the span starts: no result yet, an id of its own, and the span as its parent."""
    kept = {key: value for key, value in span.attributes.items() if key in AGENT}
    real_parent = span_id(span.parent) if span.parent else "0" * 16
    marks = {"logfire.span_type": "pending_span", "logfire.pending_parent_id": real_parent}
    return replace(span, span="f" + span.span, parent=span.span, end=span.start, attributes=kept | marks)


async def test_a_pending_span_shows_as_the_span_that_it_announces(client: Client) -> None:
    await client.send(pending(RUN[0]), pending(RUN[2]))
    query = (
        """{ project(id: "acme/support") { conversation(id: "c1") { spans { spanId parentSpanId name endedAt } } } }"""
    )
    assert (await client.ask(query))["project"]["conversation"]["spans"] == [
        {"spanId": span_id("10"), "parentSpanId": None, "name": "invoke_agent Bot", "endedAt": None},
        {"spanId": span_id("12"), "parentSpanId": span_id("10"), "name": "execute_tool look", "endedAt": None},
    ]


@pytest.mark.parametrize("seed", range(5))
async def test_nothing_stays_of_pending_spans_in_whatever_order_they_come(
    client: Client, database: Database, seed: int
) -> None:
    await client.send(*RUN, project="acme/final")
    shuffled, pick = RUN + [pending(span) for span in RUN], random.Random(seed)
    pick.shuffle(shuffled)
    while shuffled:
        size = pick.randint(1, 4)
        await client.send(*shuffled[:size], project="acme/both")
        del shuffled[:size]
    assert await dump(database, "acme/both") == await dump(database, "acme/final")


async def test_pending_spans_that_were_stored_as_spans_go_when_they_are_read_again(
    client: Client, database: Database
) -> None:
    await client.send(*RUN)
    expected = await dump(database)
    await client.send(pending(RUN[1]), project="acme/other")
    async with database.write() as writer:
        for table in ("span", "span_content"):
            columns = "*" if table == "span" else "project_id, trace_id, span_id, digest, raw"
            await writer.execute(
                f"""
                create temporary table moved_{table} on commit drop as select {columns} from {table}
                where project_id = (select project_id from project where name = 'other')"""
            )
            await writer.execute(
                f"""
                update moved_{table} set span_id = '{span_id("f11")}',
                project_id = (select project_id from project where name = 'support')"""
            )
            await writer.execute(f"insert into {table} select * from moved_{table}")
        row = await writer.fetch("select project_id from project where name = 'support'")
    await reproject_traces(database, row[0]["project_id"], [trace_id("a1")])
    assert await dump(database) == expected


@pytest.mark.parametrize(
    "attributes",
    [
        {"logfire.span_type": "pending_span", "logfire.pending_parent_id": 7},
        {"logfire.span_type": "pending_span"},
        {"logfire.span_type": ["pending_span"], "logfire.pending_parent_id": {}},
    ],
)
async def test_odd_marks_do_no_harm(client: Client, attributes: dict[str, object]) -> None:
    await client.send(Sent("10", attributes=AGENT | attributes), Sent("11", parent="10", attributes=AGENT | attributes))
    assert (await client.spans(["c1"]))[0]["spans"]
