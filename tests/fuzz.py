"""`python -m tests.fuzz --minutes 10 [--seed N]`: odd export requests through the pure way in, on all cores.

Decode, understand, look at, project. Nothing but a TurngraphError may be raised; each span and log record is decoded or
counted as rejected; what is decoded can be stored, and is read back as it was; turns do not depend on the spans' order.
A failure names the request's number: `--seed N --only NUMBER` makes it again.
"""

import argparse
import json
import multiprocessing
import os
import sys
import time
import traceback
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from random import Random
from typing import TYPE_CHECKING, Any, TypeAlias

from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from domain.dialects import details, evaluation_of, step_of, storable, understand
from domain.errors import TurngraphError
from domain.log_turns import place_in_turn, span_of_record
from domain.otlp import BodyFormat, decode_logs, decode_stored_log, decode_stored_span, decode_traces
from domain.projection import turns_of_trace
from domain.records import RawLogRecord, RawSpan, SpanRecord
from tests.mutations import BAD_BYTES, Event, Record, carried_text, otlp_value, some_records
from tests.otlp_requests import key_values
from tests.speakers import log_request, trace_request

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

    from _typeshed import DataclassInstance

    Reports: TypeAlias = Queue["Report | None"]

_NO_TEXT = b"\xed\xa0\x80\xff\xc0"
"""A lone surrogate, and bytes that are in no UTF-8; as many as BAD_BYTES has."""

_SHOWN = 10
_BATCH = 50


# ----------------------------------------------------------------------------------------------------------------------
# Requests


def _pairs(attributes: list[tuple[Any, Any]]) -> list[Any]:
    return [pair for key, value in attributes for pair in key_values({carried_text(key): 0}) if _set(pair.value, value)]


def _set(holder: Any, value: object) -> bool:
    holder.CopyFrom(otlp_value(value))
    return True


def _whole(value: object, bits: int) -> int:
    return value % 2**bits if isinstance(value, int) else 7


def _proto_span(record: Record) -> Span:
    return Span(
        trace_id=record.trace_id,
        span_id=record.span_id,
        parent_span_id=record.parent_id,
        name=carried_text(record.name),
        kind=_whole(record.kind, 31),  # type: ignore[arg-type]
        start_time_unix_nano=_whole(record.start, 64),
        end_time_unix_nano=_whole(record.end, 64),
        status=Status(code=_whole(record.status, 31), message=carried_text(record.status_message)),  # type: ignore[arg-type]
        attributes=_pairs(record.attributes),
        events=[
            Span.Event(
                name=carried_text(event.name),
                time_unix_nano=_whole(event.time, 64),
                attributes=_pairs(event.attributes),
            )
            for event in record.events
        ],
    )


def _proto_log(record: Record) -> LogRecord:
    return LogRecord(
        trace_id=record.trace_id,
        span_id=record.span_id,
        event_name=carried_text(record.name),
        time_unix_nano=_whole(record.start, 64),
        attributes=_pairs(record.attributes),
        body=None if record.body is None else otlp_value(record.body),
    )


def _protobuf(records: list[Record], word: str) -> bytes:
    """Requests that follow each other are one."""
    body = b""
    for record in records:
        scope = carried_text(record.scope)
        request: Any = (
            trace_request(scope, [_proto_span(record)]) if word == "span" else log_request(scope, [_proto_log(record)])
        )
        groups = request.resource_spans if word == "span" else request.resource_logs
        groups[0].resource.attributes.extend(_pairs(record.resource))
        body += request.SerializeToString()
    return body.replace(BAD_BYTES.encode(), _NO_TEXT)


def _json_value(value: object) -> dict[str, Any]:
    match value:
        case None:
            return {}
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case bytes():
            return {"bytesValue": b64encode(value).decode()}
        case list():
            return {"arrayValue": {"values": [_json_value(item) for item in value]}}
        case dict():
            return {"kvlistValue": {"values": _json_pairs(list(value.items()))}}
    return {"stringValue": value}


def _json_pairs(attributes: list[tuple[Any, Any]]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _json_value(value)} for key, value in attributes]


def _json_event(event: Event) -> dict[str, Any]:
    name = event.name if not isinstance(event.name, bytes) else None
    return {"name": name, "timeUnixNano": event.time, "attributes": _json_pairs(event.attributes)}


def _json_record(record: Record, word: str, pick: Random) -> Any:
    found: dict[str, Any] = {
        "traceId": record.trace_id.hex(),
        "spanId": record.span_id.hex(),
        "attributes": _json_pairs(record.attributes),
    }
    name = record.name if not isinstance(record.name, bytes) else None
    if word == "span":
        found |= {
            "parentSpanId": record.parent_id.hex(),
            "name": name,
            "kind": record.kind,
            "startTimeUnixNano": str(record.start),
            "endTimeUnixNano": record.end,
            "status": {"code": record.status, "message": record.status_message},
            "events": [_json_event(event) for event in record.events],
        }
    else:
        found |= {"eventName": name, "timeUnixNano": str(record.start), "body": _json_value(record.body)}
    if pick.random() < 0.1:  # What is not OTLP at all.
        odd = pick.choice((None, 7, "x", [], {}, True, 1.5, [None], {"a": 1}))
        if pick.random() < 0.1:
            return odd
        found[pick.choice(list(found))] = odd
    return found


def _json(records: list[Record], word: str, pick: Random) -> bytes:
    groups, sections, members = {
        "span": ("resourceSpans", "scopeSpans", "spans"),
        "log": ("resourceLogs", "scopeLogs", "logRecords"),
    }[word]
    document = {
        groups: [
            {
                "resource": {"attributes": _json_pairs(record.resource)},
                sections: [{"scope": {"name": record.scope}, members: [_json_record(record, word, pick)]}],
            }
            for record in records
        ]
    }
    body = json.dumps(document, ensure_ascii=True).encode()
    return body.replace(BAD_BYTES.encode(), _NO_TEXT) if pick.random() < 0.05 else body


def _damaged(body: bytes, pick: Random) -> bytes:
    damaged = bytearray(body)
    for _ in range(pick.choice((1, 1, 3, 20))):
        at = pick.randrange(len(damaged) + 1)
        match pick.randrange(4):
            case 0:
                del damaged[at : at + pick.choice((1, 2, 50))]
            case 1:
                damaged[at:at] = pick.randbytes(pick.choice((1, 2, 9)))
            case 2:
                del damaged[at:]
            case _ if at < len(damaged):
                damaged[at] = pick.randrange(256)
    return bytes(damaged)


# ----------------------------------------------------------------------------------------------------------------------
# What has to hold


class Broken(AssertionError):
    """A promise that was not kept."""


def try_request(seed: str) -> Counter[str]:
    """Make one request of spans and one of log records and take them in; how many of what came through.

    Raises Broken, or whatever the code under test raises that it should not.
    """
    pick = Random(seed)
    spans, logs = some_records(pick)
    body_format = pick.choice(list(BodyFormat))
    whole = pick.random() < 0.85
    bodies = []
    for records, word in ((spans, "span"), (logs, "log")):
        body = _protobuf(records, word) if body_format is BodyFormat.PROTOBUF else _json(records, word, pick)
        bodies.append(body if whole else _damaged(body, pick))
    found: Counter[str] = Counter(requests=1)
    raws: list[RawSpan] = []
    raw_logs: list[RawLogRecord] = []
    try:
        traces = decode_traces(bodies[0], body_format)
        _counted(len(spans), len(traces.spans), traces.rejected, exactly=whole)
        found["rejected"] += traces.rejected
        raws = traces.spans
    except TurngraphError:
        found["refused"] += 1
    try:
        decoded = decode_logs(bodies[1], body_format)
        _counted(len(logs), len(decoded.records), decoded.rejected, exactly=whole)
        found["rejected"] += decoded.rejected
        raw_logs = decoded.records
    except TurngraphError:
        found["refused"] += 1
    found["spans"] += len(raws)
    found["records"] += len(raw_logs)
    _take_in(raws, raw_logs, pick)
    return found


def _counted(sent: int, decoded: int, rejected: int, *, exactly: bool) -> None:
    if exactly and decoded + rejected != sent:
        raise Broken(f"of {sent} sent, {decoded} were decoded and {rejected} rejected")


def _take_in(raws: list[RawSpan], raw_logs: list[RawLogRecord], pick: Random) -> None:
    traces: dict[str, dict[str, SpanRecord]] = {}
    for log in raw_logs:
        # As texts: not a number is not equal to itself.
        if repr(decode_stored_log(log.raw)) != repr(log):
            raise Broken("a log record is not read back as it was")
        check_storable(evaluation_of(log))
        if (step := step_of(log)) and (told := span_of_record(log.raw, place_in_turn("a" * 32, "b" * 32))):
            check_storable(step.conversation_id)
            raws.append(told)
    for raw in raws:
        stored = decode_stored_span(raw.raw)
        if repr(stored) != repr(raw):
            raise Broken("a span is not read back as it was")
        logs = [log for log in raw_logs if (log.trace_id, log.span_id) == (raw.trace_id, raw.span_id)]
        record = understand(raw, logs)
        check_storable(record)
        check_storable(details(raw, logs), numbers=False)  # Events' times and attributes are shown as they came.
        traces.setdefault(record.trace_id, {})[record.span_id] = record
    for trace_id, by_id in traces.items():
        records = list(by_id.values())
        turns = turns_of_trace(trace_id, records)
        check_storable(turns)
        if len({turn.conversation_id for turn in turns}) != len(turns):
            raise Broken("two turns of one trace in one conversation")
        pick.shuffle(records)
        if repr(turns_of_trace(trace_id, records)) != repr(turns):
            raise Broken("the turns depend on the order of the spans")


def check_storable(value: object, *, numbers: bool = True) -> None:
    """No text that PostgreSQL refuses, no number beyond 64 bits, all the way down."""
    for leaf in _leaves(value):
        if isinstance(leaf, str):
            if storable(leaf) != leaf:
                raise Broken(f"a text cannot be stored: {leaf[:80]!r}")
        elif numbers and isinstance(leaf, int) and not -(2**63) <= leaf < 2**63:
            raise Broken(f"a number has more than 64 bits: {str(leaf)[:80]}")


def _leaves(value: object) -> Iterator[object]:
    pending = [value]
    while pending:
        at = pending.pop()
        if isinstance(at, list | tuple | frozenset):
            pending += at
        elif isinstance(at, dict):
            pending += at.keys()
            pending += at.values()
        elif isinstance(at, str | int | float | None):
            yield at
        elif is_dataclass(at) and not isinstance(at, type):
            pending += [getattr(at, name) for name in _fields_of(at)]


def _fields_of(value: "DataclassInstance") -> tuple[str, ...]:
    kind = type(value)
    if kind not in _FIELDS:
        _FIELDS[kind] = tuple(field.name for field in fields(kind))
    return _FIELDS[kind]


_FIELDS: dict[type, tuple[str, ...]] = {}


# ----------------------------------------------------------------------------------------------------------------------
# The program


@dataclass
class Report:
    """What one process found since its last report."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Where it broke -> the request's number, and the traceback."""
    slowest: tuple[float, int] = (0.0, 0)
    """Seconds, and the request's number."""


def run(seed: int, numbers: range, until: float | None = None) -> Iterator[Report]:
    """Try the requests of these numbers, until that time (monotonic); a report every now and then."""
    report = Report()
    for tried, number in enumerate(numbers, 1):
        began = time.monotonic()
        try:
            report.counts += try_request(f"{seed}:{number}")
        except Exception as error:  # noqa: BLE001 - any error is what is looked for
            frame = traceback.extract_tb(error.__traceback__)[-1]
            told = str(error).partition(":")[0] if isinstance(error, Broken) else ""
            where = f"{type(error).__name__} at {frame.filename}:{frame.lineno} {told}"
            report.failures.setdefault(where, (str(number), traceback.format_exc()))
            report.counts += Counter(requests=1, failures=1)
        ended = time.monotonic()
        report.slowest = max(report.slowest, (ended - began, number))
        if tried % _BATCH == 0:
            yield report
            report = Report()
            if until is not None and ended > until:
                return
    yield report


def _work(seed: int, first: int, step: int, until: float, reports: "Reports") -> None:
    for report in run(seed, range(first, sys.maxsize, step), until):
        reports.put(report)
    reports.put(None)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=None, help="the same requests again; else others every time")
    parser.add_argument("--only", type=int, default=None, metavar="NUMBER", help="one request, with its traceback")
    given = parser.parse_args()
    seed = int.from_bytes(os.urandom(4)) if given.seed is None else given.seed
    if given.only is not None:
        print(dict(try_request(f"{seed}:{given.only}")))
        return
    processes = os.cpu_count() or 1
    print(f"seed {seed}, {processes} processes, {given.minutes:g} minutes", flush=True)
    context = multiprocessing.get_context("spawn")
    reports: Reports = context.Queue()
    until = time.monotonic() + given.minutes * 60
    workers = [
        context.Process(target=_work, args=(seed, first, processes, until, reports), daemon=True)
        for first in range(processes)
    ]
    for worker in workers:
        worker.start()
    total, running, shown = Report(), processes, time.monotonic()
    while running:
        report = reports.get()
        if report is None:
            running -= 1
            continue
        total.counts += report.counts
        total.slowest = max(total.slowest, report.slowest)
        for where, failure in report.failures.items():
            if where not in total.failures:
                total.failures[where] = failure
                if len(total.failures) <= _SHOWN:
                    print(f"\n{where}\n--seed {seed} --only {failure[0]}\n{failure[1]}", flush=True)
        if time.monotonic() > shown + 60:
            shown = time.monotonic()
            print(f"{total.counts['requests']:,} requests, {len(total.failures)} kinds of failures", flush=True)
    counts = ", ".join(f"{count:,} {name}" for name, count in total.counts.items())
    print(f"{counts}; the slowest request: {total.slowest[0]:.2f} s (--only {total.slowest[1]})")
    for where, (number, _) in total.failures.items():
        print(f"{where}: --seed {seed} --only {number}")
    sys.exit(1 if total.failures else 0)


if __name__ == "__main__":
    main()
