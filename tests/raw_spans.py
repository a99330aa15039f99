"""Spans off the wire for tests of what is understood of them."""

from typing import Any

from domain.records import RawSpan, SpanEvent, Status

START = 1_767_225_600_000_000_000
"""2026-01-01T00:00:00Z in nanoseconds."""


def raw_span(attributes: dict[str, Any] | None = None, *events: SpanEvent, **fields: Any) -> RawSpan:
    known: dict[str, Any] = {
        "trace_id": f"{0xA1:032x}",
        "span_id": f"{0x10:016x}",
        "parent_span_id": "",
        "name": "span",
        "kind": 1,
        "start_time_unix_nano": START,
        "end_time_unix_nano": START + 1_500_000_000,
        "status": Status.UNSET,
        "status_message": "",
        "resource": {},
        "scope_name": "",
        "scope_version": "",
        "project": "",
        "raw": b"",
    }
    return RawSpan(**(known | {"attributes": attributes or {}, "events": events} | fields))


def event(name: str, attributes: dict[str, Any]) -> SpanEvent:
    return SpanEvent(name, START, attributes)
