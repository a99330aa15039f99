"""However spans and log records come, the conversations are those of a sender who keeps their order.

The turns of every client family, and the demo's recordings; what crosses traces and conversations is made by hand.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from app.demo import recordings, requests_of
from db.engine import Database
from tests.client import T0_NS, Client, Sent, export_request, said, span_id, trace_id
from tests.dump import Dump, dump
from tests.otlp_requests import any_value, key_values
from tests.speakers import SPEAKERS, Story, log_request, told, trace_request

Request = ExportTraceServiceRequest | ExportLogsServiceRequest


def evaluation(at_ms: float, span: str = "", trace: str = "", **attributes: Any) -> LogRecord:
    """Keyword arguments are keys below `gen_ai`, with `__` for dots."""
    own = {f"gen_ai.{key.replace('__', '.')}": value for key, value in attributes.items()}
    return LogRecord(
        event_name="gen_ai.evaluation.result",
        time_unix_nano=T0_NS + round(at_ms * 10**6),
        trace_id=bytes.fromhex(trace_id(trace)) if trace else b"",
        span_id=bytes.fromhex(span_id(span)) if span else b"",
        attributes=key_values({"gen_ai.evaluation.name": "right", "gen_ai.evaluation.score.value": at_ms} | own),
    )


def named(conversation: str) -> dict[str, Any]:
    return {"gen_ai.conversation.id": conversation}


def families() -> list[Request]:
    """A conversation of each family, of one turn; and one in which all of them take part, a turn each."""
    found: list[Request] = []
    for number, speak in enumerate(SPEAKERS.values()):
        own = Story(conversation=f"of {speak.__name__}", response=f"resp-{number}")
        common = Story(conversation="of all", response=f"resp-all-{number}", question=f"Question {number}?")
        for story, trace in ((own, f"a{number:02x}"), (common, f"b{number:02x}")):
            turn = told(speak(story), trace, start_ms=1000 * number)
            found += [trace_request(turn.scope, [span]) for span in turn.spans]
            found += [log_request(turn.scope, [record]) for record in turn.logs]
    return found


def crossings() -> list[Request]:
    """What depends on spans of the same trace, on other traces, or on spans that come later or never."""
    cost, answer = {"gen_ai.usage.cost": 1}, {"gen_ai.response.id": "r5", "gen_ai.usage.input_tokens": 7}
    spans: list[Any] = [
        # The sub-agent has an id of its own; what is below it has none.
        *told(SPEAKERS["pydantic_ai"](Story("caller", response="r1")), "c1").spans,
        Sent("c1a", "invoke_agent helper", "c1", parent="c12", start=310, attributes=named("sub")),
        said("c1b", "Below.", trace="c1", parent="c1a", conversation="", start=320, attributes=cost),
        # No id anywhere; and only on the root, which is sent last.
        *told(SPEAKERS["gen_ai"](Story("", response="r2")), "c2").spans,
        said("c31", "Below.", trace="c3", parent="c32", conversation="", start=5),
        Sent("c32", "invoke_agent late", "c3", attributes=named("late")),
        # Two conversations in one trace, and one instant for all.
        *(said(f"c4{n}", f"Of both {n}.", trace="c4", conversation=f"shared {n % 2}" if n else "") for n in range(5)),
        # One call, reported by two instrumentations.
        *(said(f"c5{n}", "Once.", trace="c5", start=n, attributes=answer) for n in range(3)),
        # A circle, and a parent that never comes.
        *(said(f"c6{n}", f"Round {n}.", trace="c6", parent=f"c6{(n + 1) % 3}", start=n) for n in range(3)),
        said("c71", "Alone.", trace="c7", parent="c70"),
        # Named after its conversation was, and earlier.
        said("c81", "Named.", trace="c8", attributes={"gen_ai.conversation.name": "New"}, start=9),
        said("c91", "Named before.", trace="c9", attributes={"gen_ai.conversation.name": "Old"}, start=3),
    ]
    records = [
        evaluation(0.1, "a0003", "a00"),
        evaluation(0.2, "ffff", "a00", evaluation__score__label="of no span"),
        evaluation(0.3, response__id="resp-8_2"),
        evaluation(0.4, response__id="r5"),
        evaluation(0.5, response__id="never"),
        evaluation(0.6, trace="c2"),
        evaluation(0.7, conversation__id="caller"),
        # Before its time: its span says nothing itself.
        LogRecord(
            event_name="gen_ai.choice",
            time_unix_nano=T0_NS,
            body=any_value({"message": {"content": "Said in a record."}}),
            trace_id=bytes.fromhex(trace_id("ca")),
            span_id=bytes.fromhex(span_id("ca1")),
        ),
    ]
    silent = Sent("ca1", "chat m", "ca", attributes=named("c1") | {"gen_ai.response.id": "resp-8_2"})
    return [
        *(
            export_request([span]) if isinstance(span, Sent) else trace_request("pydantic-ai", [span])
            for span in [*spans, silent]
        ),
        *(log_request("evaluations", [record]) for record in records),
    ]


def demo() -> list[Request]:
    """The recorded spans, one by one, in no project of their own."""
    found: list[Request] = []
    for request in (request for recording in recordings() for request in requests_of(recording)):
        for group in request.resource_spans:
            for section in group.scope_spans:
                for span in section.spans:
                    alone = ExportTraceServiceRequest()
                    own = alone.resource_spans.add(schema_url=group.schema_url)
                    own.resource.CopyFrom(group.resource)
                    kept = [pair for pair in group.resource.attributes if not pair.key.startswith("wandb.")]
                    del own.resource.attributes[:]
                    own.resource.attributes.extend(kept)
                    own.scope_spans.add(scope=section.scope, schema_url=section.schema_url, spans=[span])
                    found.append(alone)
    return found


EVERYTHING: Final = families() + crossings() + demo()
"""One span or record each, in their order."""


async def send(client: Client, project: str, pieces: Sequence[Request]) -> None:
    """The pieces as one export request of each kind."""
    for kind, path in ((ExportTraceServiceRequest, "/v1/traces"), (ExportLogsServiceRequest, "/v1/logs")):
        # Messages that follow each other are one message.
        body = b"".join(piece.SerializeToString() for piece in pieces if isinstance(piece, kind))
        if body:
            response = await client.export(body, project, path)
            assert (response.status_code, response.content) == (200, b""), response.text


async def stored(database: Database, project: str) -> Dump:
    """All tables; but a record's place in its request says how it was sent."""
    found = await dump(database, project)
    for row in found["log_record"]:
        del row["sequence"]
    return found


@dataclass(frozen=True)
class Sending:
    """How a sender sends: everything at least once, some of it again, cut into requests."""

    seed: int
    largest: int
    """The most pieces in a request."""
    senders: int
    shuffled: bool = True

    def requests(self) -> list[list[Request]]:
        pick = Random(self.seed)
        pieces = EVERYTHING + pick.sample(EVERYTHING, len(EVERYTHING) // 3)
        if self.shuffled:
            pick.shuffle(pieces)
        else:
            pieces.reverse()
        found = []
        while pieces:
            size = pick.randint(1, self.largest)
            found.append(pieces[:size])
            del pieces[:size]
        return found


@pytest.mark.parametrize(
    "sending",
    [
        Sending(seed=1, largest=4, senders=1),
        Sending(seed=2, largest=12, senders=1),
        Sending(seed=3, largest=12, senders=1, shuffled=False),
        Sending(seed=4, largest=12, senders=4),
        Sending(seed=5, largest=60, senders=1),
        Sending(seed=6, largest=60, senders=4),
        Sending(seed=7, largest=400, senders=1),
    ],
    ids=str,
)
async def test_any_order_in_any_requests_any_number_of_times_stores_the_same(
    client: Client, database: Database, sending: Sending
) -> None:
    for at in range(0, len(EVERYTHING), 20):
        await send(client, "acme/ordered", EVERYTHING[at : at + 20])
    pending = iter(sending.requests())

    async def sender() -> None:
        for pieces in pending:
            await send(client, "acme/shuffled", pieces)

    await asyncio.gather(*(sender() for _ in range(sending.senders)))
    ordered, shuffled = await stored(database, "acme/ordered"), await stored(database, "acme/shuffled")
    for table, rows in ordered.items():
        assert shuffled[table] == rows, table
    assert len(ordered["conversation"]) > len(SPEAKERS)
    assert len(ordered["feedback"]) == 6


async def test_the_same_turn_reads_the_same_whichever_family_tells_it(client: Client) -> None:
    await send(client, "acme/support", families())
    expected = ["Where is my parcel?", "track", "It is in Bremen."]
    for family in SPEAKERS:
        [turn] = (await client.chat(f"of {family}"))["turns"]
        said_ = [
            (message["user_message"] or message["assistant_message"] or {}).get("text")
            or (message["tool_call"] or {}).get("tool_name")
            for message in turn["messages"]
        ]
        assert [text for text in said_ if text] == expected, family
    assert (await client.chat("of all"))["total_turns"] == len(SPEAKERS)
