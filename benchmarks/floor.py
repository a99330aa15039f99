"""What a careful engineer would write by hand for the two read routes, and no more: the same rows, equal answers.

One statement each for spans, feedback, turns and messages, with the columns that the answer needs; rows to dicts in
plain loops; orjson. benchmarks/baseline.py serves it.
"""

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg
import orjson

from domain.pricing import FEMTO, PriceHistory, published_prices

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

Connection: TypeAlias = "PoolConnectionProxy[Any]"
Body = dict[str, Any]

# The last 200 of each conversation, oldest first: what the route shows.
SPANS = """
    select s.*, u.id from unnest($2::text[]) with ordinality u(id, position) cross join lateral (
        select operation_name, trace_id, span_id, status, duration_ms, started_at from span
        where project_id = $1 and conversation_id = u.id and conversation_id <> ''
        order by started_at desc, span_id desc limit 200
    ) s order by u.position, s.started_at, s.span_id"""

FEEDBACK = """
    select u.id, f.* from unnest($2::text[]) u(id) cross join lateral (
        select feedback_type, tags, ratings, created_at, feedback_id from feedback
        where project_id = $1 and {target} = u.id and {target} <> ''
        and feedback_type in ('wandb.agent_user_feedback', 'wandb.agent_monitor')
        order by created_at desc, feedback_id desc limit 1000
    ) f order by f.created_at, f.feedback_id"""
ON_CONVERSATIONS = FEEDBACK.format(target="conversation_id")
ON_TURNS = FEEDBACK.format(target="trace_id")

TURNS = """
    select trace_id, root_span_name, agent_name, agent_version, status, provider_name, duration_ms, span_sum_by_model,
        (select count(*) from turn where project_id = $1 and conversation_id = $2) as total
    from turn where project_id = $1 and conversation_id = $2
    order by started_at desc, trace_id desc limit $3"""

# Sorted by whoever reads them: PostgreSQL would carry the long texts through its sort.
MESSAGES = """
    select m.* from unnest($3::text[]) u(trace_id) cross join lateral (
        select trace_id, position, kind, span_id, agent_name, agent_version, status, started_at, text, model,
            reasoning_content, reasoning_tokens, input_tokens, output_tokens, duration_ms, content_refs, tool_name,
            tool_arguments, tool_result, system_instructions, tool_definitions, compaction_summary,
            compaction_items_before, compaction_items_after,
            case when kind = 'assistant_message' then usage_choices end as usage_choices
        from message
        where project_id = $1 and conversation_id = $2 and trace_id = u.trace_id and only_in in ('', 'weave')
    ) m"""

_PAYLOADS = (
    ("user_message", ("text", "content_refs")),
    ("assistant_message", ("text", "model", "reasoning_content", "reasoning_tokens", "input_tokens", "output_tokens")),
    ("tool_call", ("tool_name", "tool_arguments", "tool_result", "duration_ms", "status", "content_refs")),
    ("agent_start", ("model", "system_instructions", "tool_definitions", "status")),
    ("agent_handoff", ()),
    ("context_compacted", ("compaction_summary", "compaction_items_before", "compaction_items_after")),
)
_COLUMNS = dict(_PAYLOADS)
_NONE: dict[str, Any] = dict.fromkeys(_COLUMNS)


async def spans(connection: Connection, project_id: int, body: Body) -> bytes:
    """Minimaps with their markers."""
    ids: list[str] = body["conversation_ids"]
    rows = await connection.fetch(SPANS, project_id, ids)
    found: dict[str, list[dict[str, Any]]] = {id_: [] for id_ in ids}
    owners: dict[str, str] = {}
    for operation_name, trace_id, span_id, status, duration_ms, _, id_ in rows:
        owners[trace_id] = id_
        found[id_].append(
            {
                "operation_name": operation_name,
                "trace_id": trace_id,
                "span_id": span_id,
                "status": status,
                "duration_ms": duration_ms,
            }
        )
    markers: dict[str, list[dict[str, Any]]] = {id_: [] for id_ in ids}
    for row in await connection.fetch(ON_CONVERSATIONS, project_id, ids):
        markers[row["id"]].append(_marker(row, None))
    for row in await connection.fetch(ON_TURNS, project_id, list(owners)):
        markers[owners[row["id"]]].append(_marker(row, row["id"]))
    return orjson.dumps(
        {
            "conversations": [
                {"conversation_id": id_, "spans": found[id_], "spans_feedback": markers[id_]} for id_ in ids
            ]
        }
    )


def _marker(row: asyncpg.Record, trace_id: str | None) -> dict[str, Any]:
    return {
        "trace_id": trace_id,
        "feedback_type": row["feedback_type"],
        "tags": row["tags"],
        "ratings": orjson.Fragment(row["ratings"]),
    }


async def chat(connection: Connection, project_id: int, body: Body) -> bytes:
    """The newest 50 turns of a conversation with their timelines."""
    key = project_id, body["conversation_id"]
    turns = await connection.fetch(TURNS, *key, 50)
    rows = await connection.fetch(MESSAGES, *key, [turn["trace_id"] for turn in turns])
    rows.sort(key=lambda row: (row["trace_id"], row["position"]))
    messages: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        messages.setdefault(row["trace_id"], []).append(_message(row))
    shown = [_turn(turn, messages.get(turn["trace_id"], [])) for turn in reversed(turns)]
    total = turns[0]["total"] if turns else 0
    costs = [turn["total_cost_usd"] for turn in shown if turn["total_cost_usd"] is not None]
    return orjson.dumps(
        {
            "conversation_id": body["conversation_id"],
            "turns": shown,
            "total_turns": total,
            "has_more": len(shown) < total,
            "limit": 50,
            "offset": 0,
            "total_cost_usd": sum(costs) if costs else None,
            "feedback": None,
        },
        option=orjson.OPT_UTC_Z,
    )


def _turn(row: asyncpg.Record, messages: list[dict[str, Any]]) -> dict[str, Any]:
    cost = _cost(orjson.loads(row["span_sum_by_model"]))
    return {
        "trace_id": row["trace_id"],
        "root_span_name": row["root_span_name"],
        "agent_name": row["agent_name"],
        "agent_version": row["agent_version"],
        "status_code": row["status"],
        "provider": row["provider_name"],
        "total_duration_ms": row["duration_ms"],
        "total_cost_usd": cost and cost[2],
        "messages": messages,
        "feedback": None,
    }


def _message(row: asyncpg.Record) -> dict[str, Any]:
    kind = row["kind"]
    payload = {name: row[name] for name in _COLUMNS[kind]}
    if kind == "assistant_message":
        choices = orjson.loads(row["usage_choices"])
        cost = next((cost for choice in choices if (cost := _cost(choice))), (None, None, None))
        payload |= {
            "input_cost_usd": cost[0],
            "output_cost_usd": cost[1],
            "total_cost_usd": cost[2],
            "duration_ms": row["duration_ms"],
            "status": row["status"],
            "content_refs": row["content_refs"],
        }
    is_user = kind == "user_message"
    return {
        "type": kind,
        "span_id": None if is_user else row["span_id"],
        "agent_name": row["agent_name"],
        "agent_version": None if is_user else row["agent_version"],
        "status_code": None if is_user else row["status"],
        "started_at": row["started_at"],
        "feedback": None,
        **_NONE,
        kind: payload,
    }


def _cost(usages: list[list[Any]]) -> tuple[float, float, float] | None:
    """Input, output and all of it in US dollars; the data here knows no cached tokens."""
    priced = [(usage, prices) for usage in usages if (prices := _prices(usage[0]))]
    if not priced:
        return None
    input_ = sum(usage[1] * prices[0] for usage, prices in priced)
    output = sum(usage[2] * prices[1] for usage, prices in priced)
    return input_ / _FEMTO, output / _FEMTO, (input_ + output) / _FEMTO


_FEMTO = int(FEMTO)


@cache
def _prices(model: str) -> tuple[int, int] | None:
    newest = PriceHistory((), published_prices(model)).newest(datetime.now(UTC))
    return newest and newest.prices[:2]
