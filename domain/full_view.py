"""Everything that is known of a turn: what Weave's timeline leaves out is added to it, what it repeats is marked.

Added are tool calls that only messages tell of, hand-offs and compactions; see handoffs.py for who hands over to whom.
Kept out are what frameworks wrap around the work, and failures that a wrapper only passes on.
"""

import json
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import NamedTuple

from domain.handoffs import Handoff, called_agent, handoffs_of, slug
from domain.records import (
    EPOCH,
    Compaction,
    MessageKind,
    MessageRecord,
    MessageView,
    SpanRecord,
    Status,
    ToolCallOrigin,
    ToolRequest,
)
from domain.timeline import Visit, WeaveView, context_compacted, duration_ms, message_of, tool_of
from domain.usage import calls_around

_WRAPPERS = frozenset({"execute_event_loop_cycle", "agent_step", "execute_task", "unknown", "chain"})
"""Operations that only group others."""

_NO_REASON = "Error in agent run"
"""OpenAI Agents: what failed runs of agents say, whatever it was."""

_ERROR_TYPE = re.compile(r"\A[A-Za-z_][\w.]{0,200}: ")
_TRACEBACK = "Traceback (most recent call last)"

_MERGED_TOOLS = "(merged tools)"
"""Google ADK: the span of a tool that was never called, around the results of several that were."""


def with_full_view(weave: WeaveView) -> list[MessageRecord]:
    """The messages of both views in one order. Those of Weave's are its own, marked where the full view lacks them."""
    view = _FullView(weave)
    view.add_handoffs_and_requests()
    view.add_compactions()
    view.add_silenced_answers()
    view.leave_out_repeated_cards()
    view.leave_out_repeated_input()
    view.leave_out_noise()
    return view.merged()


class _Place(NamedTuple):
    """Where something happened in the walk; sorts as it did."""

    message_count: int
    """The Weave messages before it."""
    position: int
    is_entry: bool
    """A span is left before the next one is entered."""
    inner_first: int


def _entry(visit: Visit) -> _Place:
    return _Place(visit.entered, visit.position, is_entry=True, inner_first=0)


def _exit(visit: Visit) -> _Place:
    return _Place(visit.left, visit.end, is_entry=False, inner_first=-visit.position)


@dataclass(frozen=True, slots=True)
class _Request:
    visit: Visit
    request: ToolRequest


class _Said(NamedTuple):
    position: int
    agent_name: str
    text: str

    def is_silenced_by(self, said: Sequence["_Said"]) -> bool:
        """Whether something was said below, all of it by other agents and something else. Children come before their
        parents, so what was said below is at the end.
        """
        below = list(takewhile(lambda other: other.position > self.position, reversed(said)))
        others = (other.agent_name not in ("", self.agent_name) and other.text != self.text for other in below)
        return bool(below) and all(others)


class _Executions:
    """Spans of tools by name, each to be taken once; apart by whether they have a call id."""

    def __init__(self, spans: Iterable[SpanRecord]) -> None:
        self._spans: dict[tuple[str, bool], list[SpanRecord]] = {}
        for span in sorted(spans, key=_start_order):
            if tool_of(span) != _MERGED_TOOLS:
                self._spans.setdefault((tool_of(span), bool(span.content.tool_call_id)), []).append(span)

    def take(self, request: ToolRequest, after: datetime) -> SpanRecord | None:
        """The first that can have been asked for then: a request with an id is not for one with another id."""
        with_ids = (False,) if request.call_id else (False, True)
        lists = [self._spans.get((request.name, with_id), []) for with_id in with_ids]
        found = [(spans, bisect_left(spans, (after, ""), key=_start_order)) for spans in lists]
        first = min((item for item in found if item[1] < len(item[0])), key=_first_start, default=None)
        return None if first is None else first[0].pop(first[1])


def _start_order(span: SpanRecord) -> tuple[datetime, str]:
    return span.started_at, span.span_id


def _first_start(item: tuple[list[SpanRecord], int]) -> tuple[datetime, str]:
    spans, place = item
    return _start_order(spans[place])


class _FullView:
    def __init__(self, weave: WeaveView) -> None:
        self._weave = weave
        self._visits = weave.visits
        self._by_entry = sorted(weave.visits, key=lambda visit: visit.position)
        self._of_span: dict[str, list[MessageRecord]] = {}
        for message in weave.messages:
            self._of_span.setdefault(message.span_id, []).append(message)
        self._added: list[tuple[_Place, MessageRecord]] = []

    def merged(self) -> list[MessageRecord]:
        if not self._added:
            return self._weave.messages
        # Stable: what happened at one place stays in the order in which it was added.
        added = sorted(self._added, key=lambda item: item[0])
        merged: list[MessageRecord] = []
        at = 0
        for place, message in added:
            count = place.message_count + self._weave.front
            # Between the two that changed places: it stays behind the one that went back.
            count = 2 if self._weave.is_swapped and count == 1 else count
            merged += self._weave.messages[at:count]
            at = max(at, count)
            merged.append(message)
        return merged + self._weave.messages[at:]

    def _add(self, place: _Place, message: MessageRecord) -> None:
        message.only_in = MessageView.FULL
        self._added.append((place, message))

    def _own(self, span: SpanRecord, kind: MessageKind) -> Iterator[MessageRecord]:
        return (message for message in self._of_span.get(span.span_id, ()) if message.kind is kind)

    # Tools and hand-offs

    def add_handoffs_and_requests(self) -> None:
        handoffs = handoffs_of(self._by_entry)
        waiting = list(handoffs)
        agents = {slug(visit.span.agent_name): visit.span.agent_name for visit in self._visits if visit.span.agent_name}
        executed_by = {visit.span.span_id: handoff for handoff in handoffs for visit in handoff.visits}
        results = self._results()
        for asked, execution in self._matched(_requests(self._visits)):
            target = called_agent(asked.request.name, asked.request.arguments)
            if execution is not None:
                self._complete(execution, asked.request, results)
                if target and (handoff := executed_by.get(execution.span_id)):
                    handoff.to_agent = handoff.to_agent or target
                continue
            if target is None:
                self._add(_exit(asked.visit), _requested(asked, results))
                continue
            shown = next((handoff for handoff in waiting if handoff.may_answer(asked.visit.span, target)), None)
            if shown is None:
                handoff = Handoff(asked.visit, "", target)
                self._add(_exit(asked.visit), _handoff_message(handoff, agents))
            else:
                waiting.remove(shown)
                shown.to_agent = shown.to_agent or target
        for handoff in handoffs:
            message = _handoff_message(handoff, agents)
            self._add(_entry(handoff.visits[0]), message)
            self._hide_evidence(handoff, message)

    def _matched(self, requests: list[_Request]) -> Iterator[tuple[_Request, SpanRecord | None]]:
        """Each request with the span that executed it, None where there is none: by call id, else by name."""
        by_id: dict[str, SpanRecord] = {}
        for visit in self._by_entry:
            if visit.span.content.tool_call_id and visit.span.operation_name in ("execute_tool", "invoke_agent"):
                by_id.setdefault(visit.span.content.tool_call_id, visit.span)
        asked_ids = {asked.request.call_id for asked in requests} - {""}
        by_name = _Executions(
            visit.span
            for visit in self._visits
            if visit.span.operation_name == "execute_tool" and visit.span.content.tool_call_id not in asked_ids
        )
        for asked in requests:
            execution = by_id.get(asked.request.call_id) if asked.request.call_id else None
            yield asked, execution or by_name.take(asked.request, asked.visit.span.started_at)

    def _complete(self, execution: SpanRecord, request: ToolRequest, results: dict[str, str]) -> None:
        """A dialect whose tools say nothing, or only the value of their one argument: the messages say the rest."""
        for call in self._own(execution, MessageKind.TOOL_CALL) if execution.dialect else ():
            if not call.tool_arguments or call.tool_arguments == _only_value(request.arguments):
                call.tool_arguments = request.arguments
            call.tool_result = call.tool_result or results.get(request.call_id, "")

    def _results(self) -> dict[str, str]:
        """What the tools answered, by call id: what models were told first."""
        results: dict[str, str] = {}
        for visit in sorted(self._visits, key=lambda visit: (visit.span.started_at, visit.position)):
            for response in visit.span.content.tool_responses:
                results.setdefault(response.call_id, response.result)
        return results

    def _hide_evidence(self, handoff: Handoff, shown: MessageRecord) -> None:
        """The tool call that is a hand-off, and an output that says no more than to whom."""
        for visit in handoff.visits:
            for call in self._own(visit.span, MessageKind.TOOL_CALL):
                call.only_in = MessageView.WEAVE
            if visit.span.operation_name == "invoke_agent":
                continue
            for said in self._own(visit.span, MessageKind.ASSISTANT_MESSAGE):
                if not said.reasoning_content and slug(said.text) in ("", slug(shown.handoff_to)):
                    said.only_in = MessageView.WEAVE

    # Compactions

    def add_compactions(self) -> None:
        """One message for each: by id, else by what it says; without either, only where nothing else tells of one."""
        shown = {
            (message.compaction_summary, message.compaction_items_before, message.compaction_items_after)
            for message in self._weave.messages
            if message.kind is MessageKind.CONTEXT_COMPACTED
        }
        known = {text for text, _, _ in shown}
        bare: Visit | None = None
        for visit in self._by_entry:
            span, content = visit.span, visit.span.content
            columns = (content.compaction_summary, content.compaction_items_before, content.compaction_items_after)
            if (columns[0] or columns[1] > 0) and columns not in shown:
                shown.add(columns)
                known.add(columns[0])
                self._add(_entry(visit), context_compacted(span, visit.label))
            for compaction in content.compactions:
                if not any(compaction):
                    bare = bare or visit
                elif known.isdisjoint(filter(None, compaction)):
                    known.update(filter(None, compaction))
                    shown.add((compaction.summary, 0, 0))
                    self._add(_entry(visit), _compacted(visit, compaction))
                self._hide_summary(span, compaction)
        if bare is not None and not shown:
            self._add(_entry(bare), _compacted(bare, Compaction("", "")))

    def _hide_summary(self, span: SpanRecord, compaction: Compaction) -> None:
        for said in self._own(span, MessageKind.ASSISTANT_MESSAGE):
            if said.text and said.text == compaction.summary and not said.reasoning_content:
                said.only_in = MessageView.WEAVE

    # Answers

    def add_silenced_answers(self) -> None:
        """What an agent says in the end where only agents below it spoke: Weave's timeline lets these silence it."""
        said: list[_Said] = []
        for visit in self._visits:
            span, text = visit.span, visit.span.content.output_text
            answers = [answer for answer in self._own(span, MessageKind.ASSISTANT_MESSAGE) if answer.text]
            if span.operation_name == "invoke_agent" and text and visit.label and not answers:
                own = _Said(visit.position, visit.label, text.strip())
                if own.is_silenced_by(said):
                    answer = message_of(MessageKind.ASSISTANT_MESSAGE, span, visit.label)
                    answer.text, answer.duration_ms = text, duration_ms(span)
                    self._add(_exit(visit), answer)
                    answers = [answer]
            said += (_Said(visit.position, answer.agent_name, answer.text.strip()) for answer in answers)

    # Noise

    def leave_out_repeated_cards(self) -> None:
        """Cards that say what an agent's card has said: of an agent's span right inside its own, and of calls."""
        by_id = {visit.span.span_id: visit for visit in self._visits}
        said: set[tuple[str, str, str]] = set()
        for visit in self._by_entry:
            is_agent = visit.span.operation_name == "invoke_agent"
            outer = by_id.get(visit.span.parent_span_id) if is_agent else None
            for card in self._own(visit.span, MessageKind.AGENT_START):
                if outer is not None and outer.span.operation_name == "invoke_agent" and outer.label == visit.label:
                    self._leave_out_one(self._own(outer.span, MessageKind.AGENT_START), card)
                told = (card.agent_name, card.system_instructions, card.tool_definitions)
                if not is_agent and told in said:
                    card.only_in = MessageView.WEAVE
                said.add(told)

    def _leave_out_one(self, outer: Iterable[MessageRecord], inner: MessageRecord) -> None:
        for card in outer:
            if _adds_nothing(card, inner):
                card.only_in = MessageView.WEAVE
            elif _adds_nothing(inner, card):
                inner.only_in = MessageView.WEAVE

    def leave_out_repeated_input(self) -> None:
        """What a call inside another call was asked, and what a workflow was called with where a call says it."""
        around = calls_around([visit.span for visit in self._visits])
        spoken_at = -1
        for visit in reversed(self._by_entry):
            outer = around.get(visit.span.span_id)
            if outer is not None and (outer.content.prompt or outer.content.new_input):
                self._leave_out_input(visit)
            elif visit.span.operation_name == "invoke_workflow" and visit.position < spoken_at < visit.end:
                self._leave_out_input(visit, only_json=True)
            if visit.span.content.new_input:
                spoken_at = visit.position

    def _leave_out_input(self, visit: Visit, *, only_json: bool = False) -> None:
        """Messages of the user are of no span: they stand last before what is below the one that showed them."""
        for place in range(visit.entered + self._weave.front - 1, -1, -1):
            message = self._weave.messages[place]
            if message.kind is not MessageKind.USER_MESSAGE or message.started_at != visit.span.started_at:
                break
            if not only_json or message.text.startswith(("{", "[")):
                message.only_in = MessageView.WEAVE

    def leave_out_noise(self) -> None:
        text_at = -1
        thoughts: dict[str, int] = {}
        errors: list[tuple[int, SpanRecord]] = []
        # Children come before their parents, so what was met at a higher position lies below.
        for visit in self._visits:
            span = visit.span
            failed = False
            for call in self._own(span, MessageKind.TOOL_CALL):
                if call.tool_name == _MERGED_TOOLS:
                    call.only_in = MessageView.WEAVE
                failed |= not call.only_in
            for said in self._own(span, MessageKind.ASSISTANT_MESSAGE):
                if said.text and span.operation_name in _WRAPPERS and text_at > visit.position:
                    said.only_in = MessageView.WEAVE
                is_repeated = not said.text and thoughts.get(said.reasoning_content, -1) > visit.position
                if is_repeated and (said.status is not Status.ERROR or _is_passed_on(visit, errors)):
                    said.only_in = MessageView.WEAVE
                if not (said.text or said.reasoning_content or said.content_refs) and (
                    span.content.is_transport or _is_passed_on(visit, errors)
                ):
                    said.only_in = MessageView.WEAVE
                if not said.only_in:
                    failed = True
                    text_at = visit.position if said.text else text_at
                    if said.reasoning_content:
                        thoughts[said.reasoning_content] = visit.position
            if failed and span.status is Status.ERROR:
                errors.append((visit.position, span))


def _is_passed_on(visit: Visit, errors: list[tuple[int, SpanRecord]]) -> bool:
    """Whether a span below failed of the same, as far as they say of what."""
    for position, below in reversed(errors):
        if position <= visit.position:
            break
        if _may_be_same_error(visit.span, below):
            return True
    return False


def _may_be_same_error(span: SpanRecord, below: SpanRecord) -> bool:
    own, other = _reason(span), _reason(below)
    if not own or not other:
        return not span.error_type or not below.error_type or span.error_type == below.error_type
    return other in own or own in other


def _reason(span: SpanRecord) -> str:
    """Some clients begin with the error's type; LangChain's append a traceback, which is another one at each level."""
    reason = _ERROR_TYPE.sub("", span.status_message.partition(_TRACEBACK)[0]).strip()
    return "" if reason == _NO_REASON else reason


def _adds_nothing(card: MessageRecord, other: MessageRecord) -> bool:
    """Whether another card says all that an agent's card says."""
    own = (card.agent_name, card.model, card.system_instructions, card.tool_definitions)
    others = (other.agent_name, other.model, other.system_instructions, other.tool_definitions)
    return all(said in ("", others[place]) for place, said in enumerate(own))


def _only_value(arguments: str) -> str:
    """The value, as text, of an object with one member; "" for all else."""
    try:
        said = json.loads(arguments)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(said, dict) or len(said) != 1:
        return ""
    (value,) = said.values()
    return value if isinstance(value, str) else json.dumps(value)


def _requests(visits: Iterable[Visit]) -> list[_Request]:
    """What models ask for, each once: wrappers repeat what the calls below them ask for, histories what was asked."""
    found: list[_Request] = []
    ids: set[str] = set()
    # By name and arguments: the last position, and whether it had an id there.
    last: dict[tuple[str, str], tuple[int, bool]] = {}
    for visit in visits:
        own: dict[tuple[str, str], tuple[int, bool]] = {}
        for request in visit.span.content.tool_requests:
            if request.call_id in ids:
                continue
            said = request.name, request.arguments
            position, had_id = last.get(said, (-1, False))
            own[said] = visit.position, bool(request.call_id)
            if request.call_id:
                ids.add(request.call_id)
            if position > visit.position and not (had_id and request.call_id):
                continue
            found.append(_Request(visit, request))
        last |= own
    return found


def _requested(asked: _Request, results: dict[str, str]) -> MessageRecord:
    call = message_of(MessageKind.TOOL_CALL, asked.visit.span, asked.visit.label)
    call.started_at = _end(asked.visit.span)
    call.tool_origin = ToolCallOrigin.MODEL_REQUEST
    call.tool_name = asked.request.name
    call.tool_arguments = asked.request.arguments
    call.tool_result = results.get(asked.request.call_id, "")
    return call


def _end(span: SpanRecord) -> datetime:
    return span.started_at if span.ended_at == EPOCH else span.ended_at


def _handoff_message(handoff: Handoff, agents: dict[str, str]) -> MessageRecord:
    """By the names that the agents' own spans have, where a tool's name spells them in another way."""
    visit = handoff.visits[0]
    message = message_of(MessageKind.AGENT_HANDOFF, visit.span, visit.label)
    from_agent = handoff.from_agent or visit.label
    message.handoff_from = agents.get(slug(from_agent), from_agent)
    message.handoff_to = agents.get(slug(handoff.to_agent), handoff.to_agent)
    return message


def _compacted(visit: Visit, compaction: Compaction) -> MessageRecord:
    message = message_of(MessageKind.CONTEXT_COMPACTED, visit.span, visit.label)
    message.compaction_summary = compaction.summary
    return message
