"""Tokens and money."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import Enum
from itertools import chain
from typing import Any

import strawberry

from domain.pricing import FEMTO, CostRecord, DatedPrice, PricedUsage, dated_cost, priced_at, total_usage
from domain.records import EPOCH, ModelUsage, UsageNote
from graphql_schema.loaders import ProjectLoaders
from graphql_schema.scalars import Int64


@strawberry.type(description="Tokens. Input includes cached tokens, output includes reasoning tokens.")
class Usage:
    input_tokens: Int64 = strawberry.field(description="Tokens sent to models, cached ones included.")
    output_tokens: Int64 = strawberry.field(description="Tokens that models wrote, reasoning included.")
    cache_read_tokens: Int64 = strawberry.field(description="Input tokens that were read from a cache.")
    cache_write_tokens: Int64 = strawberry.field(description="Input tokens that were written to a cache.")
    reasoning_tokens: Int64 = strawberry.field(description="Output tokens that were spent on reasoning.")

    @classmethod
    def from_record(cls, usage: ModelUsage) -> "Usage":
        return cls(
            input_tokens=Int64(usage.input_tokens),
            output_tokens=Int64(usage.output_tokens),
            cache_read_tokens=Int64(usage.cache_read_tokens),
            cache_write_tokens=Int64(usage.cache_write_tokens),
            reasoning_tokens=Int64(usage.reasoning_tokens),
        )

    @classmethod
    def total(cls, usages: Iterable[ModelUsage]) -> "Usage":
        return cls.from_record(total_usage(usages))


@strawberry.enum(description="Who says what a model costs.")
class PriceSource(Enum):
    PROJECT = "project"
    PUBLISHED = "published"


@strawberry.type(description="What one token of a model costs in a project, in US dollars.")
class ModelPrice:
    model: str = strawberry.field(description="The model's name, as spans carry it.")
    source: PriceSource = strawberry.field(description="Whether the project set it, or it is what is published.")
    effective_at: datetime | None = strawberry.field(
        description="From when on it holds, until the next; null for from the beginning, and for a published price "
        "that changes with the hour of the day."
    )
    input_usd_per_token: float = strawberry.field(description="Uncached input.")
    output_usd_per_token: float = strawberry.field(description="Output.")
    cache_read_usd_per_token: float = strawberry.field(description="Input read from a cache.")
    cache_write_usd_per_token: float = strawberry.field(description="Input written to a cache.")

    @classmethod
    def from_record(cls, model: str, price: DatedPrice) -> "ModelPrice":
        per_token = [float(usd / FEMTO) for usd in price.prices]
        return cls(
            model=model,
            source=PriceSource.PROJECT if price.is_own else PriceSource.PUBLISHED,
            effective_at=None if price.effective_at == EPOCH else price.effective_at,
            input_usd_per_token=per_token[0],
            output_usd_per_token=per_token[1],
            cache_read_usd_per_token=per_token[2],
            cache_write_usd_per_token=per_token[3],
        )


@strawberry.type(
    description="How a usage and its cost came about: which spans count and which do not, so that nothing is counted "
    "twice, and what was assumed."
)
class CostBasis:
    counted_spans: Int64 = strawberry.field(description="Calls of models that count.")
    not_model_calls: Int64 = strawberry.field(
        description="Spans with tokens that do not count: agents, tools and wrappers repeat the numbers of their calls."
    )
    repeated_responses: Int64 = strawberry.field(
        description="Calls that do not count because another span reports the same answer."
    )
    input_without_cache: Int64 = strawberry.field(
        description="Counted calls with more cached tokens than input: assumed to report input without its cached part."
    )
    costs_given: Int64 = strawberry.field(description="Counted calls whose client itself said what they cost.")
    prices: list[ModelPrice] = strawberry.field(
        description="The prices used, by model, then by date: several of a model whose price changed between turns. "
        "Published ones are those of the base tier."
    )
    unpriced_models: list[str] = strawberry.field(
        description="Models that had no price, at least in one of the turns: those tokens are not in the cost. "
        '"" stands for calls without a model.'
    )

    @classmethod
    def from_rows(cls, notes: Iterable[tuple[str, int]], usages: Sequence[PricedUsage]) -> "CostBasis":
        counts = {UsageNote(note): Int64(spans) for note, spans in notes}
        none = Int64(0)
        prices = {(usage.model, price.effective_at, price) for usage, price in usages if price is not None}
        return cls(
            counted_spans=counts.get(UsageNote.COUNTED, none),
            not_model_calls=counts.get(UsageNote.NOT_A_MODEL_CALL, none),
            repeated_responses=counts.get(UsageNote.REPEATED_RESPONSE, none),
            input_without_cache=counts.get(UsageNote.INPUT_WITHOUT_CACHE, none),
            costs_given=counts.get(UsageNote.COST_GIVEN, none),
            prices=[ModelPrice.from_record(model, price) for model, _, price in sorted(prices)],
            unpriced_models=sorted(
                {usage.model for usage, price in usages if price is None and usage.given_cost_nusd is None}
            ),
        )


@strawberry.type(
    description="US dollars. What a client said that a call cost counts as it is. All else is priced by its tokens, by "
    "the prices in effect at the start: the project's own price of the model, else the published one. Where there is "
    "neither there is no cost (null), never 0."
)
class Cost:
    input_usd: float = strawberry.field(description="Uncached input.")
    output_usd: float = strawberry.field(description="Output, reasoning included.")
    cache_read_usd: float = strawberry.field(description="Input read from a cache.")
    cache_write_usd: float = strawberry.field(description="Input written to a cache.")
    given_usd: float = strawberry.field(
        description="What clients themselves said that their calls cost; those calls are not priced again."
    )
    total_usd: float = strawberry.field(description="All of these.")
    basis: CostBasis | None = strawberry.field(
        description="How it came about, on turns and conversations; null on single messages and spans."
    )

    @classmethod
    def from_record(cls, cost: CostRecord | None, basis: CostBasis | None = None) -> "Cost | None":
        if cost is None:
            return None
        return cls(
            input_usd=cost.input_usd,
            output_usd=cost.output_usd,
            cache_read_usd=cost.cache_read_usd,
            cache_write_usd=cost.cache_write_usd,
            given_usd=cost.given_usd,
            total_usd=cost.total_usd,
            basis=basis,
        )


DatedUsage = tuple[datetime, Sequence[ModelUsage]]
"""What was used, and the instant whose prices hold for it."""


async def cost_at(loaders: ProjectLoaders, started_at: datetime, usages: Sequence[ModelUsage]) -> Cost | None:
    """What a message or a span cost."""
    (found,) = await costs_at(loaders, [(started_at, usages)])
    return found


async def costs_at(loaders: ProjectLoaders, dated: Sequence[DatedUsage]) -> "list[Cost | None]":
    """The same for many, each by itself."""
    histories = await loaders.price_histories(priced_models(chain.from_iterable(usages for _, usages in dated)))
    return [Cost.from_record(dated_cost(list(priced_at(instant, usages, histories)))) for instant, usages in dated]


async def cost_with_basis(
    loaders: ProjectLoaders, dated: Sequence[DatedUsage], notes: Iterable[tuple[str, int]]
) -> Cost | None:
    """What a turn or a conversation cost, and why."""
    priced = await _priced(loaders, dated)
    return Cost.from_record(dated_cost(priced), CostBasis.from_rows(notes, priced))


async def _priced(loaders: ProjectLoaders, dated: Sequence[DatedUsage]) -> list[PricedUsage]:
    histories = await loaders.price_histories(priced_models(chain.from_iterable(usages for _, usages in dated)))
    return [priced for instant, usages in dated for priced in priced_at(instant, usages, histories)]


def priced_models(usages: Iterable[ModelUsage]) -> set[str]:
    """The models whose price matters."""
    return {usage.model for usage in usages if usage.given_cost_nusd is None}


def model_usages(stored: Sequence[Sequence[Any]]) -> list[ModelUsage]:
    """The `*_by_model` columns as values."""
    return [ModelUsage(*entry) for entry in stored]
