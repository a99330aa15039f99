"""Conversations that coding agents tell in log records alone read like any others, however the records come."""

import asyncio
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from app.cli import main
from db.engine import Database
from tests.agent_sessions import CLAUDE, CLAUDE_SESSION, CODEX, CODEX_SESSION, claude, codex, session_request, used
from tests.client import PROJECT, Client, Sent, span_id, trace_id
from tests.conftest import Queries
from tests.dump import Dump, dump


async def send(client: Client, *records: LogRecord, service: str = CLAUDE, project: str = PROJECT) -> None:
    response = await client.export(session_request(records, service), project, "/v1/logs")
    assert (response.status_code, response.content) == (200, b""), response.text


async def timeline(client: Client, conversation: str, project: str = PROJECT) -> list[list[str]]:
    """Of each turn what was said, and which tools were called; failures have a mark."""
    turns = (await client.chat(conversation, project))["turns"]
    return [[_told(message) for message in turn["messages"]] for turn in turns]


def _told(message: dict[str, Any]) -> str:
    said = (message["user_message"] or message["assistant_message"] or {}).get("text", "")
    tool = message["tool_call"]
    told = f"{tool['tool_name']} {tool['tool_arguments']} -> {tool['tool_result']}" if tool else said
    return f"{told} (failed)" if message["status_code"] == "ERROR" else told


async def stored(database: Database, project: str = PROJECT) -> Dump:
    """All tables; but a record's place in its request says how it was sent, and a trace may have been left empty."""
    found = await dump(database, project)
    for row in found["log_record"]:
        del row["sequence"]
    taken = {row["trace_id"] for row in found["span"]}
    found["trace"] = [row for row in found["trace"] if row["trace_id"] in taken]
    return found


CLAUDE_TIMELINE = [
    ["Mend the test", "I run it.", 'Bash {"command": "make test"} -> exit code 1 (failed)', "It is mended."],
    ["Push it", " (failed)", 'Bash {"full_command": "git push"} ->  (failed)'],
    ["Then leave it", "As you like."],
]
CODEX_TIMELINE = [
    [" (failed)"],
    ["Where is it?", 'shell {"command": ["ls"]} -> a.py', "In a.py."],
    ["Delete it", 'shell {"command": ["rm", "a.py"]} -> denied by the user (failed)', "I may not."],
]


async def test_a_session_of_claude_code_reads_like_any_conversation(client: Client) -> None:
    await send(client, *CLAUDE_SESSION)
    assert await timeline(client, "s1") == CLAUDE_TIMELINE
    project = await client.in_project(
        """conversation(id: "s1") {
            turnCount errorCount
            usage { inputTokens outputTokens cacheReadTokens cacheWriteTokens }
            cost { totalUsd }
            turns(first: 9) { edges { node {
                conversationIdSource dialect rootSpanName startedAt durationMs status usage { inputTokens }
            } } }
        }"""
    )
    conversation = project["conversation"]
    assert (conversation["turnCount"], conversation["errorCount"]) == (3, 3)
    assert conversation["usage"] == {
        "inputTokens": 4 * 1102,
        "outputTokens": 100,
        "cacheReadTokens": 4000,
        "cacheWriteTokens": 400,
    }
    assert conversation["cost"]["totalUsd"] == 1.0
    turns = [edge["node"] for edge in conversation["turns"]["edges"]]
    assert turns[0] == {
        "conversationIdSource": "session.id",
        "dialect": "claude-code",
        "rootSpanName": "claude_code.user_prompt",
        "startedAt": "2026-01-01T00:00:00Z",
        "durationMs": 1500,
        "status": "UNSET",
        "usage": {"inputTokens": 2204},
    }
    assert [turn["durationMs"] for turn in turns] == [1500, 1600, 500]


async def test_a_session_of_codex_reads_like_any_conversation(client: Client) -> None:
    await send(client, *CODEX_SESSION, service=CODEX)
    assert await timeline(client, "k1") == CODEX_TIMELINE
    project = await client.in_project(
        """conversation(id: "k1") {
            usage { inputTokens outputTokens cacheReadTokens reasoningTokens }
            turns(first: 9) { edges { node { conversationIdSource dialect rootSpanName durationMs } } }
        }"""
    )
    conversation = project["conversation"]
    assert conversation["usage"] == {
        "inputTokens": 400,
        "outputTokens": 80,
        "cacheReadTokens": 240,
        "reasoningTokens": 20,
    }
    assert [edge["node"] for edge in conversation["turns"]["edges"]][1:] == [
        {
            "conversationIdSource": "conversation.id",
            "dialect": "codex",
            "rootSpanName": "codex.user_prompt",
            "durationMs": length,
        }
        for length in (2001, 1501)
    ]


async def test_an_answer_has_the_numbers_of_the_call_that_brought_it(client: Client) -> None:
    await send(client, *CLAUDE_SESSION)
    [_, answer, *_] = (await client.chat("s1"))["turns"][0]["messages"]
    assert answer["assistant_message"]["text"] == "I run it."
    assert (answer["assistant_message"]["input_tokens"], answer["assistant_message"]["output_tokens"]) == (1102, 10)
    assert answer["assistant_message"]["model"] == "claude-opus-4-5"


async def test_the_spans_of_a_session_hang_below_its_prompts(client: Client) -> None:
    await send(client, *CLAUDE_SESSION)
    [conversation] = await client.spans(["s1"])
    assert len(conversation["spans"]) == 13
    data = await client.in_project(
        """conversation(id: "s1") { turns(first: 1) { edges { node {
            rootSpanId spans { name spanId parentSpanId }
        } } } }"""
    )
    [edge] = data["conversation"]["turns"]["edges"]
    root, *below = edge["node"]["spans"]
    assert root == {"name": "claude_code.user_prompt", "spanId": edge["node"]["rootSpanId"], "parentSpanId": None}
    assert {span["parentSpanId"] for span in below} == {root["spanId"]}


# -- in any order -----------------------------------------------------------------------------------------------------


BOTH = [(record, CLAUDE) for record in CLAUDE_SESSION] + [(record, CODEX) for record in CODEX_SESSION]


def requests_of(seed: int, largest: int) -> list[tuple[list[LogRecord], str]]:
    """All records at least once and some of them again, in any order, in requests of up to so many."""
    pick = Random(seed)
    pieces = BOTH + pick.sample(BOTH, 10)
    pick.shuffle(pieces)
    found: list[tuple[list[LogRecord], str]] = []
    while pieces:
        size = pick.randint(1, largest)
        for service in (CLAUDE, CODEX):
            records = [record for record, its in pieces[:size] if its == service]
            if records:
                found.append((records, service))
        del pieces[:size]
    return found


@pytest.mark.parametrize(("seed", "largest", "senders"), [(1, 1, 1), (2, 1, 1), (3, 4, 1), (4, 9, 1), (5, 3, 4)])
async def test_any_order_in_any_requests_any_number_of_times_stores_the_same(
    client: Client, database: Database, seed: int, largest: int, senders: int
) -> None:
    await send(client, *CLAUDE_SESSION, project="acme/ordered")
    await send(client, *CODEX_SESSION, service=CODEX, project="acme/ordered")
    pending = iter(requests_of(seed, largest))

    async def sender() -> None:
        for records, service in pending:
            await send(client, *records, service=service, project="acme/shuffled")

    await asyncio.gather(*(sender() for _ in range(senders)))
    ordered, shuffled = await stored(database, "acme/ordered"), await stored(database, "acme/shuffled")
    for table, rows in ordered.items():
        assert shuffled[table] == rows, table
    assert await timeline(client, "k1", "acme/shuffled") == CODEX_TIMELINE


async def test_a_prompt_that_comes_late_splits_the_turn_that_its_answers_were_put_into(client: Client) -> None:
    late = CODEX_SESSION[10]
    await send(client, *(record for record in CODEX_SESSION if record is not late), service=CODEX)
    assert [len(turn) for turn in await timeline(client, "k1")] == [1, 5]
    await send(client, late, service=CODEX)
    assert await timeline(client, "k1") == CODEX_TIMELINE


async def test_older_versions_of_claude_code_name_no_turns(client: Client) -> None:
    nameless = []
    for record in CLAUDE_SESSION:
        old = LogRecord()
        old.CopyFrom(record)
        kept = [pair for pair in old.attributes if pair.key not in ("prompt.id", "event.sequence")]
        del old.attributes[:]
        old.attributes.extend(kept)
        nameless.append(old)
    for record in reversed(nameless):
        await send(client, record)
    assert await timeline(client, "s1") == CLAUDE_TIMELINE


async def test_two_prompts_under_one_name_are_one_turn_whichever_comes_first(
    client: Client, database: Database
) -> None:
    twice = [
        claude("user_prompt", 0, "p1", prompt="Mend it"),
        claude("user_prompt", 100, "p1", prompt="The test, that is"),
        claude("api_request", 900, "p1", **used(1)),
    ]
    for project, records in (("acme/one", twice), ("acme/other", twice[::-1])):
        for record in records:
            await send(client, record, project=project)
        assert await timeline(client, "s1", project) == [["Mend it", "The test, that is"]]
    assert await stored(database, "acme/one") == await stored(database, "acme/other")


async def test_each_request_of_a_session_takes_as_many_statements_however_long_it_is(
    client: Client, queries: Queries
) -> None:
    """A session of any length costs each request the same."""
    counts = []
    for turn in range(3):
        for record in (
            codex("user_prompt", 1000 * turn, prompt=f"{turn}"),
            codex("agent_response", 1000 * turn + 9, response="a"),
        ):
            del queries.statements[:]
            await send(client, record, service=CODEX)
            counts.append(len(queries.statements))
    assert counts[2:4] == counts[4:6]


# -- what they may look like ------------------------------------------------------------------------------------------


async def test_texts_that_are_withheld_leave_turns_without_them(client: Client) -> None:
    await send(
        client,
        claude("user_prompt", 0, "p1", prompt="<REDACTED>"),
        claude("api_request", 500, "p1", **used(1)),
        claude("assistant_response", 501, "p1", response="<REDACTED>", request_id="req_1"),
        claude("tool_result", 900, "p1", tool_name="Read", tool_use_id="t1", success="true", duration_ms=5),
    )
    assert await timeline(client, "s1") == [["Read  -> "]]
    await send(client, codex("user_prompt", 0, prompt="[REDACTED]"), codex("user_prompt", 9, prompt="[REDACTED]"))
    data = await client.in_project(
        'conversation(id: "k1") { turns(first: 3) { edges { node { dialect rootSpanName } } } }'
    )
    turn = {"node": {"dialect": "codex", "rootSpanName": "codex.user_prompt"}}
    assert data["conversation"]["turns"]["edges"] == [turn, turn]


async def test_records_within_a_trace_are_told_in_it_and_once(client: Client) -> None:
    """Claude Code with its spans switched on, too: both tell of the same calls."""
    about = {"session.id": "s1"}
    usage = {key: value for key, value in used(1).items() if key not in ("cost_usd", "duration_ms")}
    spans = [
        Sent("10", "claude_code.interaction", end=2000, attributes=about | {"user_prompt": "Mend it"}),
        Sent("11", "claude_code.llm_request", parent="10", start=10, end=500, attributes=about | usage),
        Sent(
            "12",
            "claude_code.tool",
            parent="10",
            start=600,
            end=900,
            attributes=about | {"tool_name": "Bash", "tool_use_id": "toolu_1"},
        ),
    ]
    records = [
        claude("user_prompt", 1, "p1", prompt="Mend it"),
        claude("api_request", 501, "p1", **used(1)),
        claude("assistant_response", 502, "p1", request_id="req_1", response="I run it."),
        claude(
            "tool_result",
            901,
            "p1",
            tool_name="Bash",
            tool_use_id="toolu_1",
            success="false",
            error="exit code 1",
            tool_input='{"command": "make"}',
        ),
    ]
    for record in records:
        record.trace_id, record.span_id = bytes.fromhex(trace_id("a1")), bytes.fromhex(span_id("10"))
    expected = [["Mend it", "I run it.", 'Bash {"command": "make"} -> exit code 1 (failed)']]
    fields = 'conversation(id: "s1") { usage { inputTokens outputTokens } cost { totalUsd } turnCount }'
    for project in ("acme/spans-first", "acme/records-first"):
        if project == "acme/spans-first":
            await client.send(*spans, project=project)
        await send(client, *records, project=project)
        if project == "acme/records-first":
            await client.send(*spans, project=project)
        assert await timeline(client, "s1", project) == expected
        assert (await client.in_project(fields, project))["conversation"] == {
            "usage": {"inputTokens": 1102, "outputTokens": 10},
            "cost": {"totalUsd": 0.25},
            "turnCount": 1,
        }


async def test_records_in_a_trace_whose_spans_are_never_sent_are_told_in_it(client: Client) -> None:
    record = claude("user_prompt", 0, "p1", prompt="Mend it")
    record.trace_id, record.span_id = bytes.fromhex(trace_id("a1")), bytes.fromhex(span_id("99"))
    await send(client, record)
    [turn] = (await client.chat("s1"))["turns"]
    assert turn["trace_id"] == trace_id("a1")


async def test_names_of_events_are_understood_wherever_they_are(client: Client) -> None:
    plain = codex("user_prompt", 0, prompt="One")
    plain.event_name = "codex.user_prompt"
    del plain.attributes[0]
    bare = claude("user_prompt", 0, "p1", prompt="Two")
    bare.ClearField("body")
    await send(client, plain, bare)
    assert [await timeline(client, conversation) for conversation in ("k1", "s1")] == [[["One"]], [["Two"]]]


async def test_records_that_name_no_conversation_or_tell_nothing_are_only_kept(
    client: Client, database: Database
) -> None:
    await send(
        client,
        claude("user_prompt", 0, session=""),
        claude("hook_registered", 1, hook_event="Stop"),
        codex("sse_event", 2, event__kind="response.output_item.done", duration_ms="1"),
        codex("turn_ttft", 3, duration_ms="100"),
    )
    found = await dump(database)
    assert (len(found["log_record"]), found["span"], found["trace"]) == (4, [], [])


async def test_reprojection_changes_nothing(client: Client, database: Database, database_url: str) -> None:
    await send(client, *CLAUDE_SESSION)
    await send(client, *CODEX_SESSION, service=CODEX)
    before = await dump(database)
    command = ["reproject", "--database-url", database_url, "--all"]
    result = await asyncio.to_thread(CliRunner().invoke, main, command)
    assert result.exit_code == 0, result.output
    assert await dump(database) == before


async def test_many_senders_of_one_session_wait_for_each_other(client: Client) -> None:
    """Prompts and answers of one conversation, each in a request of its own, all at once."""
    records = [
        record
        for turn in range(8)
        for record in (
            codex("user_prompt", 1000 * turn, prompt=f"Question {turn}"),
            codex("agent_response", 1000 * turn + 500, response=f"Answer {turn}"),
        )
    ]
    await asyncio.gather(*(send(client, record, service=CODEX) for record in Random(7).sample(records, len(records))))
    assert await timeline(client, "k1") == [[f"Question {turn}", f"Answer {turn}"] for turn in range(8)]
