"""A project's own model prices. The default prices are no rows: they come with the package (domain/pricing.py)."""

from collections.abc import Sequence

from db.engine import Reader, Row, Writer
from domain.pricing import TokenPrices

_COLUMNS = tuple(f"{field}_nusd_per_mtok" for field in TokenPrices._fields)
_PRICES = ", ".join(_COLUMNS)


def _prices(row: Row) -> TokenPrices:
    return TokenPrices(*(row[column] for column in _COLUMNS))


async def insert_model_price(writer: Writer, project_id: int, model: str, prices: TokenPrices) -> None:
    """Let `prices` hold from now on; what held before stays stored."""
    await writer.execute(
        f"""
        insert into model_price (project_id, model, effective_at, {_PRICES})
        values ($1, $2, clock_timestamp(), $3, $4, $5, $6)""",  # noqa: S608
        project_id,
        model,
        *prices,
    )


async def own_prices_by_model(reader: Reader, project_id: int, models: Sequence[str]) -> dict[str, TokenPrices]:
    """The newest price that the project has set for each of the models. Served by the primary key."""
    rows = await reader.fetch(
        f"""
        select p.* from unnest($2::text[]) u(model) cross join lateral (
            select p.model, {_PRICES} from model_price p
            where p.project_id = $1 and p.model = u.model and p.effective_at <= clock_timestamp()
            order by p.effective_at desc limit 1
        ) p""",  # noqa: S608
        project_id,
        models,
    )
    return {row["model"]: _prices(row) for row in rows}


async def list_own_prices(reader: Reader, project_id: int, *, limit: int) -> list[tuple[str, TokenPrices]]:
    """The newest price of each model that the project has priced, by model name."""
    rows = await reader.fetch(
        f"""
        select distinct on (model) model, {_PRICES} from model_price
        where project_id = $1 and effective_at <= clock_timestamp() order by model, effective_at desc limit $2""",  # noqa: S608
        project_id,
        limit,
    )
    return [(row["model"], _prices(row)) for row in rows]
