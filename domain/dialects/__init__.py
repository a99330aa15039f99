"""Spans off the wire to spans as understood. One module per dialect; Weave's own rules come first.

keys.py has the tables of keys; tree.py, columns.py and messages.py read attributes, whatever the dialect.
"""

from collections.abc import Sequence
from typing import Final

from domain.dialects import (
    claude_code,
    codex,
    genai_events,
    google_adk,
    langfuse,
    langsmith,
    openai_agents_v2,
    openinference,
    openlit,
    pydantic_ai,
    strands,
    traceloop,
    vercel_ai,
)
from domain.dialects.agent_logs import LOG_PREFIXES, PROMPTS, LogStep, step_of
from domain.dialects.columns import conversation_id_as_stored, hex_id_as_stored, read_columns
from domain.dialects.details import (
    CustomAttribute,
    RequestParameters,
    SpanDetails,
    SpanMessage,
    ToolDetails,
    span_details,
)
from domain.dialects.dialect import Dialect
from domain.dialects.exchange import EMPTY_EXCHANGE, AnsweredCall, Exchange, Passage, exchange_of
from domain.dialects.json_text import Json, storable
from domain.dialects.log_events import EVALUATION, MESSAGE_EVENTS, Evaluation, evaluation_of, log_columns
from domain.dialects.pending import announced
from domain.dialects.weave import span_record
from domain.records import RawLogRecord, RawSpan, SpanRecord

DIALECTS: Final[tuple[Dialect, ...]] = tuple(
    module.DIALECT
    for module in (
        google_adk,
        pydantic_ai,
        strands,
        openai_agents_v2,
        claude_code,
        codex,
        vercel_ai,
        langfuse,
        langsmith,
        openinference,
        traceloop,
        openlit,
        genai_events,
    )
)
"""All that are spoken here. Where two fill the same column, the first one does: narrow families come first."""

__all__ = [
    "EMPTY_EXCHANGE",
    "EVALUATION",
    "LOG_PREFIXES",
    "MESSAGE_EVENTS",
    "PROMPTS",
    "AnsweredCall",
    "CustomAttribute",
    "Evaluation",
    "Exchange",
    "LogStep",
    "Passage",
    "RequestParameters",
    "SpanDetails",
    "SpanMessage",
    "ToolDetails",
    "conversation_id_as_stored",
    "details",
    "evaluation_of",
    "exchange",
    "hex_id_as_stored",
    "step_of",
    "storable",
    "understand",
]


def understand(
    raw: RawSpan, logs: Sequence[RawLogRecord] = (), *, dialects: Sequence[Dialect] = DIALECTS
) -> SpanRecord:
    """The span's columns and content. Bad values degrade to what is absent; nothing raises.

    `logs` are the span's own log records that carry messages, in the order in which they were written.
    """
    raw = announced(raw)
    return span_record(raw, *columns_of(raw, logs, dialects))


def details(raw: RawSpan, logs: Sequence[RawLogRecord] = (), *, dialects: Sequence[Dialect] = DIALECTS) -> SpanDetails:
    """All that the span says beyond its columns. Bad values degrade to what is absent; nothing raises."""
    return span_details(raw, columns_of(raw, logs, dialects)[0])


def exchange(raw: RawSpan, logs: Sequence[RawLogRecord] = (), *, dialects: Sequence[Dialect] = DIALECTS) -> Exchange:
    """What the span's messages say of tool calls, in order. Bad values degrade to what is absent; nothing raises."""
    return exchange_of(raw, columns_of(raw, logs, dialects)[0])


def columns_of(raw: RawSpan, logs: Sequence[RawLogRecord], dialects: Sequence[Dialect]) -> tuple[dict[str, Json], str]:
    """What is said by Weave's keys, where they say nothing in other dialects, and last in log records; and the first
    of the dialects by name.
    """
    columns = read_columns(raw.attributes)
    spoken_here = _spoken(raw, dialects) if dialects else []
    names = [dialect.name for dialect in spoken_here if raw.scope_name in dialect.scopes]
    for dialect in spoken_here:
        if dialect.corrections is not None:
            for column, value in dialect.corrections(raw).items():
                columns.pop(column, None)
                if value is not None:
                    columns[column] = value
    for dialect in spoken_here:
        found = dialect.columns(raw)
        if found:
            names.append(dialect.name)
        for column, value in found.items():
            columns.setdefault(column, value)
    if logs:
        said = log_columns(logs)
        if not said.keys() <= columns.keys():
            names.append(genai_events.DIALECT.name)
        for column, value in said.items():
            columns.setdefault(column, value)
    for dialect in spoken_here:
        if dialect.amend is not None:
            columns |= dialect.amend(raw, columns)
    return columns, names[0] if names else ""


def _spoken(raw: RawSpan, dialects: Sequence[Dialect]) -> list[Dialect]:
    roots = {key.partition(".")[0] for key in raw.attributes}
    events = {event.name for event in raw.events}
    return [
        dialect
        for dialect in dialects
        if raw.scope_name in dialect.scopes
        or not (dialect.roots.isdisjoint(roots) and dialect.events.isdisjoint(events))
    ]
