"""Python's own spelling of dicts and lists, which frameworks write where they call str() on arguments."""

from __future__ import annotations

import re
from typing import Final

from domain.dialects.json_text import NOT_JSON, Json, dump, parse_exactly, storable

_MAX_CHARACTERS: Final = 50_000
_TOKEN: Final = re.compile(
    r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|True|False|None|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|[][{}:,]|[ \n]+""", re.DOTALL
)
_ESCAPE: Final = re.compile(r"\\(x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|.)", re.DOTALL)
_NAMES: Final = {"True": "true", "False": "false", "None": "null"}
_CONTROLS: Final = {"n": "\n", "r": "\r", "t": "\t"}


def opened_repr(value: str) -> Json:
    """What the repr of a dict or a list holds, else the text as it is.

    Read token by token: ast.literal_eval can be made to overflow the interpreter's stack.
    """
    if len(value) > _MAX_CHARACTERS or not value.startswith(("{", "[")):
        return value
    tokens, position = [], 0
    while position < len(value):
        token = _TOKEN.match(value, position)
        if token is None:
            return value
        tokens.append(_as_json(token.group()))
        position = token.end()
    parsed = parse_exactly("".join(tokens))
    return value if parsed is NOT_JSON else parsed


def _as_json(token: str) -> str:
    if token[0] in "'\"":
        return dump(storable(_ESCAPE.sub(_unescaped, token[1:-1])))
    return _NAMES.get(token, token)


def _unescaped(escape: re.Match[str]) -> str:
    code = escape.group(1)
    if len(code) > 1:
        number = int(code[1:], 16)
        return chr(number) if number <= 0x10FFFF else "\ufffd"
    return _CONTROLS.get(code, code)
