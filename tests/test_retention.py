"""What a project keeps for a time only: past it content is erased and turns are deleted, by the server itself."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from app.upkeep import Upkeep
from db.engine import Database
from tests.canary import places_of
from tests.client import PROJECT, T0_NS, Client, said, trace_id
from tests.dump import dump
from tests.otlp_requests import any_value

AGED = "before turns logRecords"
SHOWN = f"contentDays rowsDays contentToErase {{ {AGED} }} rowsToDelete {{ {AGED} }} erasedTurns deletedTurns"
UPDATE = f"mutation($i: UpdateProjectInput!) {{ updateProject(input: $i) {{ project {{ retention {{ {SHOWN} }} }} }} }}"

NOW_MS = datetime.now(UTC).timestamp() * 1000 - T0_NS / 10**6
DAY_MS = 86_400_000


async def keep(client: Client, project: str = PROJECT, **days: int | None) -> Any:
    data = await client.ask(UPDATE, i={"projectId": project, **days})
    return data["updateProject"]["project"]["retention"]


async def retention(client: Client, arguments: str = "") -> Any:
    return (await client.in_project(f"retention{arguments} {{ {SHOWN} }}"))["retention"]


async def done(client: Client) -> Any:
    """The same, once nothing is left to go."""
    async with asyncio.timeout(60):
        while True:
            found = await retention(client)
            aged = [found[name] for name in ("contentToErase", "rowsToDelete") if found[name]]
            if not any(one["turns"] or one["logRecords"] for one in aged):
                # What went was read before what is left.
                return await retention(client)
            await asyncio.sleep(0.01)


async def log(client: Client, text: str, days_ago: float) -> None:
    request = ExportLogsServiceRequest()
    at = T0_NS + round((NOW_MS - days_ago * DAY_MS) * 10**6)
    request.resource_logs.add().scope_logs.add(log_records=[LogRecord(time_unix_nano=at, body=any_value(text))])
    assert (await client.export(request.SerializeToString(), path="/v1/logs")).content == b""


async def talk(client: Client, project: str = PROJECT) -> None:
    """A conversation with a turn of each age, in days."""
    for number, days in enumerate((400, 40, 20, 1)):
        start = NOW_MS - days * DAY_MS
        turn = said(f"{number}1", f"aged {days} days", trace=f"a{number}", start=start, end=start + 50)
        await client.send(turn, project=project)


async def texts(client: Client, project: str = PROJECT) -> list[str]:
    return [turn["messages"][0]["assistant_message"]["text"] for turn in (await client.chat("c1", project))["turns"]]


async def test_content_and_turns_go_at_their_ages(client: Client, database: Database) -> None:
    await talk(client)
    await talk(client, "acme/other")
    await log(client, "aged canary", 40)
    await log(client, "young", 1)
    await client.feedback({"traceId": trace_id("a0")}, "x")
    shown = await keep(client, retentionContentDays=30, retentionRowsDays=100)
    assert (shown["contentDays"], shown["rowsDays"]) == (30, 100)
    found = await done(client)
    assert (found["erasedTurns"], found["deletedTurns"]) == (1, 1)
    assert await texts(client) == ["", "aged 20 days", "aged 1 days"]
    assert await texts(client, "acme/other") == ["aged 400 days", "aged 40 days", "aged 20 days", "aged 1 days"]
    assert await places_of(database, "canary") == set()
    stored = await dump(database)
    assert len(stored["log_record"]) == 2
    assert stored["feedback"] == []
    assert len(stored["trace"]) == 3


async def test_a_conversation_goes_with_its_last_turn(client: Client, database: Database) -> None:
    await client.send(said("10", "a canary"))
    await client.feedback({"conversationId": "c1"}, "x", payload={"why": "canary"})
    await client.feedback({"conversationId": "to come"}, "x")
    await keep(client, retentionRowsDays=10)
    await done(client)
    assert await places_of(database, "canary") == set()
    stored = await dump(database)
    assert [row["conversation_id"] for row in stored.pop("feedback")] == ["to come"]
    assert {name: rows for name, rows in stored.items() if rows} == {}


async def test_what_would_go_is_told_before(client: Client) -> None:
    await talk(client)
    await log(client, "old", 40)
    found = await retention(client, "(contentDays: 10, rowsDays: 30)")
    assert {name: found[name] for name in ("contentDays", "rowsDays", "erasedTurns", "deletedTurns")} == {
        "contentDays": 10,
        "rowsDays": 30,
        "erasedTurns": 0,
        "deletedTurns": 0,
    }
    assert {name: found["contentToErase"][name] for name in ("turns", "logRecords")} == {"turns": 3, "logRecords": 1}
    assert {name: found["rowsToDelete"][name] for name in ("turns", "logRecords")} == {"turns": 2, "logRecords": 1}
    assert await retention(client) == {
        "contentDays": None,
        "rowsDays": None,
        "contentToErase": None,
        "rowsToDelete": None,
        "erasedTurns": 0,
        "deletedTurns": 0,
    }
    assert len(await texts(client)) == 4


async def test_settings_change_one_by_one(client: Client) -> None:
    await keep(client, retentionContentDays=30)
    await keep(client, retentionRowsDays=100)
    data = await client.ask(
        "mutation($i: UpdateProjectInput!) { updateProject(input: $i) { project { untaggedTraces } } }",
        i={"projectId": PROJECT, "untaggedTraces": "HIDDEN"},
    )
    assert data["updateProject"]["project"] == {"untaggedTraces": "HIDDEN"}
    shown = await keep(client, retentionContentDays=None)
    assert (shown["contentDays"], shown["rowsDays"]) == (None, 100)
    assert await client.in_project("untaggedTraces") == {"untaggedTraces": "HIDDEN"}


@pytest.mark.parametrize("days", [0, -1, 36_501])
async def test_days_are_bounded(client: Client, days: int) -> None:
    expected = ("INVALID_RETENTION", f"Days are 1 to 36500, got {days}; null keeps for good.")
    assert await client.error(UPDATE, i={"projectId": PROJECT, "retentionRowsDays": days}) == expected
    await client.send(said("10"))
    assert await client.error_in_project(f"retention(contentDays: {days}) {{ contentDays }}") == expected


@pytest.mark.parametrize("turns_of_the_loop", range(6))
async def test_a_server_ends_however_late_it_was_told_to_look(database: Database, turns_of_the_loop: int) -> None:
    upkeep = Upkeep(database)
    async with asyncio.timeout(10), upkeep.running():
        await asyncio.sleep(0.01)
        upkeep.start()
        for _ in range(turns_of_the_loop):
            await asyncio.sleep(0)


async def test_many_are_taken_away_in_steps_by_several_servers(client: Client, database: Database) -> None:
    """As after a restart: each server looks by itself, one works at a time."""
    await client.send(*(said(f"{n:x}", f"canary {n}", trace=f"a{n:x}", conversation=f"c{n}") for n in range(1, 131)))
    async with database.write() as writer:
        await writer.execute("update project set retention_rows_days = 5")
    servers = [Upkeep(database) for _ in range(3)]
    async with servers[0].running(), servers[1].running(), servers[2].running():
        for server in servers:
            server.start()
        found = await done(client)
    # Each of the traces alone was one turn.
    assert found["deletedTurns"] == 130
    assert await places_of(database, "canary") == set()
