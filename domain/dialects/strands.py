"""Strands Agents: what it adds to the convention. Its messages are span events (genai_events.py).

The usage of its invoke_agent spans grows over the agent object's life; no total takes it, as agents are no calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from domain.dialects.canonical import first_of, known
from domain.dialects.columns import text, tokens
from domain.dialects.dialect import Dialect

if TYPE_CHECKING:
    from domain.dialects.json_text import Json
    from domain.records import RawSpan

_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "cache_read_tokens": ("gen_ai.usage.cache_read_input_tokens",),
    "cache_write_tokens": ("gen_ai.usage.cache_write_input_tokens",),
    "tool_definitions": ("gen_ai.agent.tools",),
}
_COUNTS: Final = tuple(
    f"gen_ai.usage.{name}"
    for name in (
        *("cache_read_input_tokens", "cache_write_input_tokens"),
        *("input_tokens", "output_tokens", "total_tokens"),
    )
)


def columns(raw: RawSpan) -> dict[str, Json]:
    attributes = raw.attributes
    if not _is_strands(raw):
        return {}
    found = {column: first_of(attributes, keys) for column, keys in _KEYS.items()}
    prompt = text(attributes.get("gen_ai.agent.system_prompt") or attributes.get("system_prompt"))
    found["system_instructions"] = [prompt] if prompt else None
    return known(found)


def _is_strands(raw: RawSpan) -> bool:
    system = first_of(raw.attributes, ("gen_ai.provider.name", "gen_ai.system"))
    return system == "strands-agents" or raw.scope_name.startswith("strands")


def corrections(raw: RawSpan) -> dict[str, Json]:
    """Bedrock's input excludes what the cache had or got, other providers' includes it; the total tells them apart."""
    if not _is_strands(raw):
        return {}
    counts = [tokens(raw.attributes.get(key)) for key in _COUNTS]
    read, written, input_tokens, output_tokens, total = counts
    cached = read + written
    if cached <= 0 or (cached <= input_tokens and total < input_tokens + output_tokens + cached):
        return {}
    return {"input_tokens": input_tokens + cached}


DIALECT: Final = Dialect(name="strands", columns=columns, roots=frozenset({"gen_ai"}), corrections=corrections)
