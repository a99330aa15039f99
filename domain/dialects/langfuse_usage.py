"""How Langfuse counts: tokens and cost of an observation by free names, some of which are parts of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from domain.dialects.body_parts import first
from domain.dialects.columns import optional_float, tokens

if TYPE_CHECKING:
    from domain.dialects.json_text import Json

_INPUTS: Final = ("input", "input_tokens", "prompt_tokens", "inputTokens", "promptTokens", "prompt_token_count")
_OUTPUTS: Final = (
    *("output", "output_tokens", "completion_tokens", "outputTokens", "completionTokens"),
    "candidates_token_count",
)
_TOTALS: Final = ("total", "total_tokens", "totalTokens", "total_token_count")
_INPUT_DETAILS: Final = ("input_tokens_details", "prompt_tokens_details", "input_token_details")
_OUTPUT_DETAILS: Final = ("output_tokens_details", "completion_tokens_details", "output_token_details")


def usage_columns(usage: dict[str, Any]) -> dict[str, Json]:
    """OpenAI's own form has details below the sums, which include them. In Langfuse's form they stand beside the sums,
    which exclude them (`input_cache_read`, Anthropic's `cache_read_input_tokens`), unless the total says otherwise.
    """
    if not usage:
        return {}
    below_input, below_output = _object(first(usage, _INPUT_DETAILS)), _object(first(usage, _OUTPUT_DETAILS))
    asked, answered = tokens(first(usage, _INPUTS)), tokens(first(usage, _OUTPUTS))
    beside_input, beside_output = _beside(usage, "input"), _beside(usage, "output")
    if asked + answered != tokens(first(usage, _TOTALS)):
        asked += sum(beside_input.values())
        answered += sum(beside_output.values())
    told = below_input | beside_input
    written = {name: tokens(count) for name, count in told.items() if _is_written(name)}
    return {
        "input_tokens": asked,
        "output_tokens": answered,
        "cache_read_tokens": sum(
            tokens(count) for name, count in told.items() if "cache" in name and name not in written
        ),
        "cache_write_tokens": sum(written.values()),
        "reasoning_tokens": sum(
            tokens(count) for name, count in (below_output | beside_output).items() if "reasoning" in name
        ),
    }


def _beside(usage: dict[str, Any], side: str) -> dict[str, int]:
    """Langfuse: every number whose name has the side in it belongs there. Two kinds are parts of others: priority
    tiers, and cache writes by age beside their sum.
    """
    known = {*_INPUTS, *_OUTPUTS, *_TOTALS}
    summed = "cache_creation_input_tokens" in usage
    return {
        name: tokens(count)
        for name, count in usage.items()
        if side in name
        and name not in known
        and is_number(count)
        and "priority" not in name
        and not (summed and name.startswith("cache_creation_ephemeral"))
    }


def _is_written(name: str) -> bool:
    return "cache_creation" in name or "cache_write" in name or "ephemeral" in name


def total_cost(costs: dict[str, Any]) -> float | None:
    """Langfuse: the sum of all kinds unless `total` says it. 0 is what unknown models cost."""
    amounts = [costs["total"]] if costs.get("total") is not None else list(costs.values())
    cost = sum(number for amount in amounts if (number := optional_float(amount)) is not None)
    return optional_float(cost) if cost > 0 else None


def is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _object(value: Json) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
