"""What conversations are found by: marks, each a number that stands for a kind and its values, such as a model's name.

A mark is a hash, so that an index of them is small whatever the values are. Two different ones meet by chance once in
some 10^18 pairs.
"""

from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b, sha256
from operator import attrgetter

from domain.records import SpanRecord, Status

MAX_ATTRIBUTE_CHARACTERS = 128
"""Attributes with longer keys or values are not found by them."""

MAX_ATTRIBUTES = 32
"""Of one span: so many are found, the first."""

_POSITIVE = 2**63 - 1
_names = attrgetter("agent_name", "agent_version", "provider_name", "tool_name", "request_model", "response_model")


class MarkKind(StrEnum):
    VERSION = "version"
    """Of an agent, whatever its name."""
    AGENT_VERSION = "agent version"
    """A name and its version."""
    MODEL = "model"
    PROVIDER = "provider"
    TOOL = "tool"
    STATUS = "status"
    """Of a turn."""
    ATTRIBUTE = "attribute"
    """A key and a value."""


@lru_cache(maxsize=65_536)
def mark_of(kind: MarkKind, *values: str) -> int:
    """A signed number of 64 bits. Those of attributes, which may be many, are positive, all others negative: where
    marks are sorted and cut, attributes go first.
    """
    text = "\x00".join((kind, *values)).encode(errors="replace")
    hashed = int.from_bytes(blake2b(text, digest_size=8).digest(), "big") & _POSITIVE
    return hashed if kind is MarkKind.ATTRIBUTE else -1 - hashed


def tag_mark(tag: str) -> int:
    """The mark of an operator's tag, a negative one. `db/marks.py` computes it too: tags change without spans."""
    return -1 - (int.from_bytes(sha256(f"tag {tag}".encode()).digest()[:8], "big") & _POSITIVE)


def marks_of_turn(spans: Iterable[SpanRecord], status: Status) -> tuple[int, ...]:
    """All marks of a turn, sorted: of its spans and of its status."""
    found = {mark_of(MarkKind.STATUS, status)}
    named = set()
    for span in spans:
        named.add(_names(span))
        if span.content.attribute_marks:
            found.update(span.content.attribute_marks)
    # Spans of a turn name the same few things again and again.
    for agent, version, provider, tool, requested, answered in named:
        if version:
            found.add(mark_of(MarkKind.VERSION, version))
            found.add(mark_of(MarkKind.AGENT_VERSION, agent, version))
        for kind, name in (
            (MarkKind.PROVIDER, provider),
            (MarkKind.TOOL, tool),
            (MarkKind.MODEL, requested),
            (MarkKind.MODEL, answered),
        ):
            if name:
                found.add(mark_of(kind, name))
    return tuple(sorted(found))
