"""Records and spans that tell the same: of one call of a model or a tool, a client may send several. Pure.

One stands for all of them and takes what it lacks from the records, which then count nowhere else: the span of the
client itself where there is one, else the record that tells most.
"""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, Final

from domain.dialects import LOG_PREFIXES
from domain.records import SpanContent, SpanRecord, Status

_CLIENT_SPANS: Final = frozenset({"claude_code.llm_request", "claude_code.tool"})
"""What of these clients' spans may have twins. All other names with their prefixes are those of records."""

_CALLS: Final = frozenset({"chat", "assistant_text"})
_TOKENS: Final = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
_TEXTS: Final = (
    *("agent_name", "agent_id", "provider_name", "request_model", "response_model", "tool_name"),
    *("error_type", "status_message"),
)
_CONTENT: Final = tuple(field.name for field in fields(SpanContent))

Told = tuple[str, str, str]
"""A conversation, the kind of what is told of in it, and its id."""


def without_twins(spans: Sequence[SpanRecord]) -> Sequence[SpanRecord]:
    """The spans, in any order, but those of records that tell what another one tells."""
    groups: dict[Told, list[SpanRecord]] = {}
    for span in spans:
        if span.name.startswith(LOG_PREFIXES) and (told := _told(span)):
            groups.setdefault(told, []).append(span)
    merged: dict[str, SpanRecord | None] = {}
    for group in groups.values():
        first, *others = sorted(group, key=_order)
        for other in others:
            if other.name not in _CLIENT_SPANS:
                first = _filled(first, other)
                merged[other.span_id] = None
                merged[first.span_id] = first
    if not merged:
        return spans
    found = (merged.get(span.span_id, span) for span in spans)
    return [span for span in found if span is not None]


def _told(span: SpanRecord) -> Told | None:
    """None where it has no id."""
    if span.operation_name in _CALLS and span.response_id:
        return span.conversation_id, "answer", span.response_id
    if span.operation_name == "execute_tool" and span.content.tool_call_id:
        return span.conversation_id, "tool", span.content.tool_call_id
    return None


def _order(span: SpanRecord) -> tuple[Any, ...]:
    """The one that stands for all comes first: a span, then a call rather than its text, what took longest."""
    is_text = span.operation_name == "assistant_text"
    return span.name not in _CLIENT_SPANS, is_text, -span.duration_ms, span.started_at, span.span_id


def _filled(span: SpanRecord, other: SpanRecord) -> SpanRecord:
    gaps: dict[str, Any] = {name: getattr(other, name) for name in _TEXTS if not getattr(span, name)}
    if not any(getattr(span, name) for name in _TOKENS):
        gaps |= {name: getattr(other, name) for name in _TOKENS}
    if span.given_cost_nusd is None:
        gaps["given_cost_nusd"] = other.given_cost_nusd
    if span.status is Status.UNSET:
        gaps["status"] = other.status
    said = {name: getattr(other.content, name) for name in _CONTENT if not getattr(span.content, name)}
    return replace(span, **gaps, content=replace(span.content, **said))
