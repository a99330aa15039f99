"""Protobuf's wire format, as far as an export request needs it: fields are found and enclosed, not interpreted.

Reading the envelope by hand keeps the bytes of each span as they came (they are stored so), and keeps one span that
cannot be parsed from taking its whole request with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_VARINT, _FIXED64, _LENGTH_DELIMITED, _FIXED32 = 0, 1, 2, 5
_MAX_VARINT_BYTES = 10

MAX_DEPTH = 90
"""Messages inside messages, counted from a span. Protobuf's parsers stop at 100, and stored spans are three deeper."""


class MalformedWire(ValueError):
    """Bytes that are no protobuf message; the text is a sentence without its subject."""


class TooDeep(ValueError):
    """A value nested deeper than MAX_DEPTH."""

    def __init__(self) -> None:
        super().__init__("its values are nested too deeply")


def fields(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(tag, start, end) of each field's payload inside data[start:end]; the tag is field number * 8 + wire type."""
    at = start
    while at < end:
        tag, at = _read_varint(data, at, end)
        wire_type = tag & 7
        if wire_type == _LENGTH_DELIMITED:
            size, at = _read_varint(data, at, end)
            stop = at + size
        elif wire_type == _VARINT:
            stop = _read_varint(data, at, end)[1]
        elif wire_type == _FIXED64:
            stop = at + 8
        elif wire_type == _FIXED32:
            stop = at + 4
        else:
            raise MalformedWire(f"has no known field at byte {at}")
        if stop > end or tag < 8:
            raise MalformedWire(f"breaks off in a field at byte {at}")
        yield tag, at, stop
        at = stop


def _read_varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    for index in range(at, min(end, at + _MAX_VARINT_BYTES)):
        byte = data[index]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, index + 1
        shift += 7
    raise MalformedWire(f"breaks off in a number at byte {at}")


def varint(value: int) -> bytes:
    if value < 0x80:
        return value.to_bytes(1, "little")
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def enclosed(field_number: int, payload: bytes) -> bytes:
    """The payload as a length-delimited field; nothing when it is empty."""
    return varint(field_number << 3 | _LENGTH_DELIMITED) + varint(len(payload)) + payload if payload else b""


# ----------------------------------------------------------------------------------------------------------------------
# The envelope. Traces and logs number its fields alike: request {1: group}, group {1: resource, 2: section,
# 3: schema URL}, section {1: scope, 2: record, 3: schema URL}.

_FIRST, _SECOND, _THIRD = (number << 3 | _LENGTH_DELIMITED for number in (1, 2, 3))


class WireSection(NamedTuple):
    """The records of one scope."""

    scope: bytes
    schema_url: bytes
    records: list[bytes]


class WireGroup(NamedTuple):
    """The sections of one resource."""

    resource: bytes
    schema_url: bytes
    sections: list[WireSection]


def read_envelope(body: bytes) -> list[WireGroup]:
    """Raises MalformedWire. A resource or scope given twice is merged, as protobuf has it (its bytes are joined)."""
    return [_read_group(body, at, stop) for tag, at, stop in fields(body, 0, len(body)) if tag == _FIRST]


def _read_group(body: bytes, start: int, end: int) -> WireGroup:
    schema_url = b""
    resource: list[bytes] = []
    sections: list[WireSection] = []
    for tag, at, stop in fields(body, start, end):
        if tag == _FIRST:
            resource.append(body[at:stop])
        elif tag == _SECOND:
            sections.append(_read_section(body, at, stop))
        elif tag == _THIRD:
            schema_url = _valid_text(body[at:stop])
    return WireGroup(b"".join(resource), schema_url, sections)


def _read_section(body: bytes, start: int, end: int) -> WireSection:
    schema_url = b""
    scope: list[bytes] = []
    records: list[bytes] = []
    for tag, at, stop in fields(body, start, end):
        if tag == _FIRST:
            scope.append(body[at:stop])
        elif tag == _SECOND:
            records.append(body[at:stop])
        elif tag == _THIRD:
            schema_url = _valid_text(body[at:stop])
    return WireSection(b"".join(scope), schema_url, records)


class Envelope:
    """Puts single records back into a request: the bytes of resource and scope are made once for all of them."""

    __slots__ = ("_group_end", "_group_start", "_section_end", "_section_start")

    def __init__(self, *, resource: bytes, group_schema_url: bytes, scope: bytes, section_schema_url: bytes) -> None:
        self._group_start = enclosed(1, resource)
        self._group_end = enclosed(3, group_schema_url)
        self._section_start = enclosed(1, scope)
        self._section_end = enclosed(3, section_schema_url)

    def around(self, record: bytes) -> bytes:
        record_head = b"\x12" + varint(len(record))
        section_size = len(self._section_start) + len(record_head) + len(record) + len(self._section_end)
        section_head = b"\x12" + varint(section_size)
        group_size = len(self._group_start) + len(section_head) + section_size + len(self._group_end)
        return b"".join(
            (
                b"\x0a",
                varint(group_size),
                self._group_start,
                section_head,
                self._section_start,
                record_head,
                record,
                self._section_end,
                self._group_end,
            )
        )


# ----------------------------------------------------------------------------------------------------------------------
# Repair: protobuf's parsers refuse a message for one text that is not UTF-8, which clients make when they cut a text
# at a byte limit. Such texts are mended (U+FFFD) rather than the span refused.


@dataclass(frozen=True, slots=True)
class Shape:
    """Where the texts of a message are."""

    texts: frozenset[int] = frozenset()
    messages: Mapping[int, Shape] = field(default_factory=dict)


_any_value_members: dict[int, Shape] = {}
_ANY_VALUE = Shape(frozenset({1}), _any_value_members)
_KEY_VALUE = Shape(frozenset({1}), {2: _ANY_VALUE})
_any_value_members |= {5: Shape(messages={1: _ANY_VALUE}), 6: Shape(messages={1: _KEY_VALUE})}

RESOURCE = Shape(messages={1: _KEY_VALUE})
SCOPE = Shape(frozenset({1, 2}), {3: _KEY_VALUE})
SPAN = Shape(
    frozenset({3, 5}),
    {
        9: _KEY_VALUE,
        11: Shape(frozenset({2}), {3: _KEY_VALUE}),  # event
        13: Shape(frozenset({3}), {4: _KEY_VALUE}),  # link
        15: Shape(frozenset({2})),  # status
    },
)
LOG_RECORD = Shape(frozenset({3, 12}), {5: _ANY_VALUE, 6: _KEY_VALUE})


def with_valid_texts(data: bytes, shape: Shape, depth: int = 0) -> bytes:
    """The message with what is not UTF-8 in its texts replaced. Raises MalformedWire or TooDeep."""
    if depth > MAX_DEPTH:
        raise TooDeep
    mended: list[bytes] = []
    for tag, at, stop in fields(data, 0, len(data)):
        payload = data[at:stop]
        mended.append(varint(tag))
        if tag & 7 == _LENGTH_DELIMITED:
            number = tag >> 3
            if number in shape.texts:
                payload = _valid_text(payload)
            elif number in shape.messages:
                payload = with_valid_texts(payload, shape.messages[number], depth + 1)
            mended.append(varint(len(payload)))
        mended.append(payload)
    return b"".join(mended)


def _valid_text(payload: bytes) -> bytes:
    return payload.decode(errors="replace").encode()
