"""What a family of log records is: a coding agent that tells its conversations step by step in records of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from domain.dialects.json_text import Json


@dataclass(frozen=True, slots=True)
class LogFamily:
    """One client's records, by the names of their events."""

    prefix: str
    """What all names of its events begin with."""
    prompt: str
    """The event with which the user begins a turn."""
    conversation_key: str
    """The attribute that names the conversation."""
    turn_key: str
    """The attribute that is the same on all records of a turn; "" where the client has none."""
    columns: Callable[[str, Mapping[str, Any]], dict[str, Json]]
    """The columns (dialect.py) that a record of this name and with these attributes fills. Records that fill none tell
    nothing of a conversation. Never raises."""
    bare_names: bool = False
    """Whether the attribute `event.name` may have the name without the prefix."""


def is_false(value: Json) -> bool:
    """How these clients say that something failed: a boolean, or its text."""
    return value is False or (isinstance(value, str) and value.lower() == "false")
