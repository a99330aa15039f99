"""Where the spans of log records belong: which trace is their turn, and which ids they have. Pure.

All ids follow from what the records say, so that the same records make the same spans, whenever they come.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from domain.dialects import step_of
from domain.otlp import decode_stored_log, decode_stored_span, span_of_log
from domain.records import RawSpan

_TRACE_ID_DIGITS = 32
_SPAN_ID_DIGITS = 16


class Place(NamedTuple):
    """The ids of a record's span."""

    trace_id: str
    span_id: str
    parent_span_id: str
    """"" for the prompt that begins the turn, and for what comes before a conversation's first prompt."""


class Moment(NamedTuple):
    """A record in its conversation's time."""

    recorded_at: datetime
    log_id: str
    is_prompt: bool
    trace_id: str
    """Of a prompt: its turn's. Of all others: the one in which their span is now, "" for none yet."""


def turn_trace_id(conversation_id: str, turn: str) -> str:
    """The trace of a turn, by what the client calls it, else by its prompt's id; "" for what no prompt precedes."""
    return sha256(json.dumps([conversation_id, turn]).encode()).hexdigest()[:_TRACE_ID_DIGITS]


def own_span_id(log_id: str) -> str:
    return log_id[:_SPAN_ID_DIGITS]


def root_span_id(trace_id: str) -> str:
    """The span of the prompt that begins the turn: known before the prompt is."""
    return trace_id[:_SPAN_ID_DIGITS]


def place_in_turn(trace_id: str, log_id: str, *, is_root: bool = False, has_prompt: bool = True) -> Place:
    if is_root:
        return Place(trace_id, root_span_id(trace_id), "")
    return Place(trace_id, own_span_id(log_id), root_span_id(trace_id) if has_prompt else "")


def traces_by_time(moments: Iterable[Moment], before: str) -> dict[str, str]:
    """Log id -> the trace of the last prompt up to then, for all but prompts; `before` is that of the prompt before
    the first moment. What is recorded in the same instant as a prompt comes after it.
    """
    found: dict[str, str] = {}
    current = before
    for moment in sorted(moments, key=lambda moment: (moment.recorded_at, not moment.is_prompt, moment.log_id)):
        if moment.is_prompt:
            current = moment.trace_id
        else:
            found[moment.log_id] = current
    return found


def span_of_record(raw: bytes, place: Place) -> RawSpan | None:
    """The span that a record makes; None for a stored one that told something by earlier rules only."""
    step = step_of(decode_stored_log(raw))
    if step is None:
        return None
    return decode_stored_span(
        span_of_log(
            raw,
            trace_id=place.trace_id,
            span_id=place.span_id,
            parent_span_id=place.parent_span_id,
            name=step.event,
            start_time_unix_nano=step.start_time_unix_nano,
            end_time_unix_nano=step.end_time_unix_nano,
        )
    )
