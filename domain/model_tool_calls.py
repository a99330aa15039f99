"""The tool calls that no span shows, for Weave's timeline: what its routes call include_model_tool_calls. Pure.

"Weave:" and "Choice:" mean what they mean in timeline.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from heapq import heapify, heappop, heappush
from itertools import groupby
from typing import NamedTuple

from domain.dialects import EMPTY_EXCHANGE, Exchange, Passage
from domain.records import EPOCH, MessageKind, MessageRecord, SpanRecord, ToolCallOrigin, ToolRequest
from domain.timeline import Visit, message_of, tool_of
from domain.usage import is_llm_call

_EXECUTIONS = frozenset({"execute_tool", "invoke_agent"})


class RecordedToolCalls:
    """The calls that the messages of a turn's spans tell of; for one walk over these spans, as it notes what it showed.

    `exchanges` are by span id; a span without one says nothing.
    """

    def __init__(self, spans: Sequence[SpanRecord], exchanges: Mapping[str, Exchange]) -> None:
        self._exchanges = exchanges
        self._executions: dict[str, set[str]] = {}
        self._requesters: dict[str, set[str]] = {}
        self._tools = {tool_of(span) for span in spans if span.operation_name == "execute_tool"}
        self._shown: dict[str, MessageRecord] = {}
        self._shown_without_id: dict[tuple[str, str], int] = {}
        """Where in the walk's order a name and arguments were last asked for."""
        for span in spans:
            if span.operation_name in _EXECUTIONS and span.content.tool_call_id:
                self._executions.setdefault(span.content.tool_call_id, set()).add(span.span_id)
            elif is_llm_call(span):
                for passage in self._exchange(span).output:
                    if passage.request is not None and passage.request.call_id:
                        self._requesters.setdefault(passage.request.call_id, set()).add(span.span_id)

    def _exchange(self, span: SpanRecord) -> Exchange:
        return self._exchanges.get(span.span_id, EMPTY_EXCHANGE)

    # Order

    def in_order(self, siblings: list[SpanRecord]) -> list[SpanRecord]:
        """Weave: an execution after its request, a model's call after what it was told; else, and where they follow
        from each other in a circle, the order that they have.

        Choice: clocks differ between who calls tools and who runs them, so it is the execution that moves: to its
        request where it is too early, to the call that was told its result where it is too late.
        """
        places = {span.span_id: place for place, span in enumerate(siblings)}
        sources = [
            {places[source] for source in self._sources(span) if source in places} - {place}
            for place, span in enumerate(siblings)
        ]
        if all(source < place for place, found in enumerate(sources) for source in found):
            return siblings
        followers: list[list[int]] = [[] for _ in siblings]
        for place, found in enumerate(sources):
            for source in found:
                followers[source].append(place)

        ranks = [(place, 0, place) for place in range(len(siblings))]
        for place, span in enumerate(siblings):
            if span.operation_name in _EXECUTIONS:
                if (request := max(sources[place], default=place)) > place:
                    ranks[place] = request, 1, place
                elif (told := min(followers[place], default=place)) < place:
                    ranks[place] = told, -1, place
        ordered: list[SpanRecord] = []
        ahead = [ranks[place] for place, found in enumerate(sources) if not found]
        heapify(ahead)
        while ahead:
            _, _, place = heappop(ahead)
            ordered.append(siblings[place])
            for follower in followers[place]:
                sources[follower].discard(place)
                if not sources[follower]:
                    heappush(ahead, ranks[follower])
        return ordered if len(ordered) == len(siblings) else siblings

    def _sources(self, span: SpanRecord) -> list[str]:
        """The spans that this one follows from. Weave: an id that several could mean tells nothing."""
        if span.operation_name in _EXECUTIONS:
            found = [self._requesters.get(span.content.tool_call_id, set())]
        elif is_llm_call(span):
            told = self._exchange(span).told
            found = [self._executions.get(call_id) or self._requesters.get(call_id, set()) for call_id in told]
        else:
            return []
        return [span_id for span_ids in found if len(span_ids) == 1 for span_id in span_ids]

    # Calls

    def told(self, span: SpanRecord, label: str) -> list[MessageRecord]:
        """Weave: a call whose result stands in the input after the last user message is the answer to an earlier
        request, else a call that only this input tells of.
        """
        if not is_llm_call(span):
            return []
        new: list[MessageRecord] = []
        for request, result in self._exchange(span).answered:
            call = self._shown.get(request.call_id)
            if call is not None:
                call.tool_result = call.tool_result or result
            elif request.call_id not in self._executions:
                call = _call(request, span, label)
                call.tool_origin = ToolCallOrigin.MODEL_INPUT
                call.tool_result = result
                self._shown[request.call_id] = call
                new.append(call)
        return new

    def said(self, visit: Visit, answer: MessageRecord | None) -> list[MessageRecord]:
        """Weave: a request without an execution stands where it does in the output; the text around it is an answer
        each, of which the first has the numbers.

        Choice: it is shown even where the text is not, because someone below has answered already; and after it comes
        an answer without any text, such as a failure.
        """
        passages = self._exchange(visit.span).output
        calls = {
            place: call
            for place, passage in enumerate(passages)
            if passage.request is not None and (call := self._asked(visit, passage.request, passage.refs)) is not None
        }
        if not calls:
            return [] if answer is None else [answer]
        shown: list[MessageRecord] = []
        rest: MessageRecord | None = None
        for is_call, group in groupby(range(len(passages)), calls.__contains__):
            places = list(group)
            if is_call:
                shown += [calls[place] for place in places]
            elif answer is not None and any(piece := _joined([passages[place] for place in places])):
                if rest is not None:
                    shown.append(replace(rest, **piece._asdict()))
                    continue
                rest = _without_numbers(answer)
                if not visit.span.content.reasoning_content:  # It is that of a span below.
                    piece = piece._replace(reasoning_content=answer.reasoning_content)
                answer.text, answer.reasoning_content, answer.content_refs = piece
                shown.append(answer)
        return shown if answer is None or rest is not None else [*shown, answer]

    def _asked(self, visit: Visit, request: ToolRequest, refs: tuple[str, ...]) -> MessageRecord | None:
        """None for a request that a span executed, or that is shown already.

        Choice: without an id, one is taken to be executed where the tool has a span, and shown already where a span
        below asks for the same.
        """
        if request.call_id:
            if request.call_id in self._executions or request.call_id in self._shown:
                return None
        else:
            said = request.name, request.arguments
            if request.name in self._tools or self._shown_without_id.get(said, -1) > visit.position:
                return None
            self._shown_without_id[said] = visit.position
        call = _call(request, visit.span, visit.label)
        call.started_at = visit.span.started_at if visit.span.ended_at == EPOCH else visit.span.ended_at
        call.content_refs = list(refs)
        if request.call_id:
            self._shown[request.call_id] = call
        return call


def _call(request: ToolRequest, span: SpanRecord, label: str) -> MessageRecord:
    call = message_of(MessageKind.TOOL_CALL, span, label)
    call.tool_origin = ToolCallOrigin.MODEL_REQUEST
    call.tool_name = request.name
    call.tool_arguments = request.arguments
    return call


class _Piece(NamedTuple):
    """What stands in an answer between two calls, by the names of the message's members."""

    text: str
    reasoning_content: str
    content_refs: list[str]


def _joined(passages: Sequence[Passage]) -> _Piece:
    """Weave: as in a whole answer, parts make lines and messages paragraphs."""
    texts = groupby((passage for passage in passages if passage.text), lambda passage: passage.message)
    return _Piece(
        "\n\n".join("\n".join(passage.text for passage in lines) for _, lines in texts),
        "\n".join(passage.reasoning for passage in passages if passage.reasoning),
        list(dict.fromkeys(ref for passage in passages for ref in passage.refs)),
    )


def _without_numbers(answer: MessageRecord) -> MessageRecord:
    return replace(
        answer,
        input_tokens=0,
        output_tokens=0,
        reasoning_tokens=0,
        usage_choices=[],
        usage_by_model=[],
        duration_ms=0,
    )
