"""A project's own model prices, by date. Published prices are no rows: they come with a package (domain/pricing.py)."""

from collections.abc import Sequence
from datetime import datetime

from db.engine import Reader, Row, Writer
from domain.pricing import DatedPrice, TokenPrices

_COLUMNS = tuple(f"{field}_nusd_per_mtok" for field in TokenPrices._fields)
_PRICES = ", ".join(_COLUMNS)
_NEW_PRICES = ", ".join(f"{column} = excluded.{column}" for column in _COLUMNS)


def _dated(row: Row) -> DatedPrice:
    return DatedPrice(row["effective_at"], TokenPrices(*(row[column] for column in _COLUMNS)), is_own=True)


async def set_model_price(writer: Writer, project_id: int, model: str, price: DatedPrice) -> None:
    """Let it hold from its date on, in place of what was set for the same date."""
    await writer.execute(
        f"""
        insert into model_price (project_id, model, effective_at, {_PRICES}) values ($1, $2, $3, $4, $5, $6, $7)
        on conflict (project_id, model, effective_at) do update set {_NEW_PRICES}""",  # noqa: S608
        project_id,
        model,
        price.effective_at,
        *price.prices,
    )


async def delete_model_price(writer: Writer, project_id: int, model: str, effective_at: datetime) -> DatedPrice | None:
    """Take back the price set for exactly that date; it, or None if there was none."""
    row = await writer.fetchrow(
        f"""
        delete from model_price where project_id = $1 and model = $2 and effective_at = $3
        returning effective_at, {_PRICES}""",  # noqa: S608
        project_id,
        model,
        effective_at,
    )
    return None if row is None else _dated(row)


async def own_prices_by_model(reader: Reader, project_id: int, models: Sequence[str]) -> dict[str, list[DatedPrice]]:
    """All prices that the project has set for the models, by date. Served by the primary key."""
    rows = await reader.fetch(
        f"""
        select p.* from unnest($2::text[]) u(model) cross join lateral (
            select p.model, p.effective_at, {_PRICES} from model_price p
            where p.project_id = $1 and p.model = u.model offset 0
        ) p
        order by p.model, p.effective_at""",  # noqa: S608
        project_id,
        models,
    )
    found: dict[str, list[DatedPrice]] = {}
    for row in rows:
        found.setdefault(row["model"], []).append(_dated(row))
    return found


async def list_own_prices(reader: Reader, project_id: int, *, limit: int) -> list[tuple[str, DatedPrice]]:
    """The prices that the project has set, by model name, then by date."""
    rows = await reader.fetch(
        f"""
        select model, effective_at, {_PRICES} from model_price where project_id = $1
        order by model, effective_at limit $2""",  # noqa: S608
        project_id,
        limit,
    )
    return [(row["model"], _dated(row)) for row in rows]
