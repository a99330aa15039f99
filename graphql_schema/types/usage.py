"""Tokens and money."""

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any

import strawberry

from domain.pricing import FEMTO, CostRecord, TokenPrices, cost_of, total_usage
from domain.records import ModelUsage, UsageNote
from graphql_schema.loaders import ProjectLoaders, SourcedPrices
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
    input_usd_per_token: float = strawberry.field(description="Uncached input.")
    output_usd_per_token: float = strawberry.field(description="Output.")
    cache_read_usd_per_token: float = strawberry.field(description="Input read from a cache.")
    cache_write_usd_per_token: float = strawberry.field(description="Input written to a cache.")

    @classmethod
    def from_record(cls, model: str, prices: TokenPrices, *, is_own: bool) -> "ModelPrice":
        per_token = [float(price / FEMTO) for price in prices]
        return cls(
            model=model,
            source=PriceSource.PROJECT if is_own else PriceSource.PUBLISHED,
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
    prices: list[ModelPrice] = strawberry.field(description="The prices used, by model.")
    unpriced_models: list[str] = strawberry.field(
        description='Models without a price: their tokens are not in the cost; "" stands for calls without a model.'
    )

    @classmethod
    def from_rows(
        cls, notes: Iterable[tuple[str, int]], usages: Sequence[ModelUsage], table: Mapping[str, SourcedPrices]
    ) -> "CostBasis":
        counts = {UsageNote(note): Int64(spans) for note, spans in notes}
        none = Int64(0)
        priced = sorted({usage.model for usage in usages if usage.given_cost_nusd is None})
        return cls(
            counted_spans=counts.get(UsageNote.COUNTED, none),
            not_model_calls=counts.get(UsageNote.NOT_A_MODEL_CALL, none),
            repeated_responses=counts.get(UsageNote.REPEATED_RESPONSE, none),
            input_without_cache=counts.get(UsageNote.INPUT_WITHOUT_CACHE, none),
            costs_given=counts.get(UsageNote.COST_GIVEN, none),
            prices=[
                ModelPrice.from_record(model, table[model].prices, is_own=table[model].is_own)
                for model in priced
                if model in table
            ],
            unpriced_models=[model for model in priced if model not in table],
        )


@strawberry.type(
    description="US dollars by the prices of now: the project's own price of the model, else the published one. Where "
    "no model has a price there is no cost (null), never 0."
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


async def cost_with_basis(
    loaders: ProjectLoaders, usages: Sequence[ModelUsage], notes: Iterable[tuple[str, int]]
) -> Cost | None:
    """What a turn or a conversation cost, and why."""
    table = await loaders.sourced_prices({usage.model for usage in usages})
    cost = cost_of(usages, {model: found.prices for model, found in table.items()})
    return Cost.from_record(cost, CostBasis.from_rows(notes, usages, table))


def model_usages(stored: Sequence[Sequence[Any]]) -> list[ModelUsage]:
    """The `*_by_model` columns as values."""
    return [ModelUsage(*entry) for entry in stored]
