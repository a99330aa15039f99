"""Usage times prices: what turns, messages and conversations cost. Money is counted in integers.

A price is in nano-dollars per million tokens, so tokens times price is in femto-dollars (1e-15 USD) and sums are
exact; only the finished sum becomes a float.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, TieredPrices

from domain.errors import InvalidRequest
from domain.records import ModelUsage

# Who sells models by the token: makers first, then clouds and hosts. Services with flat prices are left out.
_SELLERS = (
    *("openai", "anthropic", "google", "mistral", "cohere", "deepseek", "x-ai", "meta", "moonshotai", "minimax"),
    *("zai", "zhipuai", "perplexity", "voyageai", "arcee", "aws", "azure", "groq", "cerebras", "fireworks", "together"),
    *("cloudflare", "databricks", "baseten", "novita", "ovhcloud", "openrouter"),
)

FEMTO = Decimal(10) ** 15
_FEMTO_PER_NANO = 10**6
_MAX_PRICE = 9000 * FEMTO
"""In a column of 64 bits."""

MAX_MODEL_NAME = 512
"""Bytes of UTF-8: spans' models are cut to it."""


class InvalidPrice(InvalidRequest):
    """A price is a number of US dollars per token, from 0 to 9000: 2.5 dollars per million tokens are 0.0000025."""

    code = "INVALID_PRICE"


class TokenPrices(NamedTuple):
    """Nano-dollars per million tokens (1e-15 USD per token), by class."""

    input: int
    output: int
    cache_read: int
    cache_write: int

    @classmethod
    def from_usd_per_token(cls, input_: float, output: float, cache_read: float, cache_write: float) -> "TokenPrices":
        return cls(*(_from_usd(price) for price in (input_, output, cache_read, cache_write)))


@dataclass(frozen=True, slots=True)
class CostRecord:
    """US dollars. The total holds all parts, so it can exceed input plus output."""

    input_usd: float
    output_usd: float
    cache_read_usd: float
    cache_write_usd: float
    given_usd: float
    """What clients themselves said that their calls cost; those are not priced again."""
    total_usd: float


def _from_usd(price: float) -> int:
    # By its shortest decimal text: 2.5e-06 means 0.0000025 exactly, which the binary float does not.
    scaled = Decimal(repr(float(price))) * FEMTO
    if not scaled.is_finite() or not 0 <= scaled <= _MAX_PRICE:
        raise InvalidPrice
    return int(scaled.to_integral_value())


@lru_cache(maxsize=4096)
def default_prices(model: str, at: datetime) -> TokenPrices | None:
    """The published price of a model by its name, None if unknown. `at`: a day, so that the cache serves many calls.

    From the package genai-prices, without a network. Where prices are tiered by context length the base tier is taken;
    cached tokens without a price of their own cost what input costs.
    """
    info = _published_model(model)
    if info is None:
        return None
    prices = info.get_prices(at)
    tiered = (prices.input_mtok, prices.output_mtok, prices.cache_read_mtok, prices.cache_write_mtok)
    input_, output, cache_read, cache_write = (
        price.base if isinstance(price, TieredPrices) else price for price in tiered
    )
    if input_ is None and output is None:
        return None
    input_ = input_ or Decimal(0)
    filled = (
        input_,
        output or Decimal(0),
        input_ if cache_read is None else cache_read,
        input_ if cache_write is None else cache_write,
    )
    return TokenPrices(*(int(Decimal(price) * 10**9) for price in filled))


def _published_model(model: str) -> ModelInfo | None:
    """The entry of a model; where its name does not say who serves it, the maker's before any reseller's."""
    snapshot = get_snapshot()
    try:
        return snapshot.find_provider_model(model, None, None, None)[1]
    except LookupError:
        by_id = {provider.id: provider for provider in snapshot.providers}
        served = (by_id[id_].find_model(model) for id_ in _SELLERS if id_ in by_id)
        return next((found for found in served if found is not None), None)


def cost_of(usages: Iterable[ModelUsage], prices: Mapping[str, TokenPrices]) -> CostRecord | None:
    """The sum over the usages whose model has a price, or whose clients gave the cost; None when there is none.

    Weave: input is priced without its cached tokens, which have prices of their own; reasoning tokens are part of the
    output.
    """
    usages = list(usages)
    given = [usage.given_cost_nusd for usage in usages if usage.given_cost_nusd is not None]
    priced = [
        (usage, prices[usage.model]) for usage in usages if usage.given_cost_nusd is None and usage.model in prices
    ]
    if not priced and not given:
        return None
    uncached = sum(
        (usage.input_tokens - usage.cache_read_tokens - usage.cache_write_tokens) * price.input
        for usage, price in priced
    )
    output = sum(usage.output_tokens * price.output for usage, price in priced)
    read = sum(usage.cache_read_tokens * price.cache_read for usage, price in priced)
    write = sum(usage.cache_write_tokens * price.cache_write for usage, price in priced)
    said = sum(given) * _FEMTO_PER_NANO
    parts = (uncached, output, read, write, said)
    return CostRecord(*map(_usd, (*parts, sum(parts))))


def first_cost_of(choices: Iterable[Iterable[ModelUsage]], prices: Mapping[str, TokenPrices]) -> CostRecord | None:
    """The cost of the first alternative that has one."""
    return next((cost for usages in choices if (cost := cost_of(usages, prices))), None)


def _usd(femto: int) -> float:
    return femto / 10**15


def total_usage(usages: Iterable[ModelUsage]) -> ModelUsage:
    """All models' tokens in one sum; its model is ""."""
    sums = [0] * 5
    for usage in usages:
        for place, tokens in enumerate(usage[1:6]):
            sums[place] += tokens
    return ModelUsage("", *sums)
