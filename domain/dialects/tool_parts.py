"""What messages say beside their texts: which tools a model asks for, what tools answered, that the history was cut.

Nothing raises; a part that nobody knows says nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from domain.dialects import body_parts
from domain.dialects.canonical import message_of
from domain.dialects.columns import text_of_item
from domain.dialects.messages import NOT_USER_ROLES
from domain.records import Compaction, ToolRequest, ToolResponse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from domain.dialects.json_text import Json

RawMessage = str | dict[str, Any]
Part = dict[str, Any]

_REQUESTS: Final = ("tool_call", "server_tool_call")
_RESPONSES: Final = ("tool_call_response", "server_tool_call_response")
_AS_THEY_ARE: Final = frozenset({"tool_call", "server_tool_call", "server_tool_call_response", "compaction"})
_WITHOUT_TOOLS: Final = frozenset({"text", "reasoning", "uri", "blob", "file"})
_ANSWERING_ROLES: Final = ("assistant", "model", "tool_call")


def new_parts(messages: Sequence[RawMessage]) -> list[Part]:
    """The parts of what an input adds to the history: of the messages after the last one of the model."""
    added: list[list[Part]] = []
    for message in reversed(messages):
        if isinstance(message, dict):
            parts = _parts(message)
            if message.get("role") in _ANSWERING_ROLES or any(part.get("type") in _REQUESTS for part in parts):
                break
            added.append(parts)
    return [part for parts in reversed(added) for part in parts]


def output_parts(messages: Sequence[RawMessage]) -> list[Part]:
    """The parts of an output: of the messages after the last one of the user, which some wrappers repeat."""
    found: list[Part] = []
    for message in messages:
        if isinstance(message, dict):
            parts = _parts(message)
            role = text_of_item(message.get("role")) or "assistant"
            if role not in NOT_USER_ROLES and role not in _ANSWERING_ROLES and not _answers(parts):
                found.clear()
            found += parts
    return found


def tool_requests(parts: Iterable[Part]) -> tuple[ToolRequest, ...]:
    return tuple(
        ToolRequest(
            text_of_item(part.get("id")),
            text_of_item(part.get("name")),
            text_of_item(_said(part, ("arguments", "server_tool_call"))),
        )
        for part in parts
        if part.get("type") in _REQUESTS and part.get("name")
    )


def tool_responses(parts: Iterable[Part]) -> tuple[ToolResponse, ...]:
    """Only those that say which call they answer."""
    return tuple(
        ToolResponse(
            text_of_item(part["id"]), text_of_item(_said(part, ("response", "result", "server_tool_call_response")))
        )
        for part in parts
        if part.get("type") in _RESPONSES and part.get("id")
    )


def compactions(parts: Iterable[Part]) -> tuple[Compaction, ...]:
    return tuple(
        Compaction(text_of_item(part.get("id")), text_of_item(part.get("content")))
        for part in parts
        if part.get("type") == "compaction"
    )


def _parts(message: dict[str, Any]) -> list[Part]:
    """The parts in the convention's form, whatever the message's own form is."""
    parts = message_of(message, "")["parts"]
    found: list[Part] = []
    for part in parts:
        kind = text_of_item(part.get("type")) if isinstance(part, dict) else "text"
        if kind in _AS_THEY_ARE:
            found.append(part)
        elif kind not in _WITHOUT_TOOLS and (read := body_parts.part_of(part)) is not None:
            found.append(read)
    return found


def _answers(parts: list[Part]) -> bool:
    return any(part.get("type") in _RESPONSES for part in parts)


def _said(part: Part, names: tuple[str, ...]) -> Json:
    return next((part[name] for name in names if part.get(name) is not None), None)
