"""A project's choice for traces without a conversation id: conversations of their own, or hidden until linked."""

import asyncio
import json
import random
from typing import Any

import pytest
from asgi_lifespan import LifespanManager
from click.testing import CliRunner

from app.cli import main
from app.main import create_app
from app.reproject import TRACES_AT_ONCE, Placing
from app.settings import Settings
from db import projects, traces
from db.engine import Database
from db.turns import TurnPosition
from domain.records import UntaggedTraces
from tests.client import PROJECT, Client, Sent, json_value, said, span_id, trace_id
from tests.conftest import Queries
from tests.dump import dump

UPDATE = """mutation($i: UpdateProjectInput!) {
    updateProject(input: $i) { project { projectId untaggedTraces } }
}"""

UNLINKED = "unlinkedTraces { edges { node { traceId conversationId } } }"


def untagged(trace: str, text: str = "Hello.", *, start: float = 0, span: str = "1", **fields: Any) -> Sent:
    return said(span, text, conversation="", trace=trace, start=start, **fields)


MIXED = [
    said("1", "Tagged."),
    said("1", "Partly tagged.", trace="a2", start=500),
    untagged("a2", "Partly untagged.", span="2", start=600),
    untagged("b1", "Untagged.", start=1000),
    untagged("b1", "Below.", span="2", parent="1", start=1001),
    Sent("1", "GET /", trace="b2", start=2000),
    untagged("b3", "Untagged, too.", start=3000),
    untagged("b4", "Linked.", start=4000),
]
LINKED = "b4"


async def choose(client: Client, chosen: str, project: str = PROJECT) -> None:
    """Change the setting, and wait for the traces that are stored."""
    data = await client.ask(UPDATE, i={"projectId": project, "untaggedTraces": chosen})
    assert data["updateProject"]["project"] == {"projectId": project, "untaggedTraces": chosen}
    await rebuilt(client, project)


async def rebuilt(client: Client, project: str = PROJECT) -> None:
    async with asyncio.timeout(60):
        while (await client.in_project("tracesToRebuild", project))["tracesToRebuild"]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def link(client: Client, conversation: str, *labels: str, project: str = PROJECT) -> None:
    ids = [trace_id(label) for label in labels]
    await client.ask(
        "mutation($i: LinkTracesInput!) { linkTraces(input: $i) { linkedTraceIds } }",
        i={"projectId": project, "conversationId": conversation, "traceIds": ids},
    )


async def unlink(client: Client, *labels: str) -> None:
    await client.ask(
        "mutation($i: UnlinkTracesInput!) { unlinkTraces(input: $i) { unlinkedTraceIds } }",
        i={"projectId": PROJECT, "traceIds": [trace_id(label) for label in labels]},
    )


async def conversations(client: Client, project: str = PROJECT) -> dict[str, int]:
    """How many turns each conversation of the list has."""
    found = await client.in_project("conversations { edges { node { conversationId turnCount } } }", project)
    return {
        edge["node"]["conversationId"].lstrip("0"): edge["node"]["turnCount"]
        for edge in found["conversations"]["edges"]
    }


async def unlinked(client: Client) -> list[tuple[str, str]]:
    """Trace and conversation of the traces that could be linked."""
    found = await client.in_project(UNLINKED)
    nodes = [edge["node"] for edge in found["unlinkedTraces"]["edges"]]
    return [(node["traceId"].lstrip("0"), node["conversationId"].lstrip("0")) for node in nodes]


async def waiting(database: Database, count: int) -> None:
    """Until so many statements wait for a lock."""
    async with asyncio.timeout(60):
        while True:
            async with database.read() as reader:
                found = await reader.fetchval(
                    "select count(*) from pg_stat_activity where datname = current_database() "
                    "and wait_event_type = 'Lock'"
                )
            if found >= count:
                return
            await asyncio.sleep(0.01)


async def set_in_database(database: Database, chosen: UntaggedTraces) -> None:
    """As by a server that ended before it could place the traces that were stored."""
    async with database.write() as writer:
        project = await projects.ensure_project(writer, *PROJECT.split("/"), alone=True)
        await projects.set_untagged_traces(writer, project, chosen)


async def reproject(database_url: str, *options: str) -> str:
    arguments = ["reproject", "--database-url", database_url, *options]
    result = await asyncio.to_thread(CliRunner().invoke, main, arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


# -- what is shown ----------------------------------------------------------------------------------------------------


async def test_unless_told_otherwise_they_are_conversations(client: Client) -> None:
    await client.send(*MIXED)
    assert await client.in_project("untaggedTraces tracesToRebuild") == {
        "untaggedTraces": "CONVERSATIONS",
        "tracesToRebuild": 0,
    }
    assert await conversations(client) == {"c1": 2, "b1": 1, "b3": 1, "b4": 1}


async def test_the_choice_can_be_made_before_the_first_span(client: Client) -> None:
    await choose(client, "HIDDEN")
    await client.send(*MIXED)
    assert await conversations(client) == {"c1": 2}
    assert (await client.in_project("untaggedTraces"))["untaggedTraces"] == "HIDDEN"


async def test_a_hidden_trace_is_in_no_conversation(client: Client) -> None:
    await choose(client, "HIDDEN")
    await client.send(untagged("b1", attributes={"gen_ai.request.model": "m"}))
    own = trace_id("b1")
    assert await client.in_project(f'conversation(id: "{own}") {{ turnCount }} conversations {{ totalCount }}') == {
        "conversation": None,
        "conversations": {"totalCount": 0},
    }
    assert (await client.chat(own))["turns"] == []
    assert (await client.spans([own]))[0]["spans"] == []


async def test_a_hidden_trace_is_still_found(client: Client) -> None:
    """As Weave pages it, by its trace id, and among those that could be linked."""
    await choose(client, "HIDDEN")
    await client.send(*MIXED)
    assert [turn["trace_id"].lstrip("0") for turn in (await client.chat(""))["turns"]] == [
        "a2",
        "b1",
        "b2",
        "b3",
        "b4",
    ]
    found = await client.in_project(
        f"""turn(conversationId: "", traceId: "{trace_id("b1")}") {{
            conversationId conversationIdSource conversation {{ name }} spans {{ spanId }}
            messages {{ ... on AssistantMessage {{ text }} }}
        }}"""
    )
    assert found["turn"] == {
        "conversationId": "",
        "conversationIdSource": None,
        "conversation": None,
        "spans": [{"spanId": span_id("1")}, {"spanId": span_id("2")}],
        "messages": [{"text": "Below."}, {"text": "Untagged."}],
    }
    assert await unlinked(client) == [("b4", ""), ("b3", ""), ("b1", "")]


async def test_the_same_traces_can_be_linked_whether_hidden_or_not(client: Client) -> None:
    await client.send(*MIXED)
    shown = await unlinked(client)
    assert shown == [("b4", "b4"), ("b3", "b3"), ("b1", "b1")]
    await choose(client, "HIDDEN")
    assert await unlinked(client) == [(trace, "") for trace, _ in shown]


async def test_a_page_of_traces_stays_put_while_they_are_hidden(client: Client) -> None:
    await client.send(*(untagged(f"b{n}", start=n) for n in range(5)))
    first = await client.in_project("unlinkedTraces(first: 2) { pageInfo { endCursor } }")
    await choose(client, "HIDDEN")
    after = first["unlinkedTraces"]["pageInfo"]["endCursor"]
    rest = await client.in_project(f'unlinkedTraces(after: "{after}") {{ edges {{ node {{ traceId }} }} }}')
    assert [edge["node"]["traceId"] for edge in rest["unlinkedTraces"]["edges"]] == [
        trace_id(label) for label in ("b2", "b1", "b0")
    ]


async def test_a_project_chooses_for_itself_alone(client: Client, database: Database) -> None:
    await client.send(*MIXED)
    await client.send(*MIXED, project="acme/other")
    before = await dump(database, "acme/other")
    await choose(client, "HIDDEN")
    assert await dump(database, "acme/other") == before
    assert (await client.in_project("untaggedTraces", "acme/other"))["untaggedTraces"] == "CONVERSATIONS"


# -- links and late ids -----------------------------------------------------------------------------------------------


async def test_a_hidden_trace_can_be_linked_and_is_hidden_again_without_the_link(client: Client) -> None:
    await choose(client, "HIDDEN")
    await client.send(*MIXED)
    await link(client, "c1", "b1", "b2")
    assert await conversations(client) == {"c1": 4}
    assert await unlinked(client) == [("b4", ""), ("b3", "")]
    await unlink(client, "b1", "b2")
    assert await conversations(client) == {"c1": 2}
    assert await unlinked(client) == [("b4", ""), ("b3", ""), ("b1", "")]


@pytest.mark.parametrize("chosen", ["HIDDEN", "CONVERSATIONS"])
async def test_linked_traces_stay_where_they_are(client: Client, database: Database, chosen: str) -> None:
    await choose(client, "CONVERSATIONS" if chosen == "HIDDEN" else "HIDDEN")
    await client.send(*MIXED)
    await link(client, "c1", LINKED)
    await link(client, trace_id("b1"), "b3")

    async def linked_turns() -> list[dict[str, Any]]:
        return [row for row in (await dump(database))["turn"] if row["conversation_id_source"] == "link"]

    before = await linked_turns()
    assert [row["trace_id"] for row in before] == [trace_id("b3"), trace_id("b4")]
    await choose(client, chosen)
    assert await linked_turns() == before
    assert await conversations(client) == {"c1": 3, "b1": 1 if chosen == "HIDDEN" else 2}


async def test_a_hidden_trace_appears_once_a_span_of_it_carries_an_id(client: Client) -> None:
    await choose(client, "HIDDEN")
    await client.send(untagged("b1"))
    assert await unlinked(client) == [("b1", "")]
    await client.send(said("2", "With an id.", trace="b1", start=1))
    assert await conversations(client) == {"c1": 1}
    assert await unlinked(client) == []


async def test_a_late_log_record_leaves_a_trace_hidden(client: Client) -> None:
    await choose(client, "HIDDEN")
    await client.send(untagged("b1", ""))
    record = {
        "traceId": trace_id("b1"),
        "spanId": span_id("1"),
        "eventName": "gen_ai.choice",
        "body": json_value({"message": {"content": "Said later."}}),
    }
    body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}).encode()
    await client.export(body, path="/v1/logs", content_type="application/json")
    assert await conversations(client) == {}
    [turn] = (await client.chat(""))["turns"]
    assert [message["assistant_message"]["text"] for message in turn["messages"]] == ["Said later."]


# -- what is stored already -------------------------------------------------------------------------------------------


async def test_there_and_back_leaves_what_a_fresh_project_has(client: Client, database: Database) -> None:
    many = [untagged(f"d{n:03x}", f"Turn {n}", start=5000 + n % 7) for n in range(TRACES_AT_ONCE * 2 + 5)]
    await choose(client, "HIDDEN", "acme/hidden")
    for project in (PROJECT, "acme/hidden", "acme/shown"):
        await client.send(*MIXED, *many, project=project)
        await link(client, "c1", LINKED, project=project)
    hidden, shown = await dump(database, "acme/hidden"), await dump(database, "acme/shown")
    assert (len(hidden["conversation"]), len(shown["conversation"])) == (1, 3 + len(many))
    for chosen, same_as in (("HIDDEN", hidden), ("HIDDEN", hidden), ("CONVERSATIONS", shown), ("HIDDEN", hidden)):
        await choose(client, chosen)
        assert await dump(database) == same_as


@pytest.mark.parametrize("chosen", UntaggedTraces)
async def test_what_a_server_that_ended_had_left_is_placed_by_the_next(
    client: Client, database: Database, settings: Settings, chosen: UntaggedTraces
) -> None:
    await choose(client, "CONVERSATIONS" if chosen is UntaggedTraces.HIDDEN else "HIDDEN")
    await client.send(*MIXED)
    await set_in_database(database, chosen)
    assert (await client.in_project("tracesToRebuild"))["tracesToRebuild"] == 3
    async with LifespanManager(create_app(settings, database, resume=True)):
        await rebuilt(client)
    own = {} if chosen is UntaggedTraces.HIDDEN else {"b1": 1, "b3": 1, "b4": 1}
    assert await conversations(client) == {"c1": 2, **own}


async def test_the_command_goes_on_with_what_was_left(client: Client, database: Database, database_url: str) -> None:
    await client.send(*MIXED)
    await set_in_database(database, UntaggedTraces.HIDDEN)
    async with database.write() as writer:
        # Of an earlier version besides: it is rebuilt once.
        await writer.execute("update trace set projection_version = 0 where trace_id = $1", trace_id("b1"))
    assert await reproject(database_url) == "Rebuilt 3 traces of acme/support.\n"
    assert await conversations(client) == {"c1": 2}
    assert await reproject(database_url) == "All traces are up to date: --all rebuilds them anyway.\n"


async def test_what_is_rebuilt_stays_hidden(client: Client, database: Database, database_url: str) -> None:
    await choose(client, "HIDDEN")
    await client.send(*MIXED)
    before = await dump(database)
    await reproject(database_url, "--all")
    assert await dump(database) == before


async def test_a_server_goes_on_once_its_database_is_back(
    client: Client, database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await client.send(*MIXED)
    await set_in_database(database, UntaggedTraces.HIDDEN)
    monkeypatch.setattr("app.reproject.RETRY_S", 0.01)
    own = Database(database_url)
    placing = Placing(own)
    async with placing.running():
        placing.start()
        await asyncio.sleep(0.05)
        await own.open()
        await rebuilt(client)
    await own.close()
    assert await conversations(client) == {"c1": 2}


async def test_a_failure_is_told_and_the_next_change_tries_again(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("broken")

    await client.send(*MIXED)
    with monkeypatch.context() as patch:
        patch.setattr("app.reproject._rebuild_turns", fail)
        await client.ask(UPDATE, i={"projectId": PROJECT, "untaggedTraces": "HIDDEN"})
        async with asyncio.timeout(60):
            while not caplog.messages:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    assert caplog.messages == ["traces could not be placed as their projects want them: `turngraph reproject` goes on"]
    await choose(client, "HIDDEN")
    assert await conversations(client) == {"c1": 2}


async def test_traces_that_are_to_be_placed_are_found_by_an_index(
    client: Client, queries: Queries, database: Database
) -> None:
    await client.send(*(untagged(f"{n:x}", start=n * 1000) for n in range(1, 300)))
    await set_in_database(database, UntaggedTraces.HIDDEN)
    async with database.write() as writer:
        await writer.execute("analyze turn")
    async with database.read() as reader:
        [newest] = await traces.list_misplaced_traces(reader, 1, after=None, limit=1)
        assert newest.trace_id == trace_id("12b")
        found = await traces.list_misplaced_traces(reader, 1, after=newest, limit=2)
        assert [position.trace_id for position in found] == [trace_id("12a"), trace_id("129")]
        await asyncio.sleep(0)  # Statements are recorded a step later.
        statement = queries.statements[-1]
        lines = await reader.fetch(f"explain (costs off) {statement}", 1, 2, *TurnPosition(*newest))
    plan = "\n".join(line["QUERY PLAN"] for line in lines)
    assert plan.startswith("Limit")
    assert "Index Scan Backward using ix_turn_unlinked on turn t" in plan


# -- at the same time as spans ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("last", ["HIDDEN", "CONVERSATIONS"])
async def test_spans_may_arrive_while_the_choice_changes(client: Client, database: Database, last: str) -> None:
    """Whoever comes first, in the end every trace is where the last choice wants it."""
    sent = [
        untagged(f"b{trace:02x}", f"Span {span}", span=f"{span}", start=100 * trace + span)
        for trace in range(40)
        for span in range(1, 4)
    ]
    await choose(client, last, "acme/ordered")
    await client.send(*sent, project="acme/ordered")
    shuffled = sent * 2
    random.Random(4).shuffle(shuffled)

    async def send(spans: list[Sent]) -> None:
        for span in spans:
            await client.send(span)

    async def change() -> None:
        for chosen in ("HIDDEN", "CONVERSATIONS") * 5 + (last,):
            await client.ask(UPDATE, i={"projectId": PROJECT, "untaggedTraces": chosen})

    await asyncio.gather(*(send(shuffled[sender::8]) for sender in range(8)), change())
    await rebuilt(client)
    assert await dump(database) == await dump(database, "acme/ordered")


async def test_a_request_that_began_before_the_change_is_placed_after_it(client: Client, database: Database) -> None:
    """It has read the earlier choice: the change waits for it, and finds what it stored."""
    await client.send(untagged("b1"))
    async with database.write() as writer:
        await writer.execute("select from trace where trace_id = $1 for update", trace_id("b1"))
        sending = asyncio.create_task(client.send(untagged("b1", span="2", start=1), untagged("b2", start=2)))
        await waiting(database, 1)
        changing = asyncio.create_task(choose(client, "HIDDEN"))
        await waiting(database, 2)
    await asyncio.gather(sending, changing)
    assert await conversations(client) == {}
    assert await unlinked(client) == [("b2", ""), ("b1", "")]


async def test_a_request_that_waits_for_the_change_stores_by_the_new_choice(client: Client, database: Database) -> None:
    await client.send(untagged("b1"))
    async with database.write() as writer:
        project = await projects.ensure_project(writer, *PROJECT.split("/"), alone=True)
        await projects.set_untagged_traces(writer, project, UntaggedTraces.HIDDEN)
        sending = asyncio.create_task(client.send(untagged("b2", start=1)))
        await waiting(database, 1)
    await sending
    assert await unlinked(client) == [("b2", ""), ("b1", "b1")]


@pytest.mark.parametrize("linking", [True, False])
async def test_a_link_that_is_made_while_the_choice_changes_holds(
    client: Client, database: Database, linking: bool
) -> None:
    await client.send(untagged("b1"))
    if not linking:
        await link(client, "c1", "b1")
    async with database.write() as writer:
        await writer.execute("select from trace where trace_id = $1 for update", trace_id("b1"))
        acting = asyncio.create_task(link(client, "c1", "b1") if linking else unlink(client, "b1"))
        await waiting(database, 1)
        changing = asyncio.create_task(choose(client, "HIDDEN"))
        await waiting(database, 2)
    await asyncio.gather(acting, changing)
    assert await conversations(client) == ({"c1": 1} if linking else {})
    assert await unlinked(client) == ([] if linking else [("b1", "")])
