"""OTLP requests for tests, in protobuf and in JSON."""

import json
from base64 import b64decode
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from domain.otlp import BodyFormat, decode_traces
from domain.records import RawSpan

TRACE, SPAN, PARENT = bytes.fromhex("0af7651916cd43dd8448eb211c80319c"), bytes.fromhex("b7ad6b7169203331"), b"\x01" * 8
START, END = 1_767_225_600_000_000_123, 1_767_225_601_500_000_456


def any_value(value: Any) -> AnyValue:
    """A Python value as OTLP sends it; None is a value with nothing set."""
    match value:
        case None:
            return AnyValue()
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case str():
            return AnyValue(string_value=value)
        case bytes():
            return AnyValue(bytes_value=value)
        case list():
            return AnyValue(array_value=ArrayValue(values=[any_value(item) for item in value]))
        case dict():
            return AnyValue(kvlist_value=KeyValueList(values=key_values(value)))
    raise TypeError(value)


def key_values(attributes: dict[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()]


def a_span(attributes: dict[str, Any] | None = None, **fields: Any) -> Span:
    known: dict[str, Any] = {
        "trace_id": TRACE,
        "span_id": SPAN,
        "name": "chat",
        "start_time_unix_nano": START,
        "end_time_unix_nano": END,
        "attributes": key_values(attributes or {}),
    }
    return Span(**(known | fields))


def request_of(*spans: Span, resource: dict[str, Any] | None = None) -> ExportTraceServiceRequest:
    scope = InstrumentationScope(name="tests", version="1.0")
    group = ResourceSpans(
        resource=Resource(attributes=key_values(resource or {"service.name": "shop"})),
        scope_spans=[ScopeSpans(scope=scope, spans=spans, schema_url="scope/1")],
        schema_url="resource/1",
    )
    return ExportTraceServiceRequest(resource_spans=[group])


def body_of(request: ExportTraceServiceRequest, body_format: BodyFormat) -> bytes:
    if body_format is BodyFormat.PROTOBUF:
        return request.SerializeToString()
    document = MessageToDict(request, use_integers_for_enums=True)
    for group in document.get("resourceSpans", []):
        for section in group.get("scopeSpans", []):
            for span in section.get("spans", []):
                for name in {"traceId", "spanId", "parentSpanId"} & span.keys():
                    span[name] = b64decode(span[name]).hex()
    return json.dumps(document).encode()


def json_span(**members: Any) -> dict[str, Any]:
    known = {"traceId": TRACE.hex(), "spanId": SPAN.hex(), "name": "chat", "startTimeUnixNano": str(START)}
    return known | members


def json_body(*spans: Any) -> bytes:
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()


def only_span(body: bytes, body_format: BodyFormat = BodyFormat.PROTOBUF) -> RawSpan:
    decoded = decode_traces(body, body_format)
    assert (decoded.rejected, decoded.errors) == (0, [])
    (span,) = decoded.spans
    return span
