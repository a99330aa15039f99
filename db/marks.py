"""The marks that conversations are found by (domain/marks.py): gathered from their turns, and from their tags.

They are stored as the project's own, so that their index finds nothing of other projects.
"""

from collections.abc import Sequence
from hashlib import blake2b

from db.engine import Writer

MAX_MARKS = 4096
"""Of one conversation; where there are more, some custom attributes are left out."""


_TAG_MARK = """
    -1 - (('x' || encode(substr(sha256(convert_to('tag ' || g.tag, 'UTF8')), 1, 8), 'hex'))::bit(64)::bigint
    & 9223372036854775807)"""
"""`tag_mark` of a tag."""


def own_mark(project_id: int, mark: int) -> int:
    """A mark as it is stored; attributes' stay positive and the others negative."""
    return mark ^ _salt(project_id)


def _salt(project_id: int) -> int:
    return int.from_bytes(blake2b(project_id.to_bytes(8, "big"), digest_size=8).digest(), "big") >> 1


async def roll_up(writer: Writer, project_id: int, conversation_ids: Sequence[str]) -> None:
    """Bring the conversations' marks in line with their turns and tags. Whoever calls holds the conversations' locks.
    Served by ix_turn_page.
    """
    await writer.execute(
        f"""
        with gathered as materialized (
            select u.id, array(
                select distinct m.mark # $3 from (
                    select unnest(t.marks) from turn t where t.project_id = $1 and t.conversation_id = u.id
                    union all
                    select {_TAG_MARK} from conversation c cross join unnest(c.tags) g(tag)
                    where c.project_id = $1 and c.conversation_id = u.id
                ) m(mark) order by 1 limit {MAX_MARKS}
            ) as marks
            from unnest($2::text[]) u(id)
        ), gone as (
            delete from conversation_marks c
            where c.project_id = $1 and c.conversation_id in (select id from gathered where marks = '{{}}')
            and c.conversation_id = any($2::text[])
        )
        insert into conversation_marks (project_id, conversation_id, marks)
        select $1, id, marks from gathered where marks <> '{{}}' order by id
        on conflict (project_id, conversation_id) do update set marks = excluded.marks
        where conversation_marks.marks <> excluded.marks""",  # noqa: S608 - our own number and expression
        project_id,
        conversation_ids,
        _salt(project_id),
    )
