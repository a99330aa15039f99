"""The elements of a turn's timeline: one interface, one type per kind."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from db.engine import Row
from db.projects import ProjectRecord
from domain.names import project_id_of
from domain.pricing import first_cost_of
from graphql_schema.batches import in_batches
from graphql_schema.context import Info
from graphql_schema.execution import column_of
from graphql_schema.loaders import ProjectLoaders
from graphql_schema.node_ids import node_id
from graphql_schema.scalars import Int64
from graphql_schema.types.enums import MessageKind, Status, ToolCallOrigin
from graphql_schema.types.feedback import Feedback, feedback_list
from graphql_schema.types.usage import Cost, costs_at, model_usages

if TYPE_CHECKING:
    from graphql_schema.types.span import Span


@strawberry.interface(description="One element of a turn's timeline. Order is the turn's tree, then time.")
class Message:
    project: strawberry.Private[ProjectRecord]
    turn_key: strawberry.Private[tuple[str, str]]
    with_model_tool_calls: strawberry.Private[bool]
    position: int = strawberry.field(
        description="Its place among the turn's messages, from 0; a view has gaps where the other has more. With "
        "`includeModelToolCalls` the WEAVE view counts by itself, without gaps."
    )
    kind: MessageKind = strawberry.field(description="Which type this is, as a value to switch on.")
    span_id: str | None = strawberry.field(description="The span it was read from; null on user messages.")
    agent_name: str | None = strawberry.field(description='The agent whose work it is; "User" on user messages.')
    agent_version: str | None = strawberry.field(description="The span's agent version.")
    status: Status | None = strawberry.field(description="The span's status; null on user messages.")
    started_at: datetime = strawberry.field(
        description="When its span started; for what a model only requested, when its span ended; for what only a "
        "model's input tells of, when that model's span started: the call was before."
    )

    @strawberry.field(description="Names this message until its turn changes: the position is part of it.")
    def id(self) -> strawberry.ID:
        key = (*self.turn_key, *(("with_model_tool_calls",) if self.with_model_tool_calls else ()), str(self.position))
        return node_id("Message", project_id_of(self.project.entity, self.project.name), *key)

    @strawberry.field(description="Feedback on its span, oldest first: the newest 1,000.")
    async def feedback(self, info: Info) -> list[Feedback]:
        if not self.span_id:
            return []
        rows = await info.context.loaders(self.project).span_feedback.load(self.span_id)
        return feedback_list(self.project, rows)

    @strawberry.field(description="The span it was read from; null on user messages.")
    async def span(self, info: Info) -> Annotated["Span", strawberry.lazy("graphql_schema.types.span")] | None:
        from graphql_schema.types.span import Span

        if not self.span_id:
            return None
        record = await info.context.loaders(self.project).span.load((self.turn_key[1], self.span_id))
        return None if record is None else Span.from_record(self.project, record)


@strawberry.type(description="What a user said.")
class UserMessage(Message):
    text: str = strawberry.field(description="The text.")
    content_refs: list[str] = strawberry.field(description="References to media that came with it.")


@strawberry.type(
    description="What a model answered. For an agent whose LLM calls showed nothing of their own it is the agent's "
    "output, with numbers summed over everything below it."
)
class AssistantMessage(Message):
    usage_by_model: strawberry.Private[list[list[Any]]]
    usage_choices: strawberry.Private[list[list[list[Any]]]]
    text: str = strawberry.field(description='The text; "" when there is only reasoning, or only an error.')
    model: str | None = strawberry.field(description="The model that answered, else the one that was asked for.")
    reasoning_content: str | None = strawberry.field(description="Its reasoning, as far as the client sent it.")
    input_tokens: Int64 = strawberry.field(description="Tokens read, cached ones included.")
    output_tokens: Int64 = strawberry.field(description="Tokens written, reasoning included.")
    reasoning_tokens: Int64 = strawberry.field(description="Tokens spent on reasoning.")
    duration_ms: Int64 = strawberry.field(description="Whole milliseconds; 0 while the span is open.")
    content_refs: list[str] = strawberry.field(description="References to media in the answer.")

    @strawberry.field(
        description="What the calls behind this answer cost: its own, and those below it that show no answer of their "
        "own; by the prices in effect when its span started. Each call of the turn counts in one message of the full "
        "view at most, so the messages add up to the turn's cost, but for calls that neither show an answer nor lie "
        "below one, such as those that only ask for tools, and for prices that changed while the turn ran. Null where "
        "no call behind it has a cost, as on a second report of an answer.",
        metadata=in_batches(lambda: _costs),
    )
    async def cost(self, info: Info) -> Cost | None:
        (found,) = await _costs(info.context.loaders(self.project), [self], info)
        return found

    @strawberry.field(
        description="What Weave's routes show as its cost: the tokens of its span by the prices of now, whatever the "
        "client says, and for an agent's output summed over all spans below it. `cost` is the true one.",
        metadata=in_batches(lambda: _span_sum_costs),
    )
    async def span_sum_cost(self, info: Info) -> Cost | None:
        (found,) = await _span_sum_costs(info.context.loaders(self.project), [self], info)
        return found


async def _costs(loaders: ProjectLoaders, messages: Sequence[AssistantMessage], _: Info) -> list[Cost | None]:
    usages = map(model_usages, column_of(messages, "usage_by_model"))
    return await costs_at(loaders, list(zip(column_of(messages, "started_at"), usages, strict=True)))


async def _span_sum_costs(loaders: ProjectLoaders, messages: Sequence[AssistantMessage], _: Info) -> list[Cost | None]:
    choices = [[model_usages(choice) for choice in stored] for stored in column_of(messages, "usage_choices")]
    models = {usage.model for of_one in choices for choice in of_one for usage in choice}
    prices = await loaders.prices_of_now(models)
    return [Cost.from_record(first_cost_of(of_one, prices)) for of_one in choices]


@strawberry.type(description="One use of a tool.")
class ToolCall(Message):
    origin: ToolCallOrigin = strawberry.field(
        description="Where it comes from. What a model requested has the span, status and agent of the model's call."
    )
    tool_name: str = strawberry.field(description="The tool's name.")
    arguments: str | None = strawberry.field(description="Its arguments, JSON as a rule; null when there are none.")
    result: str | None = strawberry.field(description="Its result, JSON or text; null when there is none.")
    duration_ms: Int64 = strawberry.field(
        description="Whole milliseconds; 0 while the span is open, and for what a model requested."
    )
    content_refs: list[str] = strawberry.field(description="References that the span carries.")


@strawberry.type(description="An agent begins, or an LLM call shows instructions that were not shown before.")
class AgentStart(Message):
    model: str | None = strawberry.field(description="The model asked for.")
    system_instructions: str | None = strawberry.field(description="What the agent was told to be.")
    tool_definitions: str | None = strawberry.field(description="The tools it was given, as JSON.")


@strawberry.type(description="Work passes from one agent to another.")
class AgentHandoff(Message):
    from_agent: str | None = strawberry.field(description="Who hands over; null where nothing tells.")
    to_agent: str | None = strawberry.field(description="Who takes over; null where nothing tells.")


@strawberry.type(description="The history was shortened to fit the model's context.")
class ContextCompacted(Message):
    summary: str | None = strawberry.field(description="What the shortened history says.")
    items_before: Int64 = strawberry.field(description="Messages before.")
    items_after: Int64 = strawberry.field(description="Messages after.")


def _user(row: Row) -> dict[str, Any]:
    return {"text": row["text"], "content_refs": row["content_refs"]}


def _assistant(row: Row) -> dict[str, Any]:
    return {
        "usage_by_model": row["usage_by_model"],
        "usage_choices": row["usage_choices"],
        "text": row["text"],
        "model": row["model"] or None,
        "reasoning_content": row["reasoning_content"] or None,
        "input_tokens": row["input_tokens"],
        "output_tokens": row["output_tokens"],
        "reasoning_tokens": row["reasoning_tokens"],
        "duration_ms": row["duration_ms"],
        "content_refs": row["content_refs"],
    }


def _tool_call(row: Row) -> dict[str, Any]:
    return {
        "origin": ToolCallOrigin(row["tool_origin"]),
        "tool_name": row["tool_name"],
        "arguments": row["tool_arguments"] or None,
        "result": row["tool_result"] or None,
        "duration_ms": row["duration_ms"],
        "content_refs": row["content_refs"],
    }


def _agent_start(row: Row) -> dict[str, Any]:
    return {name: row[name] or None for name in ("model", "system_instructions", "tool_definitions")}


def _handoff(row: Row) -> dict[str, Any]:
    return {"from_agent": row["handoff_from"] or None, "to_agent": row["handoff_to"] or None}


def _compacted(row: Row) -> dict[str, Any]:
    return {
        "summary": row["compaction_summary"] or None,
        "items_before": row["compaction_items_before"],
        "items_after": row["compaction_items_after"],
    }


KINDS: dict[str, tuple[type[Message], Callable[[Row], dict[str, Any]]]] = {
    MessageKind.USER_MESSAGE: (UserMessage, _user),
    MessageKind.ASSISTANT_MESSAGE: (AssistantMessage, _assistant),
    MessageKind.TOOL_CALL: (ToolCall, _tool_call),
    MessageKind.AGENT_START: (AgentStart, _agent_start),
    MessageKind.AGENT_HANDOFF: (AgentHandoff, _handoff),
    MessageKind.CONTEXT_COMPACTED: (ContextCompacted, _compacted),
}


def message_from_row(
    project: ProjectRecord, turn_key: tuple[str, str], row: Row, *, with_model_tool_calls: bool = False
) -> Message:
    """A message as the type of its kind. Texts that were absent become null where the field allows it.

    `with_model_tool_calls`: its position is one in the view that is made with these, not in the stored one.
    """
    kind, payload = KINDS[row["kind"]]
    is_user = kind is UserMessage
    return kind(
        project=project,
        turn_key=turn_key,
        with_model_tool_calls=with_model_tool_calls,
        position=row["position"],
        kind=MessageKind(row["kind"]),
        span_id=row["span_id"] or None,
        agent_name=row["agent_name"] or None,
        agent_version=row["agent_version"] or None,
        status=None if is_user else Status(row["status"]),
        started_at=row["started_at"],
        **payload(row),
    )
