"""What is said in a turn, how a client family tells it, and the OTLP that this makes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.client import T0_NS
from tests.otlp_requests import any_value, key_values

Attributes = dict[str, Any]
Message = dict[str, Any]


@dataclass(frozen=True)
class Story:
    """What is said in a turn."""

    conversation: str = "c1"
    history: tuple[tuple[str, str], ...] = (("user", "Hi"), ("assistant", "Hello, what can I do?"))
    question: str = "Where is my parcel?"
    arguments: str = '{"order": 1042}'
    result: str = '{"place": "Bremen"}'
    answer: str = "It is in Bremen."
    instructions: str = "Be kind."
    tools: str = '[{"type": "function", "name": "track", "parameters": {"type": "object"}}]'
    response: str = "resp"

    @property
    def texts(self) -> list[tuple[str, str]]:
        return [*self.history, ("user", self.question)]


@dataclass(frozen=True)
class Part:
    """One span; ids, times and what hangs below are added."""

    name: str
    attributes: Attributes
    events: Sequence[tuple[str, Attributes]] = ()
    logs: Sequence[tuple[str, Attributes, Any]] = ()
    """Event name, attributes and body of its log records."""


@dataclass(frozen=True)
class Turn:
    scope: str
    agent: Part
    calls: tuple[Part, Part]
    tool: Part


@dataclass
class Told:
    """A turn as OTLP: spans in the order in which they end, log records in the order in which they were written."""

    scope: str
    spans: list[Span] = field(default_factory=list)
    logs: list[LogRecord] = field(default_factory=list)


def told(turn: Turn, trace: str, start_ms: int = 0) -> Told:
    """The turn in a trace of its own, its ids made of the label, every instant another one."""
    found = Told(turn.scope)
    first, second = turn.calls
    below = [(first, 10, 290), (turn.tool, 300, 390), (second, 400, 890)]
    for number, (part, start, end) in enumerate([*below, (turn.agent, 0, 900)], 1):
        trace_id, span_id = bytes.fromhex(trace.zfill(32)), bytes.fromhex(f"{trace}{number:x}".zfill(16))
        parent = b"" if part is turn.agent else bytes.fromhex(f"{trace}4".zfill(16))
        start_ns = T0_NS + (start_ms + start) * 10**6
        found.spans.append(
            Span(
                name=part.name,
                start_time_unix_nano=start_ns,
                end_time_unix_nano=T0_NS + (start_ms + end) * 10**6,
                attributes=key_values(part.attributes),
                events=[
                    Span.Event(
                        name=name, time_unix_nano=start_ns + (place + 1) * 10**6, attributes=key_values(attributes)
                    )
                    for place, (name, attributes) in enumerate(part.events)
                ],
                trace_id=trace_id,
                span_id=span_id,
                parent_span_id=parent,
            )
        )
        found.logs += [
            LogRecord(
                event_name=name,
                time_unix_nano=start_ns + (place + 1) * 10**6,
                attributes=key_values(attributes),
                body=None if body is None else any_value(body),
                trace_id=trace_id,
                span_id=span_id,
            )
            for place, (name, attributes, body) in enumerate(part.logs)
        ]
    return found


def trace_request(scope: str, spans: Sequence[Span]) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.extend(key_values({"service.name": "agents"}))
    group.scope_spans.add(spans=spans).scope.name = scope
    return request


def log_request(scope: str, records: Sequence[LogRecord]) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    group.resource.attributes.extend(key_values({"service.name": "agents"}))
    group.scope_logs.add(log_records=records).scope.name = scope
    return request


# ----------------------------------------------------------------------------------------------------------------------
# What several families have in common


def used(story: Story, number: int) -> Attributes:
    return {
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.model": "gpt-4o-2024-08-06",
        "gen_ai.response.id": f"{story.response}_{number}",
        "gen_ai.response.finish_reasons": ["stop" if number == 2 else "tool_calls"],
        "gen_ai.usage.input_tokens": 100 * number,
        "gen_ai.usage.output_tokens": 10 * number,
    }


def old_events(story: Story) -> tuple[list[tuple[str, Attributes]], list[tuple[str, Attributes]]]:
    """1.28 to 1.36: what was said in both calls, one event for each message."""
    asked = [("gen_ai.system.message", {"content": story.instructions})]
    asked += [(f"gen_ai.{role}.message", {"role": role, "content": said}) for role, said in story.texts]
    function = {"name": "track", "arguments": story.arguments}
    called = {"role": "assistant", "tool_calls": [{"id": "call_1", "type": "function", "function": function}]}
    returned = {"role": "tool", "id": "call_1", "content": story.result}
    answered = {"role": "assistant", "content": story.answer}
    more: list[tuple[str, Attributes]] = [("gen_ai.assistant.message", called), ("gen_ai.tool.message", returned)]
    return (
        [*asked, ("gen_ai.choice", {"index": 0, "finish_reason": "tool_calls", "message": called})],
        [*asked, *more, ("gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": answered})],
    )


def openai_messages(story: Story) -> list[Message]:
    """As in a request to Chat Completions."""
    *said, _ = old_events(story)[1]
    return [{"role": name.split(".")[1], **body} for name, body in said]


def flattened(prefix: str, value: Any) -> Attributes:
    if isinstance(value, list):
        value = {str(index): item for index, item in enumerate(value)}
    if isinstance(value, dict):
        return {
            key: inner for name, item in value.items() for key, inner in flattened(f"{prefix}.{name}", item).items()
        }
    return {prefix: value}
