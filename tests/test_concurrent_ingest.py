"""Many senders at once: nothing fails, and what is stored is what one sender would have stored."""

import asyncio
import random

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from app.ingest import reproject_traces
from db import projects, traces
from db.engine import Database
from tests.client import PROJECT, T0_NS, Client, Sent, export_request, said, span_id, trace_id
from tests.dump import dump
from tests.otlp_requests import any_value, key_values

SENDERS, TRACES = 16, 50


def trace_of(number: int) -> list[Sent]:
    """A turn with an agent, its LLM calls and a tool; every third trace is shared by two conversations."""
    trace, conversation = f"a{number:03x}", f"c{number % 7}"
    start = 1000 * number
    agent = Sent(
        "1",
        "invoke_agent Bot",
        trace,
        start=start,
        end=start + 900,
        attributes={
            "gen_ai.conversation.id": conversation,
            "gen_ai.conversation.name": f"Name {number}",
            "gen_ai.input.messages": f'[{{"role": "user", "content": "Question {number}"}}]',
        },
    )
    usage = {"gen_ai.usage.input_tokens": number, "gen_ai.request.model": f"m{number % 3}"}
    below = [
        said(
            f"{n:x}",
            f"Answer {n} of {number}",
            conversation=conversation if n % 2 else "",
            trace=trace,
            parent="1",
            start=start + 10 * n,
            end=start + 10 * n + 5,
            attributes=usage,
        )
        for n in range(2, 7)
    ]
    tool = Sent("7", "execute_tool look_up", trace, parent="2", start=start + 25, status="ERROR")
    shared = [said("8", "Meanwhile", conversation="shared", trace=trace, start=start + 30)] if number % 3 == 0 else []
    return [agent, *below, tool, *shared]


async def send_all(client: Client, sent: list[Sent], project: str, *, size: int) -> list[int]:
    """Send spans in requests of `size`, one after the other; the statuses."""
    statuses = []
    for start in range(0, len(sent), size):
        body = export_request(sent[start : start + size]).SerializeToString()
        statuses.append((await client.export(body, project)).status_code)
    return statuses


async def test_concurrent_senders_of_the_same_traces_store_what_one_ordered_sender_does(
    client: Client, database: Database
) -> None:
    traces = [trace_of(number) for number in range(TRACES)]
    for trace in traces:
        await client.send(*trace, project="acme/ordered")

    shuffled = [span for trace in traces for span in trace] * 2
    random.Random(1).shuffle(shuffled)
    answers = await asyncio.gather(
        *(send_all(client, shuffled[sender::SENDERS], PROJECT, size=6) for sender in range(SENDERS))
    )
    assert {status for statuses in answers for status in statuses} == {200}
    concurrent, ordered = await dump(database), await dump(database, "acme/ordered")
    assert len(ordered["span"]) == sum(map(len, traces))
    assert len(ordered["conversation"]) == 8
    assert concurrent == ordered


def logs_of(number: int) -> list[bytes]:
    """What the two calls of a trace were asked and answered, and two judgements: requests of one record each."""
    trace = bytes.fromhex(trace_id(f"a{number:03x}"))
    records = [
        LogRecord(
            event_name=name,
            time_unix_nano=T0_NS + number * 10**9 + place,
            trace_id=trace,
            span_id=bytes.fromhex(span_id(span)),
            body=any_value(body),
        )
        for span in ("1", "2")
        for place, (name, body) in enumerate(
            [
                ("gen_ai.user.message", {"content": f"Question {number} to {span}"}),
                ("gen_ai.choice", {"index": 0, "message": {"content": f"Answer {number} of {span}"}}),
            ]
        )
    ]
    judged = {"gen_ai.evaluation.name": "right", "gen_ai.evaluation.score.value": number / 100}
    for target in ({"gen_ai.response.id": f"r{number}-1"}, {}):
        record = LogRecord(
            event_name="gen_ai.evaluation.result",
            time_unix_nano=T0_NS + number,
            attributes=key_values(judged | target),
        )
        if not target:
            record.trace_id, record.span_id = trace, bytes.fromhex(span_id("2"))
        records.append(record)
    requests = []
    for record in records:
        request = ExportLogsServiceRequest()
        request.resource_logs.add().scope_logs.add(log_records=[record])
        requests.append(request.SerializeToString())
    return requests


async def test_spans_and_their_log_records_may_come_from_many_senders_in_any_order(
    client: Client, database: Database
) -> None:
    sent: list[tuple[str, bytes]] = []
    for number in range(20):
        calls = [
            said(
                span,
                trace=f"a{number:03x}",
                conversation=f"c{number % 3}",
                start=1000 * number,
                attributes={"gen_ai.response.id": f"r{number}-{span}"},
            )
            for span in ("1", "2")
        ]
        sent += [("/v1/traces", export_request([call]).SerializeToString()) for call in calls]
        sent += [("/v1/logs", body) for body in logs_of(number)]

    async def send(requests: list[tuple[str, bytes]], project: str) -> set[int]:
        return {(await client.export(body, project, path)).status_code for path, body in requests}

    assert await send(sent, "acme/ordered") == {200}
    shuffled = sent * 2
    random.Random(3).shuffle(shuffled)
    answers = await asyncio.gather(*(send(shuffled[sender::SENDERS], PROJECT) for sender in range(SENDERS)))
    assert set().union(*answers) == {200}
    concurrent, ordered = await dump(database), await dump(database, "acme/ordered")
    assert (len(ordered["log_record"]), len(ordered["feedback"]), len(ordered["message"])) == (120, 40, 80)
    assert concurrent == ordered


async def test_concurrent_versions_of_the_same_spans_leave_turns_that_fit_the_spans(
    client: Client, database: Database
) -> None:
    """Which version wins is chance; that turns, messages and conversations are those of the winners is not."""
    pick = random.Random(2)

    def version() -> Sent:
        trace, span = f"a{pick.randrange(5)}", f"{pick.randrange(1, 9)}"
        return said(
            span,
            f"Version {pick.randrange(1000)}",
            conversation=pick.choice(["", "c1", "c2", "c3"]),
            trace=trace,
            parent=pick.choice(["", "1", "2"]),
            start=pick.randrange(1000),
            attributes={"gen_ai.usage.output_tokens": pick.randrange(100), "gen_ai.request.model": "m"},
        )

    senders = [[version() for _ in range(60)] for _ in range(SENDERS)]
    answers = await asyncio.gather(*(send_all(client, sent, PROJECT, size=5) for sent in senders))
    assert {status for statuses in answers for status in statuses} == {200}

    before = await dump(database)
    async with database.read() as reader:
        project = await projects.find_project(reader, "acme", "support")
        assert project is not None
        trace_ids = await traces.list_trace_ids(reader, project.project_id, after="", limit=100)
    await reproject_traces(database, project.project_id, trace_ids)
    assert await dump(database) == before


async def test_the_first_requests_of_a_project_may_come_all_at_once(client: Client, database: Database) -> None:
    answers = await asyncio.gather(
        *(send_all(client, [said(f"{n:x}", f"Hello {n}")], PROJECT, size=1) for n in range(1, SENDERS + 1))
    )
    assert answers == [[200]] * SENDERS
    stored = await dump(database)
    assert [(row["span_count"], row["turn_count"]) for row in stored["conversation"]] == [(SENDERS, 1)]
    data = await client.ask("{ projects { projectId } }")
    assert data["projects"] == [{"projectId": PROJECT}]


async def test_readers_see_whole_turns_while_spans_arrive(client: Client) -> None:
    """Every answer is that of some moment between two requests: an agent never without the answer sent with it."""

    async def send() -> None:
        for number in range(20):
            trace = f"a{number:02x}"
            agent = Sent("1", "invoke_agent Bot", trace, start=number, attributes={"gen_ai.conversation.id": "c1"})
            await client.send(agent, said("2", f"Answer {number}", trace=trace, parent="1", start=number))

    async def read() -> set[tuple[str, ...]]:
        seen: set[tuple[str, ...]] = set()
        while not sending.done():
            for turn in (await client.chat("c1"))["turns"]:
                seen.add(tuple(message["type"] for message in turn["messages"]))
        return seen

    sending = asyncio.create_task(send())
    results = await asyncio.gather(read(), read(), read())
    await sending
    assert all(seen <= {("agent_start", "assistant_message")} for seen in results)
    assert (await client.chat("c1"))["total_turns"] == 20
