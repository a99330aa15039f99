"""The spans of a turn to the timeline of W&B Weave's chat view (0.53.12). Pure, and in any order of the spans.

"Weave:" marks what is its rule rather than our idea; "Choice:" marks where nothing says what it does.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from domain.records import (
    EPOCH,
    InputMessage,
    MessageKind,
    MessageRecord,
    SpanRecord,
    Status,
    ToolCallOrigin,
)
from domain.usage import usage_by_model

MAX_DEPTH = 200
"""The last level of the tree that is walked (roots are level 0): what lies deeper is in no timeline. Weave's limit."""

_MILLISECOND = timedelta(milliseconds=1)


def duration_ms(span: SpanRecord) -> int:
    """Whole milliseconds of the difference (the spans route cuts each end instead); 0 while the span is open."""
    return max(0, (span.ended_at - span.started_at) // _MILLISECOND)


# -- tree -------------------------------------------------------------------------------------------------------------


def _depth_first(spans: Sequence[SpanRecord], calls: "ModelToolCalls | None") -> list[tuple[int, SpanRecord]]:
    """The spans with their levels, parents before children, siblings in order.

    A span whose parent is not here is a root. Spans on a parent cycle, and what hangs below, are reached from no root.
    """
    by_id = {span.span_id: span for span in spans}
    event_times = _transcript_times(spans, by_id)
    roots: list[SpanRecord] = []
    children: dict[str, list[SpanRecord]] = {}
    # Sorted once for all siblings. Weave: among equal times the earlier end comes first, so an open span before others.
    for span in sorted(spans, key=lambda s: (event_times.get(s.span_id, s.started_at), s.ended_at, s.span_id)):
        parent_id = span.parent_span_id
        siblings = children.setdefault(parent_id, []) if parent_id and parent_id in by_id else roots
        siblings.append(span)
    if calls is not None:
        roots = calls.in_order(roots)
        children = {parent_id: calls.in_order(siblings) for parent_id, siblings in children.items()}

    found: list[tuple[int, SpanRecord]] = []
    ahead = [(0, root) for root in reversed(roots)]
    while ahead:
        level, span = ahead.pop()
        found.append((level, span))
        if level < MAX_DEPTH and span.span_id in children:
            # Taken out, so that no list is walked twice, whatever the ids.
            ahead.extend([(level + 1, child) for child in reversed(children.pop(span.span_id))])
    return found


def _transcript_times(spans: Sequence[SpanRecord], by_id: dict[str, SpanRecord]) -> dict[str, datetime]:
    """Where chat spans whose texts are spans of their own stand among their siblings: at the first such text."""
    times: dict[str, datetime] = {}
    for span in spans:
        if span.operation_name == "assistant_text":
            parent = by_id.get(span.parent_span_id)
            if parent is not None and parent.operation_name == "chat":
                times[parent.span_id] = min(span.started_at, times.get(parent.span_id, span.started_at))
    return times


# -- timeline ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Visit:
    """A span on the walk."""

    span: SpanRecord
    position: int
    """In the walk's order: the subtree follows it."""
    label: str
    """The agent that the span and its children belong to."""
    entered: int
    """How many messages there were when its children's turn came."""
    reasoning: str
    """The span's own reasoning, else the first one below."""
    answered: bool = False
    """Assistant text was emitted below."""
    twin: MessageRecord | None = None
    """The last message of a direct child that says what this span says."""
    left: int = 0
    """How many messages there were after its own answer."""
    end: int = 0
    """Where its subtree ends in the walk's order."""


@dataclass(frozen=True, slots=True)
class WeaveView:
    """Weave's timeline of a turn, and how it came about."""

    messages: list[MessageRecord]
    visits: list[Visit]
    """The spans that were walked, children before their parents."""
    front: int
    """How many messages were put before those of the walk."""
    is_swapped: bool
    """Whether the first two changed places afterwards."""


class ModelToolCalls(Protocol):
    """Has the tool calls that no span shows; the timeline is made with them where it is made with this."""

    def in_order(self, siblings: list[SpanRecord]) -> list[SpanRecord]:
        """Siblings in the timeline's order as they followed from each other."""

    def told(self, span: SpanRecord, label: str) -> list[MessageRecord]:
        """The calls that stand between the input of a span and what is below it."""

    def said(self, visit: "Visit", answer: MessageRecord | None) -> list[MessageRecord]:
        """A span's answer, None for none, with the calls that its output asks for."""


def weave_view(spans: Sequence[SpanRecord], calls: ModelToolCalls | None = None) -> WeaveView:
    walk = _Walk(_depth_first(spans, calls), calls)
    messages = walk.run()
    front = []
    if not walk.user_spoke and (prompt := _fallback_prompt(spans)):
        front.append(prompt)
    if not walk.was_notified and (notification := _fallback_notification(spans)):
        front.append(notification)
    messages[:0] = front
    # Weave: only these two places are looked at.
    is_swapped = [message.kind for message in messages[:2]] == [MessageKind.AGENT_START, MessageKind.USER_MESSAGE]
    if is_swapped:
        messages[:2] = [messages[1], messages[0]]
    return WeaveView(messages, walk.visits, len(front), is_swapped)


def _fallback_prompt(spans: Sequence[SpanRecord]) -> MessageRecord | None:
    """The prompt when no span shows it as its newest input: from an agent's input or a replayed history."""
    prompted = min((span for span in spans if span.content.prompt), key=_prompt_order, default=None)
    if prompted is None:
        return None
    # Choice: the references stand in the order in which the spans are asked for the text.
    referring = sorted((span for span in spans if span.content.user_refs), key=_prompt_order)
    refs = tuple(dict.fromkeys(ref for span in referring for ref in span.content.user_refs))
    return _user_message(prompted, prompted.content.prompt, refs)


def _fallback_notification(spans: Sequence[SpanRecord]) -> MessageRecord | None:
    """The task notification when no span shows it as its newest input."""
    notified = min((span for span in spans if span.content.task_notification), key=_prompt_order, default=None)
    if notified is None or notified.content.task_notification is None:
        return None
    return _notification(notified, _own_label(notified), notified.content.task_notification)


def _prompt_order(span: SpanRecord) -> tuple[bool, datetime, timedelta, str]:
    """Agents before all others, then by start, the later end first."""
    return span.operation_name != "invoke_agent", span.started_at, EPOCH - span.ended_at, span.span_id


class _Walk:
    """The messages of the spans, depth first: an agent's card and a tool call before, an answer after what is below."""

    def __init__(self, order: list[tuple[int, SpanRecord]], calls: ModelToolCalls | None) -> None:
        self.messages: list[MessageRecord] = []
        self.visits: list[Visit] = []
        self.user_spoke = False
        self.was_notified = False
        self._order = order
        self._calls = calls
        self._last_input: tuple[str, tuple[str, ...]] | None = None
        self._shown_instructions = ""
        self._pending_card: MessageRecord | None = None
        """The newest agent_start that still waits for the instructions of its agent's first LLM call."""

    def run(self) -> list[MessageRecord]:
        path: list[Visit] = []
        for position, (level, span) in enumerate(self._order):
            while len(path) > level:
                self._leave(path, position)
            label = self._enter(span, path)
            path.append(Visit(span, position, label, len(self.messages), span.content.reasoning_content))
        while path:
            self._leave(path, len(self._order))
        return self.messages

    def _enter(self, span: SpanRecord, path: list[Visit]) -> str:
        """Emits what comes before the children and gives their label."""
        inherited = path[-1].label if path else ""
        if span.operation_name == "invoke_agent":
            return self._enter_agent(span, inherited)
        label = _own_label(span) or inherited
        if span.operation_name == "execute_tool":
            self.messages.append(_tool_call(span, label))
            return label
        self._show_instructions(span, label)
        for message in span.content.new_input:
            self._show_input(span, label, message)
        if self._calls is not None:
            self.messages += self._calls.told(span, label)
        return label

    def _leave(self, path: list[Visit], end: int) -> None:
        """Emits what comes after the children, and tells the parent; `end` is where the span's subtree ends."""
        visit = path.pop()
        parent = path[-1] if path else None
        answer: MessageRecord | None = None
        if visit.span.operation_name == "invoke_agent":
            answer = self._leave_agent(visit, end)
        elif visit.span.operation_name != "execute_tool":
            answer = self._leave_content(visit)
        visit.left, visit.end = len(self.messages), end
        self.visits.append(visit)
        if parent is None:
            return
        parent.answered |= visit.answered
        parent.reasoning = parent.reasoning or visit.reasoning
        # The answer may have its text in pieces.
        text = visit.span.content.output_text
        if answer is not None and text and text == parent.span.content.output_text:
            parent.twin = answer

    def _show_answer(self, visit: Visit, answer: MessageRecord | None) -> None:
        if self._calls is not None:
            self.messages += self._calls.said(visit, answer)
        elif answer is not None:
            self.messages.append(answer)

    # Agents

    def _enter_agent(self, span: SpanRecord, inherited: str) -> str:
        own_label, content = _own_label(span), span.content
        label = own_label or inherited or _label_in_name(span.name)
        if own_label or span.request_model or content.system_instructions or content.tool_definitions:
            # Weave: an agent's card always shows its own instructions, even when they were the last shown.
            card = _agent_start(span, own_label)
            self.messages.append(card)
            if content.system_instructions:
                self._shown_instructions = content.system_instructions
                self._pending_card = None
            else:
                self._pending_card = card
        if content.compaction_summary or content.compaction_items_before > 0:
            self.messages.append(context_compacted(span, label))
        return label

    def _leave_agent(self, visit: Visit, end: int) -> MessageRecord | None:
        """Weave: any assistant text below silences the agent's own output, equal or not.

        Choice: the agent's output bears the label that its children have, where the card has only the agent's own.
        """
        if visit.answered:
            self._show_answer(visit, None)
            return None
        span = visit.span
        if launch := _launch_call(span, visit.label):
            # Not an answer: the agents above may still give theirs.
            self.messages.append(launch)
            return None
        # Weave: an agent's reasoning is its own, else the first found below; either makes an answer.
        answer = _answer(span, visit.label, visit.reasoning)
        if answer is None:
            self._show_answer(visit, None)
            return None
        # An agent that answers silences those above, so no span is summed twice: the sums stay linear.
        subtree = [below for _, below in self._order[visit.position : end]]
        answer.input_tokens = sum(below.input_tokens for below in subtree)
        answer.output_tokens = sum(below.output_tokens for below in subtree)
        answer.reasoning_tokens = sum(below.reasoning_tokens for below in subtree)
        usage = [entry for entry in usage_by_model(below.usage() for below in subtree) if entry.model]
        answer.usage_choices = [usage] if usage else []
        self._show_answer(visit, answer)
        visit.answered = True
        return answer

    # Every span that is neither agent nor tool

    def _show_instructions(self, span: SpanRecord, label: str) -> None:
        instructions = span.content.system_instructions
        if not instructions or instructions == self._shown_instructions:
            return
        self._shown_instructions = instructions
        card, self._pending_card = self._pending_card, None
        if card is not None and card.agent_name == label:
            # Weave: the model would be folded in too where the card's is null, but a stored model is "", never null.
            card.system_instructions = instructions
            card.tool_definitions = card.tool_definitions or span.content.tool_definitions
        else:
            self.messages.append(_agent_start(span, label))

    def _show_input(self, span: SpanRecord, label: str, message: InputMessage) -> None:
        text, refs, is_task_notification = message
        if (not text and not refs) or (text, refs) == self._last_input:
            return
        self._last_input = (text, refs)
        self._pending_card = None
        if is_task_notification:
            self.was_notified = True
            self.messages.append(_notification(span, label, message))
        else:
            self.user_spoke = True
            self.messages.append(_user_message(span, text, refs))

    def _leave_content(self, visit: Visit) -> MessageRecord | None:
        span = visit.span
        answer = _answer(span, visit.label, span.content.reasoning_content)
        if answer is not None and visit.twin is not None:
            _fill_gaps(visit.twin, answer)
            answer = None
        self._show_answer(visit, answer)
        if answer is None:
            return None
        # Weave: reasoning alone, or a failure without output, leaves the word to the agent above.
        visit.answered = visit.answered or bool(span.content.output_text)
        return answer


def _fill_gaps(message: MessageRecord, twin: MessageRecord) -> None:
    """A chat span and its assistant_text child say the same: the child's message keeps its place and takes the numbers.

    Its label is the parent's unless it has its own, and its status is never empty, as UNSET is a value too.
    """
    message.agent_version = message.agent_version or twin.agent_version
    message.model = message.model or twin.model
    message.reasoning_content = message.reasoning_content or twin.reasoning_content
    message.reasoning_tokens = message.reasoning_tokens or twin.reasoning_tokens
    message.input_tokens = message.input_tokens or twin.input_tokens
    message.output_tokens = message.output_tokens or twin.output_tokens
    message.duration_ms = message.duration_ms or twin.duration_ms
    message.usage_choices += twin.usage_choices
    message.content_refs = list(dict.fromkeys(message.content_refs + twin.content_refs))


# -- messages ---------------------------------------------------------------------------------------------------------


def _own_label(span: SpanRecord) -> str:
    return span.agent_name or span.agent_id


def tool_of(span: SpanRecord) -> str:
    return span.tool_name or span.name.removeprefix("execute_tool ")


def _label_in_name(name: str) -> str:
    return name.removeprefix("invoke_agent ").strip() if name.startswith("invoke_agent ") else ""


def message_of(kind: MessageKind, span: SpanRecord, label: str) -> MessageRecord:
    return MessageRecord(kind, span.span_id, label, span.agent_version, span.status, span.started_at)


def _user_message(span: SpanRecord, text: str, refs: tuple[str, ...]) -> MessageRecord:
    """Of no span: it is the user's."""
    return MessageRecord(
        MessageKind.USER_MESSAGE, "", "User", "", Status.UNSET, span.started_at, text=text, content_refs=list(refs)
    )


def _agent_start(span: SpanRecord, label: str) -> MessageRecord:
    card = message_of(MessageKind.AGENT_START, span, label)
    # Choice: the card that a content span makes shows the requested model too, as an agent's does.
    card.model = span.request_model
    card.system_instructions = span.content.system_instructions
    card.tool_definitions = span.content.tool_definitions
    return card


def context_compacted(span: SpanRecord, label: str) -> MessageRecord:
    message = message_of(MessageKind.CONTEXT_COMPACTED, span, label)
    message.compaction_summary = span.content.compaction_summary
    message.compaction_items_before = span.content.compaction_items_before
    message.compaction_items_after = span.content.compaction_items_after
    return message


def _tool_call(span: SpanRecord, label: str) -> MessageRecord:
    call = message_of(MessageKind.TOOL_CALL, span, label)
    call.tool_name = tool_of(span)
    call.tool_arguments = span.content.tool_call_arguments
    call.tool_result = span.content.tool_call_result
    call.duration_ms = duration_ms(span)
    call.content_refs = list(span.content.content_refs)
    return call


def _notification(span: SpanRecord, label: str, message: InputMessage) -> MessageRecord:
    call = message_of(MessageKind.TOOL_CALL, span, label)
    call.tool_origin = ToolCallOrigin.TASK_NOTIFICATION
    call.tool_name = "Task notification"
    call.tool_result = message.text
    call.content_refs = list(message.refs)
    return call


def _launch_call(span: SpanRecord, label: str) -> MessageRecord | None:
    """The tool call that stands for an agent which answered only that it was launched in the background."""
    text = span.content.output_text
    if "async_launched" not in text:  # Spares parsing every answer.
        return None
    try:
        launch = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(launch, dict) or launch.get("isAsync") is not True or launch.get("status") != "async_launched":
        return None
    if not isinstance(launch.get("agentId"), str):
        return None
    description = launch.get("description")
    call = message_of(MessageKind.TOOL_CALL, span, label)
    call.tool_origin = ToolCallOrigin.ASYNC_LAUNCH
    call.tool_name = f"Start {label or 'subagent'}"
    call.tool_arguments = description if isinstance(description, str) else ""
    call.tool_result = text
    call.duration_ms = duration_ms(span)
    call.content_refs = list(span.content.output_refs)
    return call


def _answer(span: SpanRecord, label: str, reasoning_content: str) -> MessageRecord | None:
    """The span's assistant message with its own numbers, if there is output or reasoning or it failed."""
    content = span.content
    if not content.output_text and not reasoning_content and span.status is not Status.ERROR:
        return None
    answer = message_of(MessageKind.ASSISTANT_MESSAGE, span, label)
    answer.text = content.output_text
    answer.model = span.model
    answer.reasoning_content = reasoning_content
    answer.input_tokens = span.input_tokens
    answer.output_tokens = span.output_tokens
    answer.reasoning_tokens = span.reasoning_tokens
    answer.usage_choices = [[span.usage()]] if span.model else []
    answer.duration_ms = duration_ms(span)
    answer.content_refs = list(content.output_refs)
    return answer
