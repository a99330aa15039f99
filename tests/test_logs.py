"""POST /v1/logs: every record is kept as received."""

import gzip
import json
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTracePartialSuccess
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, LogsData

from db.engine import Database
from domain.otlp import decode_stored_log
from tests.client import PROJECT, T0_NS, Client, said, span_id, trace_id
from tests.dump import dump
from tests.otlp_requests import any_value, key_values

PROTOBUF, JSON = "application/x-protobuf", "application/json"


def record(text: str, at_ms: int = 0, **fields: Any) -> LogRecord:
    known: dict[str, Any] = {
        "time_unix_nano": T0_NS + at_ms * 10**6,
        "body": any_value(text),
        "trace_id": bytes.fromhex(trace_id("a1")),
        "span_id": bytes.fromhex(span_id("10")),
    }
    return LogRecord(**(known | fields))


def request(*records: LogRecord, resource: dict[str, Any] | None = None) -> bytes:
    found = ExportLogsServiceRequest()
    group = found.resource_logs.add()
    group.resource.attributes.extend(key_values(resource or {"service.name": "test"}))
    group.scope_logs.add(log_records=records).scope.name = "tests"
    return found.SerializeToString()


def json_request(*records: object) -> bytes:
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).encode()


async def send(client: Client, body: bytes, project: str = PROJECT, **headers: str) -> tuple[int, str]:
    """Send records; how many were rejected, and why."""
    response = await client.export(body, project, "/v1/logs", **headers)
    assert response.status_code == 200, response.text
    if headers.get("content_type") == JSON:
        answer = response.json().get("partialSuccess", {})
        return int(answer.get("rejectedLogRecords", 0)), answer.get("errorMessage", "")
    partial = ExportLogsServiceResponse.FromString(response.content).partial_success
    return partial.rejected_log_records, partial.error_message


async def stored(database: Database, project: str = PROJECT) -> list[dict[str, Any]]:
    return sorted((await dump(database, project))["log_record"], key=lambda row: (row["recorded_at"], row["raw"]))


async def test_records_are_kept_raw_with_their_place_in_the_trace(client: Client, database: Database) -> None:
    first = record("hello", attributes=key_values({"event.name": "gen_ai.choice", "a": [1, {"b": 2.5}]}))
    second = record("", 5, event_name="my.event", trace_id=b"", span_id=b"")
    assert await send(client, request(first, second)) == (0, "")
    rows = await stored(database)
    assert [(row["trace_id"], row["span_id"], row["event_name"]) for row in rows] == [
        (trace_id("a1"), span_id("10"), "gen_ai.choice"),
        ("", "", "my.event"),
    ]
    assert [row["recorded_at"].isoformat() for row in rows] == [
        "2026-01-01T00:00:00+00:00",
        "2026-01-01T00:00:00.005000+00:00",
    ]
    for row, sent in zip(rows, (first, second), strict=True):
        [group] = LogsData.FromString(row["raw"]).resource_logs
        assert group.scope_logs[0].scope.name == "tests"
        assert list(group.scope_logs[0].log_records) == [sent]
        assert decode_stored_log(row["raw"]).event_name == row["event_name"]


async def test_sending_records_again_changes_nothing(client: Client, database: Database) -> None:
    body = request(record("one"), record("two", 1), record("one"))
    await send(client, body)
    once = await stored(database)
    assert len(once) == 2
    await send(client, body)
    await send(client, request(record("two", 1)))
    assert await stored(database) == once


async def test_json_and_protobuf_records_are_kept_alike(client: Client, database: Database) -> None:
    time = str(T0_NS)
    body = json_request(
        {
            "timeUnixNano": time,
            "traceId": trace_id("A1"),
            "spanId": span_id("10"),
            "body": {"stringValue": "hi\0\ud800"},
        },
        {"observedTimeUnixNano": time, "eventName": "e\0"},
    )
    response = await client.export(body, path="/v1/logs", content_type=JSON)
    assert (response.status_code, response.content, response.headers["content-type"]) == (200, b"{}", JSON)
    rows = await stored(database)
    assert sorted((row["trace_id"], row["span_id"], row["event_name"]) for row in rows) == [
        ("", "", "e\ufffd"),
        (trace_id("a1"), span_id("10"), ""),
    ]
    assert {row["recorded_at"].isoformat() for row in rows} == {"2026-01-01T00:00:00+00:00"}


async def test_bad_records_are_counted_and_the_others_kept(client: Client, database: Database) -> None:
    bad = record("bad", trace_id=bytes(range(1, 40)))
    assert await send(client, request(record("one"), bad, record("two", 1))) == (
        1,
        f"log record of span {span_id('10')}: its trace id has more than 32 bytes",
    )
    rejected, why = await send(
        client,
        json_request({"timeUnixNano": "soon"}, {"timeUnixNano": "1"}, 7),
        content_type=JSON,
    )
    assert (rejected, why) == (
        2,
        "log record number 1: timeUnixNano: is not a whole number; log record number 3: it is not an object",
    )
    assert len(await stored(database)) == 3


async def test_records_go_to_their_project_packed_or_not(client: Client, database: Database) -> None:
    resource = {"wandb.entity": "team", "wandb.project": "shop"}
    await send(client, gzip.compress(request(record("one"), resource=resource)), content_encoding="gzip")
    await send(client, request(record("two")))
    assert len(await stored(database, "team/shop")) == 1
    assert len(await stored(database)) == 1
    rejected, why = await send(client, request(record("x"), resource={"wandb.entity": "a/b", "wandb.project": "c"}))
    assert (rejected, why[:46]) == (1, "A project id has the form entity/project, got ")


async def test_an_empty_request_is_answered(client: Client) -> None:
    assert await send(client, b"") == (0, "")
    assert await send(client, b"{}", content_type=JSON) == (0, "")
    assert (await client.ask("{ projects { id } }"))["projects"] == []


async def test_records_alone_make_no_conversation(client: Client) -> None:
    await send(client, request(record("one")))
    assert (await client.chat(""))["total_turns"] == 0
    await client.send(said("10", "hello"))
    assert (await client.chat("c1"))["total_turns"] == 1


@pytest.mark.parametrize("time", [0, 2**63 - 1, 2**64 - 1])
async def test_every_time_is_taken(client: Client, database: Database, time: int) -> None:
    assert await send(client, request(record("x", time_unix_nano=time, observed_time_unix_nano=time))) == (0, "")
    [row] = await stored(database)
    assert row["recorded_at"].timestamp() == pytest.approx(time / 10**9)


@pytest.mark.parametrize(
    ("content_type", "body", "status", "message"),
    [
        ("text/plain", b"", 415, "Send OTLP as application/x-protobuf or application/json"),
        (PROTOBUF, b"\xff\xff", 400, "The body is not an ExportLogsServiceRequest in protobuf"),
        (JSON, b"[]", 400, "The body is not a JSON object, an ExportLogsServiceRequest was expected."),
        (PROTOBUF, bytes(5 * 1024 * 1024), 413, "The body is larger than the server takes"),
    ],
)
async def test_what_cannot_be_read_is_refused_saying_why(
    client: Client, content_type: str, body: bytes, status: int, message: str
) -> None:
    response = await client.export(body, path="/v1/logs", content_type=content_type)
    if response.headers["content-type"] == JSON:
        said_ = response.json()["message"]
    else:
        # A google.rpc.Status: the same fields under the same numbers.
        said_ = ExportTracePartialSuccess.FromString(response.content).error_message
    assert (response.status_code, said_[: len(message)]) == (status, message)


async def test_senders_are_told_to_come_back_when_the_database_is_lost(lost: Client) -> None:
    response = await lost.export(json_request({"timeUnixNano": "1"}), path="/v1/logs", content_type=JSON)
    assert (response.status_code, response.headers["retry-after"]) == (503, "2")
    assert response.json()["message"] == "The database does not answer at the moment: try again shortly."
