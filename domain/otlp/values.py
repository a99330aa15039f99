"""Protobuf messages to plain Python values."""

from base64 import b64encode
from collections.abc import Iterable
from typing import Any, TypeAlias

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

Value: TypeAlias = "str | bool | int | float | list[Value] | dict[str, Value] | None"


def clean(text: str) -> str:
    """Without NUL characters: PostgreSQL's texts refuse them."""
    return text.replace("\0", "\ufffd") if "\0" in text else text


def attributes_of(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    """str, bool, int, float, list, dict by key; bytes as base64 text. The last of equal keys wins, no value is no key.

    Weave: an attribute without a value fails the whole request; here it is skipped.
    """
    attributes: dict[str, Any] = {}
    for pair in pairs:
        value = pair.value
        # Nearly all attributes are texts: asking for that first spares the question which kind it is.
        text = value.string_value
        if text:
            attributes[clean(pair.key)] = text if "\0" not in text else clean(text)
        elif (read := value_of(value)) is not None:
            attributes[clean(pair.key)] = read
    return attributes


def value_of(value: AnyValue) -> Value:
    """None when nothing is set. The parser's own bound on nesting (100 messages) bounds the recursion."""
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return clean(value.string_value)
    if kind == "array_value":
        return [value_of(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {clean(pair.key): value_of(pair.value) for pair in value.kvlist_value.values}
    if kind == "bytes_value":
        return b64encode(value.bytes_value).decode()
    if kind is None or kind == "string_value_strindex":  # OTLP: an index means something only in profiles.
        return None
    number: bool | int | float = getattr(value, kind)
    return number
