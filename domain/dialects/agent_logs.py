"""Which log records tell a conversation by themselves, and what each says of its place in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from domain.dialects import claude_code, codex
from domain.dialects.columns import conversation_id_as_stored, optional_float, text

if TYPE_CHECKING:
    from domain.dialects.log_family import LogFamily
    from domain.records import RawLogRecord

FAMILIES: Final[tuple[LogFamily, ...]] = (claude_code.LOGS, codex.LOGS)

LOG_PREFIXES: Final = tuple(family.prefix for family in FAMILIES)

PROMPTS: Final = frozenset(family.prompt for family in FAMILIES)
"""The events with which users begin turns."""

_NS_PER_MS: Final = 10**6
_MAX_TIME: Final = 2**64 - 1


@dataclass(frozen=True, slots=True)
class LogStep:
    """One record as a step of a conversation."""

    event: str
    """With its family's prefix, whichever way the record has it."""
    conversation_id: str
    """As stored."""
    turn: str
    """What the client calls the turn; "" where its place in time has to tell."""
    start_time_unix_nano: int
    """These records are written when what they tell has ended."""
    end_time_unix_nano: int

    @property
    def is_prompt(self) -> bool:
        return self.event in PROMPTS


def step_of(record: RawLogRecord) -> LogStep | None:
    """None for all records but those that tell something of a conversation that they name. Never raises."""
    for family in FAMILIES:
        if event := _event(record, family):
            conversation_id = text(record.attributes.get(family.conversation_key))
            if not conversation_id or not family.columns(event, record.attributes):
                return None
            end = record.time_unix_nano or _written_at(record)
            duration_ms = optional_float(record.attributes.get("duration_ms")) or 0.0
            took = 0 if event == family.prompt else round(min(max(duration_ms, 0.0), _MAX_TIME) * _NS_PER_MS)
            return LogStep(
                event=event,
                conversation_id=conversation_id_as_stored(conversation_id),
                turn=text(record.attributes.get(family.turn_key)) if family.turn_key else "",
                start_time_unix_nano=max(end - took, 0),
                end_time_unix_nano=end,
            )
    return None


def _event(record: RawLogRecord, family: LogFamily) -> str:
    """The name of a family's event, "" for all others. The field of OTLP may hold a place in the client's code."""
    attribute = record.attributes.get("event.name")
    for name in (attribute, record.event_name, record.body):
        if isinstance(name, str) and name.startswith(family.prefix):
            return name
    if family.bare_names and isinstance(attribute, str) and family.conversation_key in record.attributes:
        return family.prefix + attribute
    return ""


def _written_at(record: RawLogRecord) -> int:
    """What the client says itself, in nanoseconds; 0 for what is no time with an offset."""
    try:
        written = datetime.fromisoformat(text(record.attributes.get("event.timestamp")))
        return min(max(int(written.timestamp() * 1000) * _NS_PER_MS, 0), _MAX_TIME) if written.tzinfo else 0
    except (ValueError, OverflowError):
        return 0
