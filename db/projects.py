"""Projects: found by name, made when first written to, with the settings that a client may change."""

from dataclasses import dataclass, replace

from db.engine import Reader, Row, Writer
from domain.pricing import PUBLISHED_PRICES
from domain.records import UntaggedTraces

_COLUMNS = """project_id, entity, name, untagged_traces, changed_prices = '{}' as costs_follow_prices, exists (
        select from trace t where t.project_id = project.project_id and t.waiting_spans > 0
    ) as has_unsettled_traces"""


@dataclass(frozen=True, slots=True)
class ProjectRecord:
    project_id: int
    entity: str
    name: str
    untagged_traces: UntaggedTraces
    costs_follow_prices: bool
    """No price has changed since the stored costs (`listing`) were written."""
    has_unsettled_traces: bool
    """Some long traces' turns are older than their spans: `derive.settle` comes before reading turns."""


def _record(row: Row) -> ProjectRecord:
    return ProjectRecord(
        row["project_id"],
        row["entity"],
        row["name"],
        UntaggedTraces(row["untagged_traces"]),
        row["costs_follow_prices"],
        row["has_unsettled_traces"],
    )


async def find_project(reader: Reader, entity: str, name: str) -> ProjectRecord | None:
    row = await reader.fetchrow(
        f"select {_COLUMNS} from project where entity = $1 and name = $2",  # noqa: S608 - our own column names
        entity,
        name,
    )
    return _record(row) if row else None


async def ensure_project(writer: Writer, entity: str, name: str, *, alone: bool = False) -> ProjectRecord:
    """The project, made if this is the first that is heard of it.

    Its row is held until the transaction ends: together with all others who write to the project, or `alone`.
    """
    found = await find_project(writer, entity, name)
    if found is None:
        await writer.execute(
            "insert into project (entity, name, published_prices) values ($1, $2, $3) on conflict do nothing",
            entity,
            name,
            PUBLISHED_PRICES,
        )
        found = await find_project(writer, entity, name)
    if found is None:
        raise RuntimeError(f"project {entity}/{name} vanished while it was made")
    return await hold_project(writer, found.project_id, alone=alone)


async def hold_project(writer: Writer, project_id: int, *, alone: bool = False) -> ProjectRecord:
    """Hold the project's row, before any trace of it is locked; as it is once all who held it otherwise are done."""
    hold = "for update" if alone else "for key share"
    row = await writer.fetchrow(
        f"select {_COLUMNS} from project where project_id = $1 {hold}",  # noqa: S608
        project_id,
    )
    if row is None:
        raise RuntimeError(f"project {project_id} is gone")
    return _record(row)


async def set_untagged_traces(writer: Writer, project: ProjectRecord, chosen: UntaggedTraces) -> ProjectRecord:
    """Change what becomes of traces without an id: of those that are stored from now on.

    Whoever calls holds the project `alone`: so all that was stored by the choice before is committed, and is found by
    `traces.list_misplaced_traces`.
    """
    await writer.execute(
        "update project set untagged_traces = $2 where project_id = $1 and untagged_traces <> $2",
        project.project_id,
        chosen,
    )
    return replace(project, untagged_traces=chosen)


async def list_projects(reader: Reader, *, limit: int) -> list[ProjectRecord]:
    rows = await reader.fetch(
        f"select {_COLUMNS} from project order by entity, name limit $1",  # noqa: S608
        limit,
    )
    return [_record(row) for row in rows]
