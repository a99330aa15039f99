"""Export requests as no client means to send them: those of every client family and the demo's, changed at random.

The structure is kept where it counts, so that what comes out gets past the decoder: values are opened, changed inside
and closed again, keys become other known keys, spans of different families are mixed.
"""

import ast
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue

import domain.dialects
from app.demo import recordings, requests_of
from domain.otlp import BodyFormat, decode_logs, decode_traces
from domain.records import RawLogRecord, RawSpan, Status
from tests.agent_sessions import CLAUDE, CLAUDE_SESSION, CODEX, CODEX_SESSION, session_request
from tests.otlp_requests import any_value
from tests.speakers import SPEAKERS, Story, log_request, told, trace_request

BAD_BYTES: Final = "@BAD@"
"""Stands for bytes that are no UTF-8 until the request is written."""

_STATUS: Final = {Status.UNSET: 0, Status.OK: 1, Status.ERROR: 2}
_ENOUGH: Final = 200_000
"""Characters after which texts do not grow any more."""

_MAX_NESTING: Final = 24


@dataclass
class Event:
    name: Any
    time: Any
    attributes: list[tuple[Any, Any]]


@dataclass
class Record:
    """A span or a log record, whatever its fields hold."""

    trace_id: bytes
    span_id: bytes
    parent_id: bytes = b""
    name: Any = ""
    start: Any = 0
    end: Any = 0
    kind: Any = 0
    status: Any = 0
    status_message: Any = ""
    attributes: list[tuple[Any, Any]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    body: Any = None
    scope: str = ""
    resource: list[tuple[Any, Any]] = field(default_factory=list)


def _span(raw: RawSpan) -> Record:
    return Record(
        trace_id=bytes.fromhex(raw.trace_id),
        span_id=bytes.fromhex(raw.span_id),
        parent_id=bytes.fromhex(raw.parent_span_id),
        name=raw.name,
        start=raw.start_time_unix_nano,
        end=raw.end_time_unix_nano,
        kind=raw.kind,
        status=_STATUS[raw.status],
        status_message=raw.status_message,
        attributes=list(raw.attributes.items()),
        events=[Event(event.name, event.time_unix_nano, list(event.attributes.items())) for event in raw.events],
        scope=raw.scope_name,
        resource=list(raw.resource.items()),
    )


def _log(raw: RawLogRecord) -> Record:
    return Record(
        trace_id=bytes.fromhex(raw.trace_id),
        span_id=bytes.fromhex(raw.span_id),
        name=raw.event_name,
        start=raw.time_unix_nano,
        attributes=list(raw.attributes.items()),
        body=raw.body,
        scope="logs",
    )


@dataclass(frozen=True)
class Corpus:
    spans: list[list[Record]]
    """By trace."""
    logs: list[Record]
    keys: list[str]
    """Attribute keys: those that are sent, and those that the dialects look for."""
    words: list[str]
    """Members of bodies, kinds, operations: all other short texts in the dialects."""
    values: list[Any]


@cache
def corpus() -> Corpus:
    spans: list[list[Record]] = []
    logs: list[Record] = []
    protobuf = BodyFormat.PROTOBUF
    for number, speak in enumerate(SPEAKERS.values()):
        for conversation in (f"c{number % 3}", ""):
            turn = told(speak(Story(conversation, response=f"resp_{number}")), f"a{number:x}", 1000 * number)
            body = trace_request(turn.scope, turn.spans).SerializeToString()
            spans.append([_span(raw) for raw in decode_traces(body, protobuf).spans])
            body = log_request(turn.scope, turn.logs).SerializeToString()
            logs += [_log(raw) for raw in decode_logs(body, protobuf).records]
    for request in (request for recording in recordings() for request in requests_of(recording)):
        raws = decode_traces(request.SerializeToString(), protobuf).spans
        trace_ids = dict.fromkeys(raw.trace_id for raw in raws)
        spans += [[_span(raw) for raw in raws if raw.trace_id == trace_id] for trace_id in trace_ids]
    for session, service in ((CLAUDE_SESSION, CLAUDE), (CODEX_SESSION, CODEX)):
        logs += [_log(raw) for raw in decode_logs(session_request(session, service), protobuf).records]
    judged = [("gen_ai.evaluation.name", "right"), ("gen_ai.evaluation.score.value", 0.5), ("gen_ai.response.id", "r")]
    logs.append(Record(b"\1" * 16, b"\1" * 8, name="gen_ai.evaluation.result", attributes=list(judged)))
    pairs = [pair for trace in spans for span in trace for pair in span.attributes]
    pairs += [pair for trace in spans for span in trace for event in span.events for pair in event.attributes]
    texts = _literals()
    keys = sorted({text for text in texts if "." in text} | {key for key, _ in pairs})
    return Corpus(spans, logs, keys, sorted(texts), [value for _, value in pairs])


def _literals() -> set[str]:
    """The short texts in the source of the dialects."""
    found = set()
    for path in sorted(Path(domain.dialects.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and 0 < len(node.value) <= 80:
                found.add(node.value)
    return {text for text in found if "\n" not in text}


# ----------------------------------------------------------------------------------------------------------------------
# Values


_SCALARS: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, 1, -1, 2**63 - 1, -(2**63), 10**12, 10**18, 2**53 + 1),
    *(0.5, -0.0, 1e308, 5e-324, float("nan"), float("inf"), float("-inf")),
    *("", " ", "0", "1", "-1", "1e999", "NaN", "Infinity", "0x1f", "1_000", "٣", "9" * 5000, "true", "null", "None"),
    *("\0", "\ud800", "a\udfff", BAD_BYTES, "\ufffd", "é" * 700, "😀" * 600, "\\u0000", '"\\ud800"', '"\\u0000"'),
    *("[", "{", "]", '"', "[]", "{}", "[[]]", '[""]', "[null]", '{"":""}', '{"0":{}}', "[1e999]", "[1e400]"),
    *("[" * 3000, '{"a":' * 3000, "[" * 3000 + "]" * 3000, '{"a":' * 1500 + "1" + "}" * 1500, "[" * 150 + "]" * 150),
    *("{'a': 'b'}", "{'a': None, 'b': True}", "{'a': b'x'}", "{1, 2}", "{'a': {...}}", "{" * 300, "['" + "\\" * 99),
    *("{'a': '\\x00\\ud800'}", "{" + "-" * 5000 + "1}", "{'a': 1j}", "{'k': 9" + "9" * 5000 + "}"),
    *("<task-notification>x</task-notification>", "weave:///a/b", "data:image/png;base64,AAAA", "resp_1", "chatcmpl-1"),
    '{"isAsync": true, "status": "async_launched", "agentId": "x", "description": 7}',
    '{"lc": 1, "type": "constructor", "id": ["langchain", "AIMessage"], "kwargs": {"content": [1]}}',
    *(b"", b"\xff\xfe", b"{}"),
)


def changed(value: Any, pick: Random, depth: int = 0) -> Any:
    """The value with something else in it, or in its place."""
    if depth < 24:
        if isinstance(value, list | dict) and value and pick.random() < 0.75:
            return _changed_inside(value, pick, depth)
        if isinstance(value, str) and value[:1] in ("{", "[", '"') and pick.random() < 0.75:
            try:
                opened = json.loads(value)
            except (ValueError, RecursionError):
                return _changed_text(value, pick)
            return _closed(changed(opened, pick, depth + 1), pick)
    if isinstance(value, str) and value and pick.random() < 0.4:
        return _changed_text(value, pick)
    return pick.choice(_IN_ITS_PLACE)(value, pick)


def _changed_inside(value: list[Any] | dict[Any, Any], pick: Random, depth: int) -> Any:
    members: list[tuple[Any, Any]] = list(value.items() if isinstance(value, dict) else enumerate(value))
    at = pick.randrange(len(members))
    name, inner = members[at]
    match pick.randrange(10):
        case 0:
            del members[at]
        case 1:
            members.insert(pick.randrange(len(members) + 1), (pick.choice(corpus().words), inner))
        case 2:
            members[at] = (pick.choice(corpus().words), inner)
        case 3:
            members.append((pick.choice(corpus().words), pick.choice(_SCALARS)))
        case 4:
            pick.shuffle(members)
        case _:
            members[at] = (name, changed(inner, pick, depth + 1))
    if isinstance(value, dict):
        return {str(name): inner for name, inner in members}
    return [inner for _, inner in members]


def _closed(value: Any, pick: Random) -> Any:
    """As JSON again, mostly; else as it is, encoded twice, in Python's spelling, or cut off."""
    try:
        text = json.dumps(value, default=str, ensure_ascii=pick.random() < 0.7)
    except (ValueError, RecursionError):
        return ""
    match pick.randrange(12):
        case 0:
            return value
        case 1:
            return json.dumps(text)
        case 2:
            return repr(value)
        case 3:
            return text[: pick.randrange(len(text) + 1)]
        case 4:
            return json.dumps(json.dumps(text))
    return text


def _changed_text(value: str, pick: Random) -> str:
    at = pick.randrange(len(value) + 1)
    match pick.randrange(7):
        case 0:
            return value[:at]
        case 1:
            return value[at:]
        case 2:
            return value[:at] + pick.choice(("\0", "\ud83d", '"', "\\", "[", "}", BAD_BYTES, "\\u0000")) + value[at:]
        case 3:
            return (value * 2)[:_ENOUGH]
        case 4:
            return value.upper()
        case 5:
            return value[:at] + pick.choice(corpus().words) + value[at:]
    return value[:at] + value[at + 1 :]


def _nested(value: Any, pick: Random) -> Any:
    for _ in range(pick.choice((1, 5, 40, 70, 120))):
        value = [value] if pick.random() < 0.5 else {pick.choice(("a", "0", "content", "message")): value}
    return value


_IN_ITS_PLACE: Final[tuple[Callable[[Any, Random], Any], ...]] = (
    lambda _, pick: pick.choice(_SCALARS),
    lambda _, pick: pick.choice(_SCALARS),
    lambda _, pick: pick.choice(corpus().values),
    lambda _, pick: pick.choice(corpus().words),
    lambda value, _: [value],
    lambda value, pick: {pick.choice(corpus().words): value},
    lambda value, _: {"0": value},
    _closed,
    lambda value, _: str(value)[:_ENOUGH],
    lambda value, _: [value, value],
    _nested,
)


# ----------------------------------------------------------------------------------------------------------------------
# Keys, events, ids, times


def _key(key: Any, pick: Random) -> Any:
    key = key if isinstance(key, str) else str(key)
    match pick.randrange(8):
        case 0:
            return key.rpartition(".")[0]
        case 1:
            return f"{key}.{pick.randrange(3)}"
        case 2:
            return f"{key}.{pick.randrange(3)}.{pick.choice(corpus().words)}"
        case 3:
            return f"{key}.{pick.choice(corpus().words)}"
        case 4:
            return _changed_text(key, pick) if key else "."
        case 5:
            return pick.choice(("", ".", "..", "a" * 5000, "gen_ai." + "0." * 300, "llm.input_messages.99999999999.x"))
    return pick.choice(corpus().keys)


def _change_attributes(attributes: list[tuple[Any, Any]], pick: Random) -> None:
    kind = pick.randrange(10)
    if not attributes or kind == 0:
        attributes.append((pick.choice(corpus().keys), changed(pick.choice(corpus().values), pick)))
        return
    at = pick.randrange(len(attributes))
    key, value = attributes[at]
    if kind == 1:
        del attributes[at]
    elif kind == 2:
        attributes[at] = (_key(key, pick), value)
    elif kind == 3:
        attributes.append((_key(key, pick), changed(value, pick)))
    elif kind == 4:
        attributes.append((key, pick.choice(_SCALARS)))
    elif kind == 5:
        pick.shuffle(attributes)
    elif kind == 6:
        attributes += pick.choice(pick.choice(corpus().spans)).attributes
    else:
        attributes[at] = (key, changed(value, pick))


def _time(pick: Random) -> Any:
    return pick.choice((0, 1, 2**63 - 1, 2**63, 2**64 - 1, 10**18, pick.randrange(2**64), -1, "soon", 1.5, 2**70))


def _id(pick: Random, known: list[Record]) -> bytes:
    other = pick.choice(known)
    some = (b"", bytes(8), bytes(16), b"\1", bytes(range(32)), bytes(range(33)), pick.randbytes(8), pick.randbytes(16))
    return pick.choice((*some, other.trace_id, other.span_id, other.span_id, other.span_id))


def _change(record: Record, pick: Random, known: list[Record]) -> None:
    match pick.randrange(24):
        case 0:
            record.parent_id = _id(pick, known)
        case 1:
            record.span_id = _id(pick, known)
        case 2:
            record.trace_id = _id(pick, known)
        case 3:
            record.start = _time(pick)
        case 4:
            record.end = _time(pick)
        case 5:
            record.status, record.kind = pick.choice(((2, 1), (1, 7), (2, -1), (9, 2**31), ("OK", "CLIENT")))
        case 6:
            record.name = pick.choice((pick.choice(corpus().words), pick.choice(_SCALARS), str(record.name) * 2))
        case 7:
            record.scope = pick.choice(corpus().words)
        case 8:
            event = Event(pick.choice(corpus().words), _time(pick), list(pick.choice(known).attributes))
            record.events.insert(0, event)
        case 9 if record.events:
            pick.choice(record.events).name = pick.choice(corpus().words)
        case 10 | 11 if record.events:
            _change_attributes(pick.choice(record.events).attributes, pick)
        case 12:
            _change_attributes(record.resource, pick)
        case 13 | 14 if record.body is not None:
            record.body = changed(record.body, pick)
        case _:
            _change_attributes(record.attributes, pick)


def some_records(pick: Random) -> tuple[list[Record], list[Record]]:
    """Spans and log records, some of them changed."""
    known = corpus()
    spans = [_copy(span) for _ in range(pick.choice((1, 1, 2))) for span in pick.choice(known.spans)[-12:]]
    if pick.random() < 0.5:
        spans = pick.sample(spans, min(len(spans), 3))
    logs = [_copy(log) for log in pick.sample(known.logs, min(len(known.logs), pick.choice((0, 1, 6))))]
    for log in logs:
        # Mostly of a span that comes with it.
        if pick.random() < 0.8:
            of = pick.choice(spans)
            log.trace_id, log.span_id = of.trace_id, of.span_id
    if pick.random() < 0.2:  # All of one trace, whatever they were.
        for span in spans:
            span.trace_id = spans[0].trace_id
    records = spans + logs
    for _ in range(pick.choice((1, 2, 4, 8, 16))):
        _change(pick.choice(records), pick, records)
    return spans, logs


def _copy(record: Record) -> Record:
    events = [replace(event, attributes=list(event.attributes)) for event in record.events]
    return replace(record, attributes=list(record.attributes), events=events, resource=list(record.resource))


def otlp_value(value: object) -> AnyValue:
    """As protobuf can carry it: 64 bits, no lone surrogates, and not deeper than its library builds messages."""
    return any_value(_carried(value, 0))


def _carried(value: object, depth: int) -> Any:
    match value:
        case bool() | float() | bytes():
            return value
        case int():
            return max(-(2**63), min(value, 2**63 - 1))
        case list() | tuple() if depth < _MAX_NESTING:
            return [_carried(item, depth + 1) for item in value]
        case dict() if depth < _MAX_NESTING:
            return {carried_text(name): _carried(item, depth + 1) for name, item in value.items()}
        case None:
            return ""
    return carried_text(value)


def carried_text(value: object) -> str:
    return str(value).encode(errors="replace").decode()
