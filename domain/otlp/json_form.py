"""OTLP/JSON to protobuf messages, one message at a time.

Not google.protobuf.json_format: OTLP/JSON writes ids in hex, which that takes for base64; it accepts members and enums
under more names than that does; and one bad span must not cost the others.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import orjson
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from domain.errors import UndecodableBody
from domain.otlp.wire import MAX_DEPTH, TooDeep

_ID_FIELDS = frozenset({"trace_id", "span_id", "parent_span_id"})
_LONE_SURROGATES = re.compile("[\ud800-\udfff]")

Put = Callable[[Message, object, int], None]
"""Sets one field of a message from a JSON value at the given depth; ValueError when the value does not fit."""


class MemberError(ValueError):
    """A member that does not fit its field; the text starts with the member's path."""


def parse_document(body: bytes, *, request_name: str) -> dict[str, Any]:
    """The JSON object in the body. Raises UndecodableBody."""
    try:
        document = _parsed(body)
    except RecursionError:
        raise UndecodableBody("The body is JSON nested too deeply to be read.") from None
    except ValueError as error:
        raise UndecodableBody(f"The body is not JSON, an {request_name} was expected: {error}.") from error
    if not isinstance(document, dict):
        raise UndecodableBody(f"The body is not a JSON object, an {request_name} was expected.")
    return document


def _parsed(body: bytes) -> object:
    """orjson refuses NaN, lone surrogates and what is not UTF-8, all of which clients do send."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return json.loads(body.decode(errors="replace"))


def member(owner: Mapping[str, Any], camel_case: str, snake_case: str) -> object:
    """A member under either of its names; None when it is absent or null."""
    value = owner.get(camel_case)
    return owner.get(snake_case) if value is None else value


def without_surrogates(text: str) -> str:
    return _LONE_SURROGATES.sub("\ufffd", text)


def fill(message: Message, document: Mapping[str, Any], depth: int = 0) -> None:
    """Set the message's fields from a JSON object. Unknown members and nulls are skipped.

    Raises MemberError for the first member that does not fit, TooDeep for values nested beyond MAX_DEPTH.
    """
    if depth > MAX_DEPTH:
        raise TooDeep
    puts = _members(message.DESCRIPTOR)
    for name, value in document.items():
        if value is None:
            continue
        put = puts.get(name)
        if put is None:
            continue
        try:
            put(message, value, depth)
        except TooDeep:
            raise
        except MemberError as error:
            raise MemberError(f"{name}.{error}") from None
        except (ValueError, TypeError, OverflowError) as error:
            raise MemberError(f"{name}: {error}") from None


@cache
def _members(descriptor: Descriptor) -> dict[str, Put]:
    """How to set each field, under its camelCase and its snake_case name."""
    puts: dict[str, Put] = {}
    for field in descriptor.fields:
        puts[field.json_name] = puts[field.name] = _setter(field)
    return puts


def _setter(field: FieldDescriptor) -> Put:
    if field.message_type is not None:
        return _put_messages(field.name) if field.is_repeated else _put_message(field.name)
    read = _reader(field)
    return _put_scalars(field.name, read) if field.is_repeated else _put_scalar(field.name, read)


def _put_message(name: str) -> Put:
    def put(message: Message, value: object, depth: int) -> None:
        if not isinstance(value, dict):
            raise ValueError("is not an object")
        part = getattr(message, name)
        part.SetInParent()
        fill(part, value, depth + 1)

    return put


def _put_messages(name: str) -> Put:
    def put(message: Message, value: object, depth: int) -> None:
        parts = getattr(message, name)
        for item in _items(value):
            if not isinstance(item, dict):
                raise ValueError("holds something else than objects")
            fill(parts.add(), item, depth + 1)

    return put


def _put_scalar(name: str, read: Callable[[object], Any]) -> Put:
    def put(message: Message, value: object, _depth: int) -> None:
        setattr(message, name, read(value))

    return put


def _put_scalars(name: str, read: Callable[[object], Any]) -> Put:
    def put(message: Message, value: object, _depth: int) -> None:
        getattr(message, name).extend(read(item) for item in _items(value))

    return put


def _items(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("is not a list")
    return [item for item in value if item is not None]


def _reader(field: FieldDescriptor) -> Callable[[object], Any]:
    if field.enum_type is not None:
        return _enum_reader(field.enum_type)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _hex if field.name in _ID_FIELDS else _base64
    return _READERS.get(field.type, _whole_number)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("is not a string")
    return value if value.isascii() else without_surrogates(value)


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("is neither true nor false")
    return value


def _number(value: object) -> float:
    """JSON has no NaN and no Infinity: OTLP sends them, as any number, as strings."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("is not a number")
    try:
        return float(value)
    except (ValueError, OverflowError):
        raise ValueError("is not a number") from None


def _whole_number(value: object) -> int:
    """OTLP/JSON sends 64-bit integers as strings; JavaScript also as numbers such as 1.7e18. Protobuf checks bounds."""
    try:
        number = int(value) if isinstance(value, str | int | float) else None
    except (ValueError, OverflowError):
        number = None
    if number is None or isinstance(value, bool) or (isinstance(value, float) and number != value):
        raise ValueError("is not a whole number")
    return number


def _hex(value: object) -> bytes:
    try:
        return binascii.unhexlify(_text(value))
    except ValueError:
        raise ValueError("is not an id in hex digits") from None


def _base64(value: object) -> bytes:
    """Either alphabet, padded or not."""
    text = _text(value).rstrip("=").translate({ord("-"): "+", ord("_"): "/"})
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


_READERS: dict[int, Callable[[object], Any]] = {
    FieldDescriptor.TYPE_STRING: _text,
    FieldDescriptor.TYPE_BOOL: _truth,
    FieldDescriptor.TYPE_DOUBLE: _number,
    FieldDescriptor.TYPE_FLOAT: _number,
}


def _enum_reader(enum: EnumDescriptor) -> Callable[[object], int]:
    """Numbers, full names (SPAN_KIND_CLIENT) and short ones (CLIENT), in any case; an unknown name is 0."""
    prefix = re.sub(r"(?<!^)(?=[A-Z])", "_", enum.name).upper() + "_"
    numbers = {value.name: value.number for value in enum.values}
    numbers |= {name.removeprefix(prefix): number for name, number in numbers.items()}

    def read(value: object) -> int:
        if isinstance(value, str) and not value.isdecimal():
            return numbers.get(value.upper(), 0)
        return _whole_number(value)

    return read
