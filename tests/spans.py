"""Spans for tests: ids that count and clocks that tick, so that a whole answer can be written down."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.projection import assemble
from domain.records import (
    EPOCH,
    InputMessage,
    MessageKind,
    MessageRecord,
    MessageView,
    SpanContent,
    SpanRecord,
    Status,
    TurnRecord,
)
from domain.usage import llm_calls

START = datetime(2026, 1, 1, tzinfo=UTC)
OPEN = -1.0
"""As an end: the span is still running."""

_CONTENT_FIELDS = {item.name for item in fields(SpanContent)}


def at(ms: float) -> datetime:
    """Milliseconds on the tests' clock."""
    return START + timedelta(microseconds=round(ms * 1000))


def asked(text: str, *refs: str) -> InputMessage:
    return InputMessage(text, refs, is_task_notification=False)


def notified(text: str, *refs: str) -> InputMessage:
    return InputMessage(text, refs, is_task_notification=True)


def content(
    new_input: Sequence[InputMessage] = (), history: Sequence[InputMessage] = (), **columns: Any
) -> SpanContent:
    """A span's content whose digests agree with its user-side messages: those it adds, and those it replays."""
    seen = [*history, *new_input]
    texts = [message.text for message in seen if message.text and not message.is_task_notification]
    notifications = [message for message in seen if message.is_task_notification]
    digests: dict[str, Any] = {
        "new_input": tuple(new_input),
        "prompt": texts[-1] if texts else "",
        "task_notification": notifications[-1] if notifications else None,
        "user_refs": tuple(dict.fromkeys(ref for message in seen for ref in message.refs)),
    }
    return SpanContent(**(digests | columns))


@dataclass
class TraceOfSpans:
    """One trace. Each span starts a second after the one before and lasts half a second, unless told otherwise."""

    trace_id: str = f"{0xA1:032x}"
    conversation_id: str = "conversation"
    spans: list[SpanRecord] = field(default_factory=list)

    def span(
        self,
        operation: str = "",
        parent: SpanRecord | str | None = None,
        *,
        start_ms: float | None = None,
        end_ms: float | None = None,
        **columns: Any,
    ) -> SpanRecord:
        """A span of any operation. `columns` are the record's, its content's, and what `content` takes."""
        number = len(self.spans) + 1
        start_ms = (number - 1) * 1000 if start_ms is None else start_ms
        end_ms = start_ms + 500 if end_ms is None else end_ms
        bodies = {name: columns.pop(name) for name in [*columns] if name in _CONTENT_FIELDS or name == "history"}
        columns.setdefault("span_id", f"{number:016x}")
        columns.setdefault("name", operation or "step")
        columns.setdefault("status", Status.UNSET)
        columns.setdefault("conversation_id", self.conversation_id)
        record = SpanRecord(
            trace_id=self.trace_id,
            parent_span_id=parent.span_id if isinstance(parent, SpanRecord) else parent or "",
            operation_name=operation,
            started_at=at(start_ms),
            ended_at=EPOCH if end_ms == OPEN else at(end_ms),
            content=content(**bodies),
            **columns,
        )
        self.spans.append(record)
        return record

    def agent(self, agent_name: str = "", parent: SpanRecord | str | None = None, **columns: Any) -> SpanRecord:
        return self.span("invoke_agent", parent, agent_name=agent_name, **columns)

    def chat(self, output_text: str = "", parent: SpanRecord | str | None = None, **columns: Any) -> SpanRecord:
        return self.span("chat", parent, output_text=output_text, **columns)

    def tool(self, tool_name: str = "", parent: SpanRecord | str | None = None, **columns: Any) -> SpanRecord:
        return self.span("execute_tool", parent, tool_name=tool_name, **columns)

    def turn(self) -> TurnRecord:
        return assemble(self.trace_id, self.conversation_id, self.spans, self.spans, llm_calls(self.spans))

    def timeline(self, view: MessageView = MessageView.WEAVE) -> list[str]:
        """A line per message: who does what."""
        return [line(message) for message in self.messages(view)]

    def messages(self, view: MessageView = MessageView.FULL) -> list[MessageRecord]:
        return [message for message in self.turn().messages if message.only_in in ("", view)]


def line(message: MessageRecord) -> str:
    who = message.agent_name or "-"
    match message.kind:
        case MessageKind.USER_MESSAGE | MessageKind.ASSISTANT_MESSAGE:
            return f"{who}: {message.text}"
        case MessageKind.TOOL_CALL:
            return f"{who} calls {message.tool_name}"
        case MessageKind.CONTEXT_COMPACTED:
            return f"{who} forgets"
        case MessageKind.AGENT_HANDOFF:
            return f"{message.handoff_from or '-'} hands over to {message.handoff_to or '-'}"
        case _:
            return f"{who} starts: {message.system_instructions}" if message.system_instructions else f"{who} starts"
