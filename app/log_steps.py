"""Records that tell conversations by themselves: which turn each belongs to, and which others a new prompt moves.

Records with a trace id belong to that trace; of the others, those whose client names the turn belong to it. The place
in time tells the rest: they belong to the last prompt before them. The rules are in domain/log_turns.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from db import locks, logs
from db.engine import Writer
from domain.dialects import PROMPTS, LogStep
from domain.log_turns import Moment, Place, own_span_id, place_in_turn, traces_by_time, turn_trace_id
from domain.records import EPOCH, RawLogRecord


class Move(NamedTuple):
    """A stored record whose span gets other ids."""

    from_trace_id: str
    place: Place


@dataclass(frozen=True, slots=True)
class Placement:
    places: dict[str, Place] = field(default_factory=dict)
    """Where the spans of the given records belong, by log id."""
    timed: dict[str, str] = field(default_factory=dict)
    """Log id -> conversation id, of those whose place in time tells, and of prompts, which tell it."""
    moves: dict[str, Move] = field(default_factory=dict)
    """What becomes of stored records, by log id."""


def recorded_at(record: RawLogRecord, step: LogStep | None) -> datetime:
    nanoseconds = record.time_unix_nano if step is None else step.end_time_unix_nano
    return EPOCH + timedelta(microseconds=nanoseconds // 1000)


async def place_steps(
    writer: Writer, project_id: int, records: Mapping[str, RawLogRecord], steps: Mapping[str, LogStep]
) -> Placement:
    """Where these records belong beside those that are stored. The conversations in whose time some have a place are
    locked until the transaction ends, before anything is read: nobody else places records in them meanwhile.
    """
    placement = Placement()
    timed: dict[str, dict[str, LogStep]] = {}
    for log_id, step in steps.items():
        record = records[log_id]
        if record.trace_id:
            placement.places[log_id] = Place(record.trace_id, own_span_id(log_id), record.span_id)
        elif step.turn and not step.is_prompt:
            placement.places[log_id] = place_in_turn(turn_trace_id(step.conversation_id, step.turn), log_id)
        else:
            placement.timed[log_id] = step.conversation_id
            timed.setdefault(step.conversation_id, {})[log_id] = step
    if timed:
        await locks.lock_log_conversations(writer, project_id, sorted(timed))
    for conversation_id, given in sorted(timed.items()):
        traces = {
            log_id: turn_trace_id(conversation_id, step.turn or log_id)
            for log_id, step in given.items()
            if step.is_prompt
        }
        moments = [
            Moment(recorded_at(records[log_id], step), log_id, step.is_prompt, traces.get(log_id, ""))
            for log_id, step in given.items()
        ]
        await _place_by_time(writer, project_id, conversation_id, moments, placement)
        prompts = [moment for moment in moments if moment.is_prompt]
        if prompts:
            await _place_prompts(writer, project_id, conversation_id, prompts, placement)
    return placement


async def _place_by_time(
    writer: Writer, project_id: int, conversation_id: str, given: list[Moment], placement: Placement
) -> None:
    first, last = min(moment.recorded_at for moment in given), max(moment.recorded_at for moment in given)
    has_prompt = any(moment.is_prompt for moment in given)
    known = {
        moment.log_id: moment
        for moment in await logs.moments(
            writer, project_id, conversation_id, first, last, PROMPTS, to_next_prompt=has_prompt
        )
    }
    unprompted = turn_trace_id(conversation_id, "")
    before = await logs.prompted_trace_before(writer, project_id, conversation_id, first, PROMPTS)
    both = {moment.log_id: moment for moment in given} | known
    for log_id, trace_id in traces_by_time(both.values(), before or unprompted).items():
        place = place_in_turn(trace_id, log_id, has_prompt=trace_id != unprompted)
        placement.places[log_id] = place
        if log_id in known and known[log_id].trace_id != trace_id:
            placement.moves[log_id] = Move(known[log_id].trace_id, place)


async def _place_prompts(
    writer: Writer, project_id: int, conversation_id: str, given: list[Moment], placement: Placement
) -> None:
    """The first prompt of a turn is its root, should its client send several under one name."""
    stored = await logs.prompts_of_traces(
        writer, project_id, conversation_id, sorted({moment.trace_id for moment in given}), PROMPTS
    )
    by_trace: dict[str, list[Moment]] = {}
    for moment in {*given, *stored}:
        by_trace.setdefault(moment.trace_id, []).append(moment)
    roots = {trace_id: min(moments).log_id for trace_id, moments in by_trace.items()}
    for moment in given:
        is_root = roots[moment.trace_id] == moment.log_id
        placement.places[moment.log_id] = place_in_turn(moment.trace_id, moment.log_id, is_root=is_root)
    for moment in stored:
        if moment.log_id != roots[moment.trace_id]:
            place = place_in_turn(moment.trace_id, moment.log_id)
            placement.moves[moment.log_id] = Move(moment.trace_id, place)
