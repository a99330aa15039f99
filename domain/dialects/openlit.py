"""Costs that clients work out themselves as gen_ai.usage.cost (OpenLIT, LiteLLM, req_llm), and OpenLIT's tool calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from domain.dialects.canonical import known
from domain.dialects.columns import integer, optional_float
from domain.dialects.dialect import Dialect

if TYPE_CHECKING:
    from domain.dialects.json_text import Json
    from domain.records import RawSpan

_TOKENS: Final = ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "gen_ai.usage.total_tokens")


_SCOPE: Final = "openlit"


def columns(raw: RawSpan) -> dict[str, Json]:
    get = raw.attributes.get
    # What the span says itself: by it, one without a cost is known for OpenLIT's too.
    found: dict[str, Json] = {"operation_name": get("gen_ai.operation.name")} if _is_own(raw) else {}
    cost = optional_float(get("gen_ai.usage.cost"))
    # OpenLIT: 0 as well when its list of prices could not be loaded, so 0 with tokens is no price.
    if cost is not None and (cost > 0 or (cost == 0 and not any(integer(get(key)) for key in _TOKENS))):
        found["cost_usd"] = cost
    if get("gen_ai.operation.name") == "execute_tool":
        # On chat spans, these are all calls in one text, joined by commas; the answer's parts have them apart.
        found["tool_call_arguments"] = get("gen_ai.tool.args")
    return known(found)


def corrections(raw: RawSpan) -> dict[str, Json]:
    """A call of a model has the names and ids of all tools that it asks for in the keys of one; and what is embedded is
    nobody's message.
    """
    operation = raw.attributes.get("gen_ai.operation.name")
    if not _is_own(raw) or operation == "execute_tool":
        return {}
    found: dict[str, Json] = {"tool_name": None, "tool_call_id": None}
    return found | {"input_messages": None} if operation == "embeddings" else found


def _is_own(raw: RawSpan) -> bool:
    return raw.scope_name.startswith(_SCOPE)


DIALECT: Final = Dialect(name="openlit", columns=columns, roots=frozenset({"gen_ai"}), corrections=corrections)
