"""Logfire's pending spans: what is known of a span when it starts, sent before it as a span of its own.

A pending span has an id that nothing else has, the span that it announces as its parent, and that one's parent in an
attribute. Read here as what it stands for: that span, still open. The span itself takes its place when it has ended.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from domain.dialects.columns import hex_id_as_stored, text

if TYPE_CHECKING:
    from domain.records import RawSpan

_KIND: Final = "logfire.span_type"
_PENDING: Final = "pending_span"
_REAL_PARENT: Final = "logfire.pending_parent_id"


def announced(raw: RawSpan) -> RawSpan:
    """The span that a pending one announces, with the bytes of the pending one; any other span as it is."""
    if raw.attributes.get(_KIND) != _PENDING or not raw.parent_span_id:
        return raw
    parent_span_id = hex_id_as_stored(text(raw.attributes.get(_REAL_PARENT)))
    if not parent_span_id.strip("0"):
        parent_span_id = ""
    return replace(raw, span_id=raw.parent_span_id, parent_span_id=parent_span_id, end_time_unix_nano=0)
