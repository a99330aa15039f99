"""opentelemetry-instrumentation-openai-agents-v2: the default name that it gives to every span's agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from domain.dialects.dialect import Dialect

if TYPE_CHECKING:
    from domain.dialects.json_text import Json
    from domain.records import RawSpan

_SCOPE: Final = "opentelemetry.instrumentation.openai_agents"
_DEFAULTS: Final = {
    "agent_name": ("gen_ai.agent.name", "OpenAI Agent"),
    "agent_id": ("gen_ai.agent.id", "agent"),
    "agent_description": ("gen_ai.agent.description", "OpenAI Agents instrumentation"),
}


def corrections(raw: RawSpan) -> dict[str, Json]:
    """The defaults say nothing of which agent it is: the enclosing invoke_agent span does."""
    return {column: None for column, (key, default) in _DEFAULTS.items() if raw.attributes.get(key) == default}


DIALECT: Final = Dialect(
    name="openai-agents-v2", columns=lambda _: {}, scopes=frozenset({_SCOPE}), corrections=corrections
)
