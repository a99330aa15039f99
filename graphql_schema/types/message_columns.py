"""Messages read by the column, straight from their rows."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from db.engine import Row
from db.projects import ProjectRecord
from graphql_schema.execution import Layout, Layouts, Records, stored, stored_text
from graphql_schema.types.message import KINDS, Message, UserMessage, message_from_row

Read = Callable[[Records], list[Any]]


class _Owner(NamedTuple):
    """What a message knows beyond its row."""

    project: ProjectRecord
    turn_key: tuple[str, str]
    with_model_tool_calls: bool


def _build(owner: _Owner, row: Row) -> Message:
    return message_from_row(owner.project, owner.turn_key, row, with_model_tool_calls=owner.with_model_tool_calls)


def _nothing(records: Records) -> list[Any]:
    return [None] * len(records)


_COMMON: Mapping[str, Read] = {
    "project": lambda records: [owner.project for owner in records.owners],
    "turn_key": lambda records: [owner.turn_key for owner in records.owners],
    "with_model_tool_calls": lambda records: [owner.with_model_tool_calls for owner in records.owners],
    "span_id": stored_text("span_id"),
    "agent_name": stored_text("agent_name"),
    "agent_version": stored_text("agent_version"),
    **{name: stored(name) for name in ("position", "kind", "status", "started_at")},
}

_AS_STORED = (
    "usage_by_model",
    "usage_choices",
    "text",
    "input_tokens",
    "output_tokens",
    "reasoning_tokens",
    "duration_ms",
    "content_refs",
    "tool_name",
)
_TEXTS = ("reasoning_content", "system_instructions", "tool_definitions")

_OWN: Mapping[str, Read] = {
    **{name: stored(name) for name in _AS_STORED},
    **{name: stored_text(name) for name in _TEXTS},
    "model": stored_text("model"),
    "origin": stored("tool_origin"),
    "arguments": stored_text("tool_arguments"),
    "result": stored_text("tool_result"),
    "from_agent": stored_text("handoff_from"),
    "to_agent": stored_text("handoff_to"),
    "summary": stored_text("compaction_summary"),
    "items_before": stored("compaction_items_before"),
    "items_after": stored("compaction_items_after"),
}


def _layout(kind: type[Message]) -> Layout:
    own = {name: _OWN[name] for name in kind.__annotations__}
    status = {"status": _nothing} if kind is UserMessage else {}
    return Layout(kind, {**_COMMON, **own, **status}, _build)


_MESSAGES = Layouts("kind", {name: _layout(kind) for name, (kind, _) in KINDS.items()})


_USAGE = {"cost": "usage_by_model", "spanSumCost": "usage_choices"}


def usage_for(selected: set[str]) -> frozenset[str]:
    """Which of MESSAGE_USAGE must be read where these fields are selected."""
    return frozenset(column for field, column in _USAGE.items() if field in selected)


def messages_of(
    project: ProjectRecord, turn_key: tuple[str, str], rows: Sequence[Row], *, with_model_tool_calls: bool = False
) -> Any:  # noqa: ANN401 - Rows stand for the list of objects
    """The messages of a turn."""
    owner = _Owner(project, turn_key, with_model_tool_calls)
    return Records(_MESSAGES, [owner] * len(rows), rows)
