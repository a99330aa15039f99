"""Export requests to the records in them: what is common to traces and logs, in protobuf and in JSON."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from domain.errors import UndecodableBody
from domain.otlp import json_form, wire
from domain.otlp.values import attributes_of, clean
from domain.otlp.wire import Envelope, MalformedWire, Shape, TooDeep

MAX_ID_BYTES = 32
"""OTLP: trace ids have 16 bytes and span ids 8. Weave takes any length; this bound keeps index rows small."""

SHOWN_ERRORS = 20
"""Weave: an ingest answer quotes the first 20 messages."""

_MAX_ERROR_CHARACTERS = 300


class BodyFormat(StrEnum):
    """How a request is written, and so its answer; the values are the media types."""

    PROTOBUF = "application/x-protobuf"
    JSON = "application/json"


class Unreadable(ValueError):
    """A record that cannot be taken; the text says why, without naming the record."""


@dataclass(slots=True)
class Rejections:
    """Counts what was not taken, and keeps as many messages as an answer can show (and one more)."""

    count: int = 0
    errors: list[str] = field(default_factory=list)

    def add(self, error: str, records: int = 1) -> None:
        self.count += records
        if len(self.errors) <= SHOWN_ERRORS:
            self.errors.append(error[:_MAX_ERROR_CHARACTERS])


@dataclass(frozen=True, slots=True)
class Section:
    """What the records of one scope share."""

    resource: dict[str, Any]
    project: str
    scope_name: str
    scope_version: str
    envelope: Envelope


_RecordT = TypeVar("_RecordT", Span, LogRecord)
_MessageT = TypeVar("_MessageT", bound=Message)


@dataclass(frozen=True, slots=True)
class Signal(Generic[_RecordT]):
    """What tells traces and logs apart: names and types, the structure is the same."""

    word: str
    request_name: str
    groups: tuple[str, str]
    """The member's name in camelCase and in snake_case, as are the next two."""
    sections: tuple[str, str]
    records: tuple[str, str]
    record_type: Callable[[], _RecordT]
    shape: Shape


TRACES = Signal(
    word="span",
    request_name="ExportTraceServiceRequest",
    groups=("resourceSpans", "resource_spans"),
    sections=("scopeSpans", "scope_spans"),
    records=("spans", "spans"),
    record_type=Span,
    shape=wire.SPAN,
)
LOGS = Signal(
    word="log record",
    request_name="ExportLogsServiceRequest",
    groups=("resourceLogs", "resource_logs"),
    sections=("scopeLogs", "scope_logs"),
    records=("logRecords", "log_records"),
    record_type=LogRecord,
    shape=wire.LOG_RECORD,
)


def records_of(
    body: bytes, body_format: BodyFormat, signal: Signal[_RecordT], rejections: Rejections
) -> Iterator[tuple[Section, _RecordT, bytes]]:
    """(what is around it, the record, its bytes) for each record that can be parsed; the others are counted.

    Raises UndecodableBody, before anything is given out, when the body is no such request.
    """
    if body_format is BodyFormat.JSON:
        return _records_of_json(_json_groups(body, signal), signal, rejections)
    try:
        groups = wire.read_envelope(body)
    except MalformedWire as error:
        raise UndecodableBody(f"The body is not an {signal.request_name} in protobuf: it {error}.") from error
    return _records_of_wire(groups, signal, rejections)


def identifier(raw: bytes, name: str, *, required: bool = False) -> str:
    """Lower-case hex; "" for none and for all zeros, which OTLP calls invalid. Raises Unreadable."""
    if len(raw) > MAX_ID_BYTES:
        raise Unreadable(f"its {name} has more than {MAX_ID_BYTES} bytes")
    if raw.strip(b"\0"):
        return raw.hex()
    if required:
        raise Unreadable(f"its {name} is all zeros" if raw else f"it has no {name}")
    return ""


# ----------------------------------------------------------------------------------------------------------------------
# Protobuf


def _records_of_wire(
    groups: list[wire.WireGroup], signal: Signal[_RecordT], rejections: Rejections
) -> Iterator[tuple[Section, _RecordT, bytes]]:
    position = 0
    for group in groups:
        for part in group.sections:
            try:
                section = _wire_section(group, part)
            except (MalformedWire, TooDeep) as error:
                if part.records:
                    rejections.add(f"{signal.word}s without a readable resource and scope: {error}", len(part.records))
                continue
            for data in part.records:
                position += 1
                try:
                    record, data = _parsed(signal.record_type(), data, signal.shape)
                except (MalformedWire, TooDeep) as error:
                    rejections.add(f"{signal.word} number {position}: {error}")
                    continue
                yield section, record, data


def _wire_section(group: wire.WireGroup, part: wire.WireSection) -> Section:
    resource, resource_bytes = _parsed(Resource(), group.resource, wire.RESOURCE)
    scope, scope_bytes = _parsed(InstrumentationScope(), part.scope, wire.SCOPE)
    envelope = Envelope(
        resource=resource_bytes,
        group_schema_url=group.schema_url,
        scope=scope_bytes,
        section_schema_url=part.schema_url,
    )
    return _section(resource, scope, envelope)


def _parsed(message: _MessageT, data: bytes, shape: Shape) -> tuple[_MessageT, bytes]:
    """The message in the data, and the data, mended where a text was not UTF-8. Raises MalformedWire or TooDeep."""
    try:
        message.ParseFromString(data)
    except DecodeError:
        data = wire.with_valid_texts(data, shape)
        try:
            message.ParseFromString(data)
        except DecodeError as error:
            raise MalformedWire(f"cannot be parsed: {error}") from error
    return message, data


# ----------------------------------------------------------------------------------------------------------------------
# JSON


def _json_groups(body: bytes, signal: Signal[_RecordT]) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """(group, its sections). Raises UndecodableBody when the envelope is not what it should be."""
    document = json_form.parse_document(body, request_name=signal.request_name)
    groups = _objects(document, signal.groups)
    return [(group, _objects(group, signal.sections)) for group in groups]


def _objects(owner: dict[str, Any], names: tuple[str, str]) -> list[dict[str, Any]]:
    value = json_form.member(owner, *names)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise UndecodableBody(f"{names[0]} in the body is not a list of objects.")
    return value


def _records_of_json(
    groups: list[tuple[dict[str, Any], list[dict[str, Any]]]], signal: Signal[_RecordT], rejections: Rejections
) -> Iterator[tuple[Section, _RecordT, bytes]]:
    position = 0
    for group, parts in groups:
        for part in parts:
            documents = json_form.member(part, *signal.records) or []
            if not isinstance(documents, list):
                rejections.add(f"{signal.records[0]} is not a list")
                continue
            try:
                section = _json_section(group, part)
            except (json_form.MemberError, TooDeep) as error:
                if documents:
                    rejections.add(f"{signal.word}s without a readable resource and scope: {error}", len(documents))
                continue
            for document in documents:
                position += 1
                record = signal.record_type()
                try:
                    if not isinstance(document, dict):
                        raise json_form.MemberError("it is not an object")
                    json_form.fill(record, document)
                except (json_form.MemberError, TooDeep) as error:
                    rejections.add(f"{_json_label(document, signal.word, position)}: {error}")
                    continue
                yield section, record, record.SerializeToString()


def _json_section(group: dict[str, Any], part: dict[str, Any]) -> Section:
    resource, scope = Resource(), InstrumentationScope()
    json_form.fill(resource, _object(group.get("resource"), "resource"))
    json_form.fill(scope, _object(part.get("scope"), "scope"))
    envelope = Envelope(
        resource=resource.SerializeToString(),
        group_schema_url=_schema_url(group),
        scope=scope.SerializeToString(),
        section_schema_url=_schema_url(part),
    )
    return _section(resource, scope, envelope)


def _object(value: object, name: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise json_form.MemberError(f"{name}: is not an object")
    return value


def _schema_url(owner: dict[str, Any]) -> bytes:
    url = json_form.member(owner, "schemaUrl", "schema_url")
    return json_form.without_surrogates(url).encode() if isinstance(url, str) else b""


def _json_label(document: object, word: str, position: int) -> str:
    """A record that was not understood, as its sender would find it."""
    span_id = json_form.member(document, "spanId", "span_id") if isinstance(document, dict) else None
    if isinstance(span_id, str) and span_id:
        return f"{word} {json_form.without_surrogates(clean(span_id[: 2 * MAX_ID_BYTES]))}"
    return f"{word} number {position}"


# ----------------------------------------------------------------------------------------------------------------------


def _section(resource: Resource, scope: InstrumentationScope, envelope: Envelope) -> Section:
    attributes = attributes_of(resource.attributes)
    entity, project = attributes.get("wandb.entity"), attributes.get("wandb.project")
    named = isinstance(entity, str) and isinstance(project, str) and entity and project
    return Section(
        resource=attributes,
        project=f"{entity}/{project}" if named else "",
        scope_name=clean(scope.name),
        scope_version=clean(scope.version),
        envelope=envelope,
    )
