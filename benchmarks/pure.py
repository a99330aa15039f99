"""The pure functions on the way in, alone: decode, understand, project. No database."""

import time
from collections.abc import Callable

import orjson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks import generator
from benchmarks.harness import Result, Scale, Work, interleaved
from domain.dialects import understand
from domain.otlp import BodyFormat, decode_traces
from domain.projection import turns_of_trace
from domain.records import MessageRecord, RawSpan, SpanRecord


async def measure(scale: Scale) -> list[Result]:
    traffic = generator.traffic(max(3, scale.ingest_spans // 40))
    spans = traffic.spans[: scale.ingest_spans]
    bodies = generator.requests(spans, 500)
    raws = [raw for body in bodies for raw in decode_traces(body, BodyFormat.PROTOBUF).spans]
    assert len(raws) == len(spans)
    records = [understand(raw) for raw in raws]
    traces: dict[str, list[SpanRecord]] = {}
    for record in records:
        traces.setdefault(record.trace_id, []).append(record)
    messages = [
        message
        for trace_id, group in traces.items()
        for turn in turns_of_trace(trace_id, group)
        for message in turn.messages
    ]
    assert len(messages) > len(spans) / 2

    def decode() -> None:
        for body in bodies:
            decode_traces(body, BodyFormat.PROTOBUF)

    def only_parse() -> None:
        for body in bodies:
            ExportTraceServiceRequest.FromString(body)

    def understand_all() -> None:
        for raw in raws:
            understand(raw)

    def only_json() -> None:
        for raw in raws:
            for text in _json_texts(raw):
                orjson.loads(text)

    def project() -> None:
        for trace_id, group in traces.items():
            turns_of_trace(trace_id, group)

    def only_messages() -> None:
        for group in traces.values():
            sorted(group, key=lambda span: (span.started_at, span.span_id))
        for m in messages:
            MessageRecord(m.kind, m.span_id, m.agent_name, m.agent_version, m.status, m.started_at)

    works = {
        "decode": decode,
        "parse": only_parse,
        "understand": understand_all,
        "json": only_json,
        "project": project,
        "messages": only_messages,
    }
    timed = {name: _once(work) for name, work in works.items()}
    # Of the processor, not of the wall: nothing here waits.
    seconds = await interleaved(scale.rounds, timed, clock=time.process_time)
    rate = {name: len(spans) / value for name, value in seconds.items()}
    return [
        Result("decode", rate["decode"], rate["parse"], "spans/s", "protobuf's FromString"),
        Result("understand", rate["understand"], rate["json"], "spans/s", "orjson.loads of the JSON attributes"),
        Result("project", rate["project"], rate["messages"], "spans/s", "sort the spans, make the messages' records"),
    ]


def _once(work: Callable[[], None]) -> Work:
    async def run(_: int) -> None:
        work()

    return run


def _json_texts(raw: RawSpan) -> list[str]:
    return [text for text in raw.attributes.values() if isinstance(text, str) and text[:1] in "[{" and text]
