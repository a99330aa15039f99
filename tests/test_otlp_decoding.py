"""OTLP off the wire: what is taken, what is refused and with which words, and that nothing is lost on the way."""

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, LogsData, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span, TracesData
from opentelemetry.proto.trace.v1.trace_pb2 import Status as OtlpStatus

from domain.errors import UndecodableBody
from domain.otlp import BodyFormat, decode_logs, decode_stored_log, decode_stored_span, decode_traces
from domain.otlp.wire import enclosed
from domain.records import RawSpan, SpanEvent, Status
from tests.otlp_requests import (
    END,
    PARENT,
    SPAN,
    START,
    TRACE,
    a_span,
    body_of,
    json_body,
    json_span,
    key_values,
    only_span,
    request_of,
)

BOTH_FORMATS = pytest.mark.parametrize("body_format", list(BodyFormat))


def attribute(value: Any) -> Any:
    """A value after its way through protobuf."""
    return only_span(request_of(a_span({"key": value})).SerializeToString()).attributes["key"]


# ----------------------------------------------------------------------------------------------------------------------
# What is taken


@BOTH_FORMATS
def test_a_span_arrives_with_all_its_fields_in_either_format(body_format: BodyFormat) -> None:
    span = a_span(
        {"text": "Où?", "flag": True, "count": -7, "share": 0.5, "list": ["a", 1, None], "map": {"k": {"n": 2}}},
        parent_span_id=PARENT,
        kind=Span.SPAN_KIND_CLIENT,
        status=OtlpStatus(code=OtlpStatus.STATUS_CODE_ERROR, message="late"),
        events=[Span.Event(name="exception", time_unix_nano=START + 1, attributes=key_values({"exception.type": "E"}))],
    )
    request = request_of(span, resource={"wandb.entity": "acme", "wandb.project": "support", "n": 1})

    decoded = only_span(body_of(request, body_format), body_format)

    assert decoded == RawSpan(
        trace_id="0af7651916cd43dd8448eb211c80319c",
        span_id="b7ad6b7169203331",
        parent_span_id="0101010101010101",
        name="chat",
        kind=3,
        start_time_unix_nano=START,
        end_time_unix_nano=END,
        status=Status.ERROR,
        status_message="late",
        attributes={
            "text": "Où?",
            "flag": True,
            "count": -7,
            "share": 0.5,
            "list": ["a", 1, None],
            "map": {"k": {"n": 2}},
        },
        events=(SpanEvent("exception", START + 1, {"exception.type": "E"}),),
        resource={"wandb.entity": "acme", "wandb.project": "support", "n": 1},
        scope_name="tests",
        scope_version="1.0",
        project="acme/support",
        raw=TracesData.FromString(request.SerializeToString()).SerializeToString(),
    )


@pytest.mark.parametrize(
    ("sent", "decoded"),
    [
        ("", ""),
        ("x", "x"),
        (False, False),
        (0, 0),
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        (1e300, 1e300),
        (math.inf, math.inf),
        (b"\x00\xff", "AP8="),
        ([], []),
        ({}, {}),
        ([None], [None]),
        ([["a"], {"b": [True]}], [["a"], {"b": [True]}]),
        ("nul \0 here", "nul \ufffd here"),
        ({"nul\0": ["a\0b"]}, {"nul\ufffd": ["a\ufffdb"]}),
        ("x" * 1_000_000, "x" * 1_000_000),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_attribute_values_become_plain_python_values(sent: Any, decoded: Any) -> None:
    assert attribute(sent) == decoded
    assert type(attribute(sent)) is type(decoded)


def test_an_attribute_without_a_value_is_skipped_and_the_last_of_equal_keys_wins() -> None:
    span = a_span()
    span.attributes.extend([*key_values({"none": None, "twice": 1}), *key_values({"twice": 2})])
    span.attributes.append(KeyValue(key="profiles", value=AnyValue(string_value_strindex=3)))
    assert only_span(request_of(span).SerializeToString()).attributes == {"twice": 2}


def test_nul_characters_are_replaced_in_every_text() -> None:
    span = a_span(
        {"a\0": 1},
        name="n\0",
        status=OtlpStatus(message="s\0"),
        events=[Span.Event(name="e\0", attributes=key_values({"k\0": "v\0"}))],
    )
    decoded = only_span(request_of(span, resource={"r\0": "r\0"}).SerializeToString())
    assert (decoded.name, decoded.status_message, decoded.attributes) == ("n\ufffd", "s\ufffd", {"a\ufffd": 1})
    assert decoded.events == (SpanEvent("e\ufffd", 0, {"k\ufffd": "v\ufffd"}),)
    assert decoded.resource == {"r\ufffd": "r\ufffd"}


@pytest.mark.parametrize(("code", "status"), [(0, Status.UNSET), (1, Status.OK), (2, Status.ERROR), (7, Status.UNSET)])
def test_a_status_is_never_upgraded_and_an_odd_one_is_unset(code: int, status: Status) -> None:
    body = json_body(json_span(status={"code": code}))
    assert only_span(body, BodyFormat.JSON).status is status


@pytest.mark.parametrize("nanoseconds", [0, 1, 9_223_372_036_854_775_807, 2**64 - 1])
@BOTH_FORMATS
def test_every_time_of_64_bits_is_kept(nanoseconds: int, body_format: BodyFormat) -> None:
    request = request_of(a_span(start_time_unix_nano=nanoseconds, end_time_unix_nano=nanoseconds))
    decoded = only_span(body_of(request, body_format), body_format)
    assert (decoded.start_time_unix_nano, decoded.end_time_unix_nano) == (nanoseconds, nanoseconds)


@pytest.mark.parametrize(
    ("raw", "parent"), [(b"", ""), (bytes(8), ""), (bytes(3), ""), (b"\xab", "ab"), (b"\0\1", "0001")]
)
def test_a_parent_of_zeros_is_no_parent_and_ids_of_other_lengths_are_taken(raw: bytes, parent: str) -> None:
    assert only_span(request_of(a_span(parent_span_id=raw)).SerializeToString()).parent_span_id == parent


@pytest.mark.parametrize(
    ("resource", "project"),
    [
        ({"wandb.entity": "acme", "wandb.project": "support"}, "acme/support"),
        ({"wandb.entity": "acme"}, ""),
        ({"wandb.entity": "", "wandb.project": "support"}, ""),
        ({"wandb.entity": 1, "wandb.project": "support"}, ""),
    ],
)
def test_the_project_comes_from_two_resource_attributes(resource: dict[str, Any], project: str) -> None:
    assert only_span(request_of(a_span(), resource=resource).SerializeToString()).project == project


@BOTH_FORMATS
def test_an_empty_request_has_no_spans(body_format: BodyFormat) -> None:
    decoded = decode_traces(b"{}" if body_format is BodyFormat.JSON else b"", body_format)
    assert (decoded.spans, decoded.rejected) == ([], 0)


def test_the_order_of_spans_is_that_of_the_request() -> None:
    request = request_of(*(a_span(span_id=bytes([n])) for n in (3, 1, 2)))
    request.MergeFrom(request_of(a_span(span_id=b"\x05")))
    decoded = decode_traces(request.SerializeToString(), BodyFormat.PROTOBUF)
    assert [span.span_id for span in decoded.spans] == ["03", "01", "02", "05"]


# ----------------------------------------------------------------------------------------------------------------------
# Protobuf: one bad span among good ones


def with_spliced(*spans: bytes) -> bytes:
    """A request whose spans have exactly these bytes."""
    section = b"".join(enclosed(2, span) or b"\x12\x00" for span in spans)
    return enclosed(1, enclosed(2, section))


@pytest.mark.parametrize(
    ("bad", "named", "problem"),
    [
        (a_span(trace_id=b"").SerializeToString(), f"span {SPAN.hex()}", "it has no trace id"),
        (a_span(trace_id=bytes(16)).SerializeToString(), f"span {SPAN.hex()}", "its trace id is all zeros"),
        (a_span(trace_id=b"x" * 33).SerializeToString(), f"span {SPAN.hex()}", "its trace id has more than 32 bytes"),
        (a_span(span_id=b"").SerializeToString(), "span chat", "it has no span id"),
        (a_span(span_id=bytes(8)).SerializeToString(), "span 0000000000000000", "its span id is all zeros"),
        (a_span(parent_span_id=b"x" * 33).SerializeToString(), f"span {SPAN.hex()}", "its parent span id has more"),
        (b"", "span ?", "it has no trace id"),
        (b"\x0a\x10short", "span number 2", "breaks off in a field at byte 2"),
        (b"\xff" * 12, "span number 2", "breaks off in a number at byte 0"),
        (b"\x0b", "span number 2", "has no known field at byte 1"),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_one_bad_span_is_rejected_by_name_and_the_others_are_kept(bad: bytes, named: str, problem: str) -> None:
    first, last = a_span(span_id=b"\1").SerializeToString(), a_span(span_id=b"\2").SerializeToString()
    decoded = decode_traces(with_spliced(first, bad, last), BodyFormat.PROTOBUF)
    assert [span.span_id for span in decoded.spans] == ["01", "02"]
    assert decoded.rejected == 1
    assert decoded.errors[0].startswith(f"{named}: {problem}")


@pytest.mark.parametrize(
    "fields_with",
    [
        lambda text: {"name": text},
        lambda text: {"trace_state": text},
        lambda text: {"attributes": {text: text}},
        lambda text: {"attributes": {"k": [text, {text: [text]}]}},
        lambda text: {"events": [Span.Event(name=text, attributes=key_values({"k": text}))]},
        lambda text: {"links": [Span.Link(trace_state=text, attributes=key_values({"k": text}))]},
        lambda text: {"status": OtlpStatus(message=text)},
    ],
)
def test_texts_that_are_not_utf8_are_mended_and_nothing_else_is_changed(
    fields_with: Callable[[str], dict[str, Any]],
) -> None:
    broken = a_span(**fields_with("@@@@")).SerializeToString().replace(b"@@@@", b"a\xc3(b")
    decoded = only_span(with_spliced(broken))
    stored = TracesData.FromString(decoded.raw).resource_spans[0].scope_spans[0].spans[0]
    assert stored == a_span(**fields_with("a\ufffd(b"))
    assert decode_stored_span(decoded.raw) == decoded


def test_a_resource_and_a_scope_that_are_not_utf8_are_mended() -> None:
    request = request_of(a_span(), resource={"@@": "@@"})
    body = request.SerializeToString().replace(b"@@", b"\xff\xfe").replace(b"\x05tests", b"\x05te\xffts")
    decoded = only_span(body.replace(b"resource/1", b"resource/\xff"))
    assert TracesData.FromString(decoded.raw).resource_spans[0].schema_url == "resource/\ufffd"
    assert (decoded.resource, decoded.scope_name) == ({"\ufffd\ufffd": "\ufffd\ufffd"}, "te\ufffdts")
    assert decode_stored_span(decoded.raw) == decoded


def test_spans_of_a_broken_resource_are_counted_and_those_of_others_kept() -> None:
    broken = request_of(a_span(), a_span()).SerializeToString().replace(b"service.name", b"service.nam\xff")
    broken = broken.replace(b"\x0a\x0cservice", b"\x0a\x7fservice")
    decoded = decode_traces(broken + request_of(a_span()).SerializeToString(), BodyFormat.PROTOBUF)
    assert (len(decoded.spans), decoded.rejected) == (1, 2)
    assert decoded.errors == ["spans without a readable resource and scope: breaks off in a field at byte 2"]


def deep_in_protobuf(depth: int) -> bytes:
    value = enclosed(1, b"deep")
    for _ in range(depth):
        value = enclosed(6, enclosed(1, enclosed(1, b"in") + enclosed(2, value)))
    attribute = enclosed(9, enclosed(1, b"k") + enclosed(2, value))
    return with_spliced(a_span().SerializeToString() + attribute, a_span(span_id=b"\2").SerializeToString())


def deep_in_json(depth: int) -> bytes:
    head, tail = '{"kvlistValue":{"values":[{"key":"in","value":', "}]}}"
    body = json_body(json_span(attributes=[{"key": "k", "value": "HERE"}]), json_span(spanId="02"))
    return body.replace(b'"HERE"', (head * depth + '{"stringValue":"deep"}' + tail * depth).encode())


@pytest.mark.parametrize(("depth", "taken"), [(1, True), (28, True), (60, False), (200, False)])
@BOTH_FORMATS
def test_a_span_with_values_nested_too_deeply_is_rejected(depth: int, taken: bool, body_format: BodyFormat) -> None:
    body = deep_in_json(depth) if body_format is BodyFormat.JSON else deep_in_protobuf(depth)
    decoded = decode_traces(body, body_format)
    assert [span.span_id for span in decoded.spans] == [SPAN.hex()] * taken + ["02"]
    if taken:
        assert str(decoded.spans[0].attributes).count("in") == depth
        assert decode_stored_span(decoded.spans[0].raw) == decoded.spans[0]
    else:
        assert "its values are nested too deeply" in decoded.errors[0]


def test_resources_and_scopes_in_several_pieces_and_in_any_order_are_merged() -> None:
    whole = request_of(a_span()).SerializeToString()
    more = ResourceSpans(resource=Resource(attributes=key_values({"late": 1}))).SerializeToString()
    group = ExportTraceServiceRequest.FromString(whole).resource_spans[0].SerializeToString() + more
    body = b"\x0a" + bytes([len(group) & 0x7F | 0x80, len(group) >> 7]) + group
    assert only_span(body).resource == {"service.name": "shop", "late": 1}


# ----------------------------------------------------------------------------------------------------------------------
# Bodies that are no request


@pytest.mark.parametrize(
    ("body", "body_format", "said"),
    [
        (request_of(a_span()).SerializeToString()[:-5], BodyFormat.PROTOBUF, "ExportTraceServiceRequest in protobuf"),
        (b"\xff" * 40, BodyFormat.PROTOBUF, "ExportTraceServiceRequest in protobuf"),
        (b"not a span", BodyFormat.PROTOBUF, "ExportTraceServiceRequest in protobuf"),
        (b'{"resourceSpans":[]}', BodyFormat.PROTOBUF, "ExportTraceServiceRequest in protobuf"),
        (b"", BodyFormat.JSON, "not JSON, an ExportTraceServiceRequest was expected"),
        (b'{"resourceSpans":', BodyFormat.JSON, "not JSON"),
        (b"\x0a\xff\xfe", BodyFormat.JSON, "not JSON"),
        (b"[" * 100_000, BodyFormat.JSON, "The body is"),
        (b"[" * 5_000 + b"]" * 5_000, BodyFormat.JSON, "The body is"),
        (b"[]", BodyFormat.JSON, "not a JSON object"),
        (b"null", BodyFormat.JSON, "not a JSON object"),
        (b'"text"', BodyFormat.JSON, "not a JSON object"),
        (b'{"resourceSpans":{}}', BodyFormat.JSON, "resourceSpans in the body is not a list of objects"),
        (b'{"resourceSpans":[7]}', BodyFormat.JSON, "resourceSpans in the body is not a list of objects"),
        (b'{"resourceSpans":[{"scopeSpans":7}]}', BodyFormat.JSON, "scopeSpans in the body is not a list of objects"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_body_that_is_no_request_is_refused_saying_what_was_expected(
    body: bytes, body_format: BodyFormat, said: str
) -> None:
    with pytest.raises(UndecodableBody, match=said):
        decode_traces(body, body_format)


def test_spans_that_are_no_list_are_counted_as_one() -> None:
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": {"a": 1}}, {"spans": [json_span()]}]}]}).encode()
    decoded = decode_traces(body, BodyFormat.JSON)
    assert (len(decoded.spans), decoded.rejected, decoded.errors) == (1, 1, ["spans is not a list"])


@BOTH_FORMATS
def test_what_is_well_formed_but_no_span_is_rejected(body_format: BodyFormat) -> None:
    record = LogRecord(trace_id=TRACE, span_id=SPAN, body=AnyValue(string_value="hi"))
    logs = ExportLogsServiceRequest(resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=[record])])])
    if body_format is BodyFormat.PROTOBUF:
        assert decode_traces(logs.SerializeToString(), body_format).rejected == 1
    else:
        assert decode_traces(b'{"resourceLogs":[]}', body_format).spans == []


# ----------------------------------------------------------------------------------------------------------------------
# Stored spans


@BOTH_FORMATS
def test_a_stored_span_is_read_back_as_it_was(body_format: BodyFormat) -> None:
    request = request_of(
        a_span({"a": [1, {"b": b"\x01"}], "nul": "\0"}, parent_span_id=PARENT),
        a_span({"x": 1.5}, span_id=b"\2", end_time_unix_nano=0),
        resource={"wandb.entity": "e", "wandb.project": "p"},
    )
    request.MergeFrom(request_of(a_span(span_id=b"\3"), resource={"other": True}))
    decoded = decode_traces(body_of(request, body_format), body_format)
    assert len(decoded.spans) == 3
    assert [decode_stored_span(span.raw) for span in decoded.spans] == decoded.spans


def test_a_stored_span_keeps_what_is_not_decoded() -> None:
    sent = a_span(links=[Span.Link(trace_id=TRACE, span_id=PARENT)], trace_state="a=b", dropped_events_count=4)
    raw = only_span(request_of(sent).SerializeToString()).raw
    group = TracesData.FromString(raw).resource_spans[0]
    assert group.scope_spans[0].spans[0] == sent
    assert (group.schema_url, group.scope_spans[0].schema_url) == ("resource/1", "scope/1")


@pytest.mark.parametrize("raw", [b"", b"\xff", with_spliced(b""), with_spliced(b"\xff")])
def test_a_damaged_stored_span_is_an_error(raw: bytes) -> None:
    with pytest.raises(UndecodableBody):
        decode_stored_span(raw)
    with pytest.raises(UndecodableBody):
        decode_stored_log(raw[:1])


# ----------------------------------------------------------------------------------------------------------------------
# Logs


def logs_of(*records: LogRecord) -> bytes:
    resource = Resource(attributes=key_values({"wandb.entity": "acme", "wandb.project": "support"}))
    group = ResourceLogs(resource=resource, scope_logs=[ScopeLogs(log_records=records)])
    return ExportLogsServiceRequest(resource_logs=[group]).SerializeToString()


def test_log_records_arrive_with_their_place_in_the_trace() -> None:
    body = logs_of(
        LogRecord(trace_id=TRACE, span_id=SPAN, event_name="gen_ai.choice", time_unix_nano=7),
        LogRecord(observed_time_unix_nano=8, attributes=key_values({"event.name": "older\0"})),
        LogRecord(trace_id=bytes(16), span_id=bytes(8), attributes=key_values({"event.name": 7})),
    )
    decoded = decode_logs(body, BodyFormat.PROTOBUF)
    assert [
        (record.trace_id, record.span_id, record.event_name, record.time_unix_nano) for record in decoded.records
    ] == [(TRACE.hex(), SPAN.hex(), "gen_ai.choice", 7), ("", "", "older\ufffd", 8), ("", "", "", 0)]
    assert {record.project for record in decoded.records} == {"acme/support"}
    assert [decode_stored_log(record.raw) for record in decoded.records] == decoded.records
    assert LogsData.FromString(decoded.records[0].raw).resource_logs[0].scope_logs[0].log_records[0].time_unix_nano == 7


def test_json_log_records_are_read_and_bad_ones_counted() -> None:
    good = {"traceId": TRACE.hex(), "eventName": "e", "severityNumber": "INFO", "body": {"stringValue": "b"}}
    records = [good, {"traceId": "xyz"}, {"spanId": "ab" * 33}]
    body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).encode()
    decoded = decode_logs(body, BodyFormat.JSON)
    assert [record.event_name for record in decoded.records] == ["e"]
    assert decoded.errors == [
        "log record number 2: traceId: is not an id in hex digits",
        f"log record of span {'ab' * 32}: its span id has more than 32 bytes",
    ]


def test_a_body_that_is_no_logs_request_is_refused() -> None:
    with pytest.raises(UndecodableBody, match="ExportLogsServiceRequest"):
        decode_logs(b"\xff", BodyFormat.PROTOBUF)
