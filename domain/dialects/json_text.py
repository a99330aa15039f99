"""JSON inside attributes: read as Weave reads it, written as Weave writes it."""

import json
import re
from typing import Any, Final, TypeAlias

import orjson

Json: TypeAlias = Any
"""str, bool, int, float, None, list or dict, all the way down."""

NOT_JSON: Final = object()

_LONE_SURROGATES = re.compile("[\ud800-\udfff]")
_ESCAPED_TROUBLE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")


def parse(text: str) -> Json:
    """The JSON value in a text, or NOT_JSON. Reads NaN and Infinity too, as Python's json does.

    Fast (measured: 2 to 6 times json), but integers beyond 64 bits lose digits: for values that are not shown as JSON
    again.
    """
    try:
        value = orjson.loads(text)
        return _storable(value) if "\\u0000" in text else value
    except (orjson.JSONDecodeError, RecursionError):
        return parse_exactly(text)


def parse_exactly(text: str) -> Json:
    """As parse, keeping every digit."""
    try:
        value = json.loads(text)
        return _storable(value) if _ESCAPED_TROUBLE.search(text) and not _is_storable(text, value) else value
    except (ValueError, RecursionError):
        return NOT_JSON


def structure(value: object) -> Json:
    """Weave: a string attribute that starts like an object or a list and is JSON counts as what it holds."""
    if isinstance(value, str) and value.startswith(("{", "[")):
        parsed = parse_exactly(value)
        return value if parsed is NOT_JSON else parsed
    return value


def dump(value: object) -> str:
    """Weave: separators ", " and ": ", members in their order, other than ASCII as \\uXXXX."""
    try:
        return json.dumps(value)
    except (RecursionError, ValueError, TypeError):
        # Nested deeper than the interpreter follows: the value is still in the stored span.
        return ""


def storable(text: str) -> str:
    """Without what PostgreSQL's texts refuse: NUL characters and lone surrogates become U+FFFD."""
    if text.isascii() and "\0" not in text:
        return text
    return _LONE_SURROGATES.sub("\ufffd", text).replace("\0", "\ufffd")


def _is_storable(text: str, value: Json) -> bool:
    """Whether the escapes stand for pairs of surrogates alone: Python writes every emoji so, and looking at each text
    of a history takes four times as long as reading it (benchmarks/dialects.py).
    """
    if "\\u0000" in text:
        return False
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError:  # A lone surrogate; or what only orjson does not write.
        return False
    return True


def _storable(value: Json) -> Json:
    """Raises RecursionError where nesting is deeper than the interpreter follows."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {storable(key): _storable(item) for key, item in value.items()}
    return value
