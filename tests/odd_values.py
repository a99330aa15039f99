"""Attribute values such as no client means to send: any nesting, half of them as JSON text, with the members that
message bodies have.
"""

import json
from typing import Any, Final

from hypothesis import strategies as st

_MEMBERS: Final = (
    *("role", "parts", "content", "type", "text", "id", "name", "arguments", "tool_calls", "function", "message"),
    *("messages", "args", "kwargs", "inputs", "outputs", "output", "lc", "contents", "config"),
    *("system_instruction", "tools", "function_declarations", "function_call", "function_response"),
    *("usage_metadata", "finish_reason", "event.name", "thought", "toolUse", "toolResult", "toolUseId", "input"),
    *("kind", "url", "0", "1"),
)
_SCALARS: Final = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text('a0 :{["\\é\0', max_size=6)
    | st.sampled_from(
        ["user", "assistant", "tool", "model", "text", "thinking", "binary", "image-url", "gen_ai.choice", "["]
    )
)
_TREES: Final = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_MEMBERS), inner, max_size=4),
    max_leaves=8,
)


def _spelled(value: Any, as_json: int) -> Any:
    """As it is, as JSON text, as JSON text of that text, or as JSON text that was cut off."""
    match as_json:
        case 0:
            return value
        case 1:
            return json.dumps(value)
        case 2:
            return json.dumps(json.dumps(value))
    return json.dumps(value)[:-1]


ODD_VALUES: Final = st.builds(_spelled, _TREES, st.integers(0, 3))
