"""Where conversations stand in lists: one narrow row for the list of all, and one for the list of each of its agents.

A row holds all that lists are sorted by. The costs in it serve only that; those that are shown are computed anew.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from db import prices, turns
from db.bulk import rows_json, upsert_rows
from db.engine import Reader, Row, Writer
from db.models import Listing
from domain.pricing import PriceHistory, dated_cost_nusd, priced_at, published_prices
from domain.records import ModelUsage

ROLLED_UP = (
    *("conversation_id", "started_at", "last_activity_at", "turn_count", "error_count", "agents"),
    "usage_by_model",
)
"""The columns of `conversation` that its places in lists follow from."""

UNKNOWN_COST = -1
"""Below every cost that is known."""

_MAX = 2**63 - 1
_MILLISECOND = timedelta(milliseconds=1)


async def place(writer: Writer, project_id: int, conversations: Sequence[Row]) -> None:
    """Bring the places of these conversations in line with their rows (ROLLED_UP) and with the prices of now.

    Whoever calls holds the conversations' locks, and the project's row: no price changes meanwhile.
    """
    usages = {row["conversation_id"]: [ModelUsage(*entry) for entry in row["usage_by_model"]] for row in conversations}
    costs = await _costs(writer, project_id, conversations, usages)
    rows = (
        {
            "project_id": project_id,
            "conversation_id": row["conversation_id"],
            "agent": agent,
            "last_activity_at": row["last_activity_at"],
            "started_at": row["started_at"],
            "cost_nusd": costs[row["conversation_id"]],
            "tokens": _within(sum(u.input_tokens + u.output_tokens for u in usages[row["conversation_id"]])),
            "turn_count": row["turn_count"],
            "error_count": row["error_count"],
            "duration_ms": (row["last_activity_at"] - row["started_at"]) // _MILLISECOND,
        }
        for row in conversations
        for agent in dict.fromkeys(("", *row["agents"]))
    )
    await upsert_rows(writer, Listing, rows_json(rows))


async def drop_stale(writer: Writer, project_id: int, conversation_ids: Sequence[str]) -> None:
    """Take conversations that are gone out of all lists, and others out of those of agents that they no longer have.
    Served by the primary key.
    """
    await writer.execute(
        """
        delete from listing l where l.project_id = $1 and l.conversation_id = any($2::text[]) and not exists (
            select from conversation c where c.project_id = $1 and c.conversation_id = l.conversation_id
            and (l.agent = '' or l.agent = any(c.agents collate "C")) offset 0
        )""",
        project_id,
        conversation_ids,
    )


def _within(number: int) -> int:
    return max(-_MAX - 1, min(number, _MAX))


# -- costs ------------------------------------------------------------------------------------------------------------


async def _costs(
    reader: Reader, project_id: int, conversations: Iterable[Row], usages: Mapping[str, Sequence[ModelUsage]]
) -> dict[str, int]:
    """What each conversation costs, in nano-dollars: as `Conversation.cost` has it."""
    models = sorted({u.model for u in chain.from_iterable(usages.values()) if u.given_cost_nusd is None} - {""})
    own = await prices.own_prices_by_model(reader, project_id, models) if models else {}
    histories = {model: PriceHistory(own.get(model, ()), published_prices(model)) for model in models}
    dated = {
        row["conversation_id"]: [(row["started_at"], usages[row["conversation_id"]])]
        for row in conversations
        if _is_steady(row, usages[row["conversation_id"]], histories)
    }
    if changing := sorted(usages.keys() - dated.keys()):
        for conversation_id, rows in (await turns.usage_by_conversation(reader, project_id, changing)).items():
            dated[conversation_id] = [
                (row["started_at"], [ModelUsage(*entry) for entry in row["usage_by_model"]]) for row in rows
            ]
    return {conversation_id: _cost(dated.get(conversation_id, ()), histories) for conversation_id in usages}


def _is_steady(row: Row, usages: Iterable[ModelUsage], histories: Mapping[str, PriceHistory]) -> bool:
    """Whether no price of its models changed from its first turn to its last."""
    first: datetime = row["started_at"]
    last: datetime = first if row["turn_count"] == 1 else row["last_activity_at"]
    used = {usage.model for usage in usages if usage.given_cost_nusd is None} & histories.keys()
    return all(histories[model].is_steady(first, last) for model in used)


def _cost(dated: Iterable[tuple[datetime, Sequence[ModelUsage]]], histories: Mapping[str, PriceHistory]) -> int:
    cost = dated_cost_nusd(
        priced for started_at, usages in dated for priced in priced_at(started_at, usages, histories)
    )
    return UNKNOWN_COST if cost is None else max(0, min(cost, _MAX))


# -- prices that changed ----------------------------------------------------------------------------------------------

EVERY_MODEL = ""
"""Stands for all models, where published prices changed with a release."""


async def note_changed_price(writer: Writer, project_id: int, model: str) -> None:
    """Let the stored costs of conversations with this model be rewritten (`rewrite_some`), from the first one on.

    Whoever calls holds the project alone: all that was placed by the price before is committed, all that comes later
    is placed by the new one.
    """
    await writer.execute(
        """
        update project set changed_prices = array_append(array_remove(changed_prices, $2), $2), rewritten_until = ''
        where project_id = $1""",
        project_id,
        model,
    )


async def note_published_prices(writer: Writer, version: str) -> None:
    """The same for every model of the projects whose costs were stored by another release's published prices."""
    await writer.execute(
        """
        update project set changed_prices = array[$2::text], rewritten_until = '', published_prices = $1
        where published_prices <> $1""",
        version,
        EVERY_MODEL,
    )


async def list_projects_with_changed_prices(reader: Reader) -> list[int]:
    rows = await reader.fetch("select project_id from project where changed_prices <> '{}' order by project_id")
    return [row["project_id"] for row in rows]


async def rewrite_some(writer: Writer, project_id: int, *, limit: int) -> bool:
    """Look at the next `limit` conversations, rewrite the stored costs that changed prices touch, and note how far it
    came, in one transaction; whether there may be more.
    """
    project = await writer.fetchrow(
        "select changed_prices, rewritten_until from project where project_id = $1 for no key update", project_id
    )
    if project is None or not project["changed_prices"]:
        return False
    # Served by the primary key.
    rows = await writer.fetch(
        """
        select conversation_id, $4 or exists (
            select from jsonb_array_elements(usage_by_model) g(usage) where g.usage ->> 0 = any($5::text[])
        ) as is_touched
        from conversation where project_id = $1 and conversation_id > $2 order by conversation_id limit $3""",
        project_id,
        project["rewritten_until"],
        limit,
        EVERY_MODEL in project["changed_prices"],
        project["changed_prices"],
    )
    if touched := [row["conversation_id"] for row in rows if row["is_touched"]]:
        await _rewrite(writer, project_id, touched)
    is_done = len(rows) < limit
    until: tuple[Any, ...] = ([], "") if is_done else (project["changed_prices"], rows[-1]["conversation_id"])
    await writer.execute(
        "update project set changed_prices = $2, rewritten_until = $3 where project_id = $1", project_id, *until
    )
    return not is_done


async def _rewrite(writer: Writer, project_id: int, conversation_ids: Sequence[str]) -> None:
    await writer.execute(
        """
        select from conversation where project_id = $1 and conversation_id = any($2::text[])
        order by conversation_id for update""",
        project_id,
        conversation_ids,
    )
    # A statement of its own: it sees what those who held a lock have committed.
    rows = await writer.fetch(
        f"select {', '.join(ROLLED_UP)} from conversation where project_id = $1 and conversation_id = any($2::text[])",  # noqa: S608
        project_id,
        conversation_ids,
    )
    await place(writer, project_id, rows)
