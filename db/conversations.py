"""Conversations: rolled up from their turns, listed by activity."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from db.engine import Reader, Row, Writer

_COLUMNS = """conversation_id, name, started_at, last_activity_at, turn_count, span_count, message_count, error_count,
    untagged_turn_count, agents, usage_by_model, usage_notes"""


class ConversationPosition(NamedTuple):
    """A conversation's place in the list by last activity."""

    last_activity_at: datetime
    conversation_id: str


async def roll_up(writer: Writer, project_id: int, conversation_ids: Sequence[str]) -> None:
    """Bring the conversations' rows in line with their turns; those that have none any more are deleted.

    Recomputed, not counted up, so that re-sent and changed spans can never make it drift. Whoever calls holds the
    conversations' locks. Served by ix_turn_page.
    """
    await writer.execute(
        """
        update conversation c set
            name = coalesce(r.name, ''), started_at = r.started_at, last_activity_at = r.last_activity_at,
            turn_count = r.turn_count, span_count = r.span_count, message_count = r.message_count,
            error_count = r.error_count, untagged_turn_count = r.untagged_turn_count,
            agents = coalesce(a.agents, '{}'),
            usage_by_model = coalesce(m.usage_by_model, '[]'), usage_notes = coalesce(n.usage_notes, '[]')
        from unnest($2::text[]) u(id)
        cross join lateral (
            select min(t.started_at) as started_at, max(t.last_activity_at) as last_activity_at,
                count(*) as turn_count, sum(t.span_count) as span_count, sum(t.message_count) as message_count,
                sum(t.error_count) as error_count,
                count(*) filter (where t.conversation_id_source in ('trace', 'link')) as untagged_turn_count,
                (array_agg(t.conversation_name order by t.started_at desc, t.trace_id desc)
                    filter (where t.conversation_name <> ''))[1] as name
            from turn t where t.project_id = $1 and t.conversation_id = u.id
        ) r
        cross join lateral (
            select array_agg(f.agent order by f.started_at, f.trace_id, f.position) as agents from (
                select distinct on (g.agent) g.agent, t.started_at, t.trace_id, g.position
                from turn t cross join unnest(t.agents) with ordinality g(agent, position)
                where t.project_id = $1 and t.conversation_id = u.id
                order by g.agent, t.started_at, t.trace_id, g.position
            ) f
        ) a
        cross join lateral (
            select jsonb_agg(
                    jsonb_build_array(f.model, f.i, f.o, f.r, f.w, f.n, f.given) order by f.model collate "C", f.given
                ) as usage_by_model
            from (
                select g.usage ->> 0 as model, sum((g.usage ->> 1)::bigint) as i, sum((g.usage ->> 2)::bigint) as o,
                    sum((g.usage ->> 3)::bigint) as r, sum((g.usage ->> 4)::bigint) as w,
                    sum((g.usage ->> 5)::bigint) as n,
                    sum((g.usage ->> 6)::bigint) as given
                from turn t cross join jsonb_array_elements(t.usage_by_model) g(usage)
                where t.project_id = $1 and t.conversation_id = u.id group by 1, (g.usage ->> 6) is null
            ) f
        ) m
        cross join lateral (
            select jsonb_agg(jsonb_build_array(f.note, f.spans) order by f.note collate "C") as usage_notes from (
                select g.entry ->> 0 as note, sum((g.entry ->> 1)::bigint) as spans
                from turn t cross join jsonb_array_elements(t.usage_notes) g(entry)
                where t.project_id = $1 and t.conversation_id = u.id group by 1
            ) f
        ) n
        where c.project_id = $1 and c.conversation_id = u.id and r.turn_count > 0""",
        project_id,
        conversation_ids,
    )
    await writer.execute(
        """
        delete from conversation c where c.project_id = $1 and c.conversation_id = any($2::text[])
        and not exists (select from turn t where t.project_id = $1 and t.conversation_id = c.conversation_id)""",
        project_id,
        conversation_ids,
    )


async def list_conversations(
    reader: Reader,
    project_id: int,
    *,
    limit: int,
    backward: bool = False,
    after: ConversationPosition | None = None,
    before: ConversationPosition | None = None,
) -> list[Row]:
    """A keyset page, newest activity first: the first `limit`, or `backward` the last. Served by
    ix_conversation_activity.
    """
    bounds = ""
    arguments: list[Any] = [project_id, limit]
    for comparison, bound in (("<", after), (">", before)):
        if bound is not None:
            arguments += bound
            bounds += (
                f" and (last_activity_at, conversation_id) {comparison} (${len(arguments) - 1}, ${len(arguments)})"
            )
    order = "last_activity_at, conversation_id" if backward else "last_activity_at desc, conversation_id desc"
    rows = await reader.fetch(
        f"select {_COLUMNS} from conversation where project_id = $1{bounds} order by {order} limit $2",  # noqa: S608
        *arguments,
    )
    return rows[::-1] if backward else rows


async def count_conversations(reader: Reader, project_id: int) -> int:
    return int(await reader.fetchval("select count(*) from conversation where project_id = $1", project_id))


async def conversations_by_id(reader: Reader, project_id: int, conversation_ids: Sequence[str]) -> dict[str, Row]:
    """The conversations that exist, by id. Served by the primary key."""
    rows = await reader.fetch(
        f"""
        select c.* from unnest($2::text[]) u(id) cross join lateral (
            select {_COLUMNS} from conversation c where c.project_id = $1 and c.conversation_id = u.id limit 1
        ) c""",  # noqa: S608
        project_id,
        conversation_ids,
    )
    return {row["conversation_id"]: row for row in rows}
