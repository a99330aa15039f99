"""OTLP/JSON: every spelling that clients use is read, and one bad span does not cost the others."""

import json
import math
from typing import Any

import pytest

from domain.otlp import BodyFormat, decode_traces
from domain.records import Status
from tests.otlp_requests import PARENT, SPAN, START, TRACE, json_body, json_span, only_span


@pytest.mark.parametrize(
    ("members", "field", "value"),
    [
        ({"traceId": TRACE.hex().upper()}, "trace_id", TRACE.hex()),
        ({"traceId": None, "trace_id": "AB"}, "trace_id", "ab"),
        ({"parentSpanId": None}, "parent_span_id", ""),
        ({"parentSpanId": ""}, "parent_span_id", ""),
        ({"parent_span_id": PARENT.hex()}, "parent_span_id", PARENT.hex()),
        ({"startTimeUnixNano": START}, "start_time_unix_nano", START),
        ({"startTimeUnixNano": 1.5e18}, "start_time_unix_nano", 1_500_000_000_000_000_000),
        ({"end_time_unix_nano": "5"}, "end_time_unix_nano", 5),
        ({"kind": 2}, "kind", 2),
        ({"kind": "2"}, "kind", 2),
        ({"kind": "SPAN_KIND_SERVER"}, "kind", 2),
        ({"kind": "server"}, "kind", 2),
        ({"kind": "SPAN_KIND_UNHEARD_OF"}, "kind", 0),
        ({"status": {"code": "STATUS_CODE_ERROR"}}, "status", Status.ERROR),
        ({"status": {"code": "ERROR"}}, "status", Status.ERROR),
        ({"status": {}}, "status", Status.UNSET),
        ({"status": None, "links": None, "events": None, "attributes": None}, "attributes", {}),
        ({"brandNew": {"x": [1]}, "flags": 257}, "name", "chat"),
        ({"name": "half \ud83d"}, "name", "half \ufffd"),
        ({"name": "whole \ud83d\udce6"}, "name", "whole 📦"),
    ],
    ids=repr,
)
def test_json_members_are_read_in_all_their_spellings(members: dict[str, Any], field: str, value: Any) -> None:
    assert getattr(only_span(json_body(json_span(**members)), BodyFormat.JSON), field) == value


@pytest.mark.parametrize(
    ("sent", "decoded"),
    [
        ({"stringValue": "x"}, "x"),
        ({"string_value": ""}, ""),
        ({"boolValue": False}, False),
        ({"intValue": "42"}, 42),
        ({"intValue": 42}, 42),
        ({"intValue": "-9223372036854775808"}, -(2**63)),
        ({"doubleValue": 1}, 1.0),
        ({"doubleValue": "Infinity"}, math.inf),
        ({"doubleValue": "-Infinity"}, -math.inf),
        ({"doubleValue": "1.5"}, 1.5),
        ({"bytesValue": "AP8="}, "AP8="),
        ({"bytesValue": "_-8"}, "/+8="),
        ({"arrayValue": {"values": [{"intValue": 1}, {}, {"arrayValue": {}}]}}, [1, None, []]),
        ({"kvlistValue": {"values": [{"key": "k", "value": {"boolValue": True}}]}}, {"k": True}),
        ({"stringValue": None, "intValue": 3}, 3),
        ({"stringValue": "lone \udfff"}, "lone \ufffd"),
    ],
    ids=repr,
)
def test_json_attribute_values_are_read_in_all_their_spellings(sent: dict[str, Any], decoded: Any) -> None:
    body = json_body(json_span(attributes=[{"key": "k", "value": sent}]))
    assert only_span(body, BodyFormat.JSON).attributes == {"k": decoded}


@pytest.mark.parametrize("sent", [{}, {"newKind": 1}, None])
def test_a_json_attribute_without_a_value_is_skipped(sent: Any) -> None:
    body = json_body(json_span(attributes=[{"key": "k", "value": sent}, {"key": "bare"}, None]))
    assert only_span(body, BodyFormat.JSON).attributes == {}


def test_nan_is_read_as_a_json_string_and_as_python_writes_it() -> None:
    body = json_body(json_span(attributes=[{"key": key, "value": {"doubleValue": "NaN"}} for key in "ab"]))
    attributes = only_span(body.replace(b'"NaN"', b"NaN", 1), BodyFormat.JSON).attributes
    assert math.isnan(attributes["a"])
    assert math.isnan(attributes["b"])


def test_json_that_is_not_quite_utf8_is_mended() -> None:
    body = json_body(json_span(name="caf?")).replace(b"caf?", b"caf\xc3")
    assert only_span(body, BodyFormat.JSON).name == "caf\ufffd"


def test_json_envelopes_may_use_snake_case_and_leave_members_null() -> None:
    group = {"resource": None, "scope_spans": [{"scope": None, "spans": [json_span()]}, {"spans": None}]}
    body = json.dumps({"resource_spans": [group, {"scopeSpans": None}]}).encode()
    assert only_span(body, BodyFormat.JSON).span_id == SPAN.hex()


@pytest.mark.parametrize(
    ("bad", "named", "problem"),
    [
        (json_span(traceId="xyz"), f"span {SPAN.hex()}", "traceId: is not an id in hex digits"),
        (json_span(traceId="abc"), f"span {SPAN.hex()}", "traceId: is not an id in hex digits"),
        (json_span(traceId="ab cd"), f"span {SPAN.hex()}", "traceId: is not an id in hex digits"),
        (json_span(traceId=7), f"span {SPAN.hex()}", "traceId: is not an id in hex digits"),
        (json_span(traceId=""), f"span {SPAN.hex()}", "it has no trace id"),
        (json_span(traceId="0" * 32), f"span {SPAN.hex()}", "its trace id is all zeros"),
        (json_span(traceId="ab" * 33), f"span {SPAN.hex()}", "its trace id has more than 32 bytes"),
        (json_span(spanId=None), "span chat", "it has no span id"),
        (json_span(spanId="zz"), "span zz", "spanId: is not an id in hex digits"),
        (json_span(spanId="0" * 16), "span 0000000000000000", "its span id is all zeros"),
        (json_span(startTimeUnixNano="-1"), f"span {SPAN.hex()}", "startTimeUnixNano: "),
        (json_span(startTimeUnixNano=2**64), f"span {SPAN.hex()}", "startTimeUnixNano: "),
        (json_span(startTimeUnixNano=1e300), f"span {SPAN.hex()}", "startTimeUnixNano: "),
        (json_span(startTimeUnixNano=0.5), f"span {SPAN.hex()}", "startTimeUnixNano: is not a whole number"),
        (json_span(endTimeUnixNano="soon"), f"span {SPAN.hex()}", "endTimeUnixNano: is not a whole number"),
        (json_span(name=7), f"span {SPAN.hex()}", "name: is not a string"),
        (json_span(attributes={}), f"span {SPAN.hex()}", "attributes: is not a list"),
        (json_span(attributes=[7]), f"span {SPAN.hex()}", "attributes: holds something else than objects"),
        (json_span(status=7), f"span {SPAN.hex()}", "status: is not an object"),
        (
            json_span(attributes=[{"key": "k", "value": {"intValue": "9" * 30}}]),
            f"span {SPAN.hex()}",
            "attributes.value.intValue: ",
        ),
        (
            json_span(attributes=[{"key": "k", "value": {"doubleValue": "much"}}]),
            f"span {SPAN.hex()}",
            "attributes.value.doubleValue: is not a number",
        ),
        (
            json_span(attributes=[{"key": "k", "value": {"boolValue": 1}}]),
            f"span {SPAN.hex()}",
            "attributes.value.boolValue: is neither true nor false",
        ),
        (
            json_span(attributes=[{"key": "k", "value": {"bytesValue": "!"}}]),
            f"span {SPAN.hex()}",
            "attributes.value.bytesValue: ",
        ),
        ("no object", "span number 2", "it is not an object"),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_one_bad_json_span_is_rejected_by_name_and_the_others_are_kept(bad: Any, named: str, problem: str) -> None:
    decoded = decode_traces(json_body(json_span(spanId="01"), bad, json_span(spanId="02")), BodyFormat.JSON)
    assert [span.span_id for span in decoded.spans] == ["01", "02"]
    assert decoded.rejected == 1
    assert decoded.errors[0].startswith(f"{named}: {problem}")


@pytest.mark.parametrize("part", [{"resource": 7}, {"scope": 7}, {"resource": {"attributes": 7}}])
def test_json_spans_of_an_unreadable_resource_or_scope_are_counted(part: dict[str, Any]) -> None:
    section = {"spans": [json_span(), json_span()]} | {key: part[key] for key in part if key == "scope"}
    group = {"scopeSpans": [section]} | {key: part[key] for key in part if key == "resource"}
    good = {"scopeSpans": [{"spans": [json_span()]}]}
    decoded = decode_traces(json.dumps({"resourceSpans": [group, good]}).encode(), BodyFormat.JSON)
    assert (len(decoded.spans), decoded.rejected) == (1, 2)


@pytest.mark.parametrize(("keys", "rejected"), [(["a", None, "b"], 0), ("a", 1), ([7], 1)])
def test_lists_of_plain_values_are_read_too(keys: Any, rejected: int) -> None:
    resource = {"entityRefs": [{"type": "service", "idKeys": keys}]}
    group = {"resource": resource, "scopeSpans": [{"spans": [json_span()]}]}
    assert decode_traces(json.dumps({"resourceSpans": [group]}).encode(), BodyFormat.JSON).rejected == rejected
