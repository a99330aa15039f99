"""What stands around OTLP: content encodings on the way in, answers on the way out."""

import gzip
import json
import zlib
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from domain.errors import BodyTooLarge, UndecodableBody, UnsupportedMediaType
from domain.otlp import (
    BodyFormat,
    decode_traces,
    decompress,
    error_response,
    joined_errors,
    logs_response,
    trace_response,
)
from tests.otlp_requests import json_body, json_span


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"hello" * 1000, ""),
        (b"hello" * 1000, " Identity "),
        (gzip.compress(b"hello" * 1000), "gzip"),
        (gzip.compress(b"hello" * 1000), "X-GZIP"),
        (gzip.compress(b"hello" * 400) + gzip.compress(b"hello" * 600), "gzip"),
        (gzip.compress(b"hello" * 1000) + bytes(70_000), "gzip"),
        (zlib.compress(b"hello" * 1000), "deflate"),
        (raw_deflate(b"hello" * 1000), "deflate"),
    ],
    ids=["empty", "identity", "gzip", "x-gzip", "members", "padding", "zlib", "raw"],
)
def test_content_encodings_are_undone_up_to_the_limit(body: bytes, encoding: str) -> None:
    assert decompress(body, encoding, max_bytes=5000) == b"hello" * 1000
    with pytest.raises(BodyTooLarge):
        decompress(body, encoding, max_bytes=4999)


def test_a_body_larger_than_one_piece_is_inflated_whole() -> None:
    body = b"".join(index.to_bytes(4, "big") for index in range(100_000))
    for compressed, encoding in ((gzip.compress(body), "gzip"), (zlib.compress(body), "deflate")):
        assert decompress(compressed, encoding, max_bytes=len(body)) == body


def test_a_gzip_bomb_is_refused_without_being_inflated() -> None:
    layer = gzip.compress(bytes(50_000_000))
    with pytest.raises(BodyTooLarge):
        decompress(layer * 100, "gzip", max_bytes=1_000_000)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: b"",
        lambda body: body[:-3],
        lambda body: body[:20] + b"\xff\xff\xff" + body[23:],
        lambda body: body + b"junk",
        lambda body: b"plain text",
    ],
    ids=["empty", "cut", "damaged", "followed", "plain"],
)
def test_a_broken_stream_is_refused(encoding: str, spoil: Any) -> None:
    whole = (gzip.compress if encoding == "gzip" else zlib.compress)(bytes(range(256)) * 40)
    with pytest.raises(UndecodableBody, match=f"not a whole {encoding} stream"):
        decompress(spoil(whole), encoding, max_bytes=100_000)


def test_a_flood_of_empty_gzip_members_is_refused() -> None:
    with pytest.raises(UndecodableBody):
        decompress(gzip.compress(b"") * 5_000, "gzip", max_bytes=1000)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "x" * 10_000])
def test_an_unknown_content_encoding_is_refused_saying_what_is_taken(encoding: str) -> None:
    with pytest.raises(UnsupportedMediaType, match="gzip, deflate or plain") as caught:
        decompress(b"", encoding, max_bytes=10)
    assert len(str(caught.value)) < 250


# ----------------------------------------------------------------------------------------------------------------------
# Answers


def test_an_answer_has_a_partial_success_only_when_something_was_rejected() -> None:
    assert trace_response(BodyFormat.PROTOBUF, 0, "") == logs_response(BodyFormat.PROTOBUF, 0, "") == b""
    assert trace_response(BodyFormat.JSON, 0, "") == logs_response(BodyFormat.JSON, 0, "") == b"{}"

    traces = ExportTraceServiceResponse.FromString(trace_response(BodyFormat.PROTOBUF, 3, "why")).partial_success
    assert (traces.rejected_spans, traces.error_message) == (3, "why")
    logs = ExportLogsServiceResponse.FromString(logs_response(BodyFormat.PROTOBUF, 3, "why")).partial_success
    assert (logs.rejected_log_records, logs.error_message) == (3, "why")
    assert json.loads(trace_response(BodyFormat.JSON, 3, "why")) == {
        "partialSuccess": {"rejectedSpans": "3", "errorMessage": "why"}
    }
    assert json.loads(logs_response(BodyFormat.JSON, 3, "why")) == {
        "partialSuccess": {"rejectedLogRecords": "3", "errorMessage": "why"}
    }


def test_an_error_answer_is_a_status_message() -> None:
    assert error_response(BodyFormat.PROTOBUF, "no") == b"\x08\x03\x12\x02no"
    assert json.loads(error_response(BodyFormat.JSON, "no", code=16)) == {"code": 16, "message": "no"}


def test_an_answer_quotes_the_first_20_errors() -> None:
    spans = [json_span(spanId=f"{n:02x}", traceId="") for n in range(1, 26)]
    decoded = decode_traces(json_body(*spans), BodyFormat.JSON)
    assert decoded.rejected == 25
    assert joined_errors(decoded.errors).split("; ") == [f"span {n:02x}: it has no trace id" for n in range(1, 21)] + [
        "..."
    ]
    assert joined_errors(["a", "b"]) == "a; b"


def test_a_long_error_is_cut() -> None:
    decoded = decode_traces(json_body(json_span(spanId=None, name="x" * 10_000)), BodyFormat.JSON)
    assert len(decoded.errors[0]) <= 300
