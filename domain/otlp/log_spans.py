"""A log record as a span: what it holds, in OTLP's other form."""

from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.trace.v1.trace_pb2 import Span, TracesData

_INTERNAL = 1


def span_of_log(
    raw: bytes,
    *,
    trace_id: str,
    span_id: str,
    parent_span_id: str,
    name: str,
    start_time_unix_nano: int,
    end_time_unix_nano: int,
) -> bytes:
    """RawLogRecord.raw as a RawSpan.raw: its attributes, in its resource and scope. Ids in hex, "" for no parent.

    The body is left to the record: in those that are made spans it is the event's name at most.
    """
    traces = TracesData()
    for group in LogsData.FromString(raw).resource_logs:
        resource_spans = traces.resource_spans.add(resource=group.resource, schema_url=group.schema_url)
        for section in group.scope_logs:
            spans = resource_spans.scope_spans.add(scope=section.scope, schema_url=section.schema_url).spans
            spans.extend(
                Span(
                    trace_id=bytes.fromhex(trace_id),
                    span_id=bytes.fromhex(span_id),
                    parent_span_id=bytes.fromhex(parent_span_id),
                    name=name,
                    kind=_INTERNAL,  # type: ignore[arg-type]
                    start_time_unix_nano=start_time_unix_nano,
                    end_time_unix_nano=end_time_unix_nano,
                    attributes=record.attributes,
                )
                for record in section.log_records
            )
    return traces.SerializeToString()
