"""Projects: found by name, made when first written to."""

from dataclasses import dataclass

from db.engine import Reader, Row, Writer


@dataclass(frozen=True, slots=True)
class ProjectRecord:
    project_id: int
    entity: str
    name: str


def _record(row: Row) -> ProjectRecord:
    return ProjectRecord(row["project_id"], row["entity"], row["name"])


async def find_project(reader: Reader, entity: str, name: str) -> ProjectRecord | None:
    row = await reader.fetchrow(
        "select project_id, entity, name from project where entity = $1 and name = $2", entity, name
    )
    return _record(row) if row else None


async def ensure_project(writer: Writer, entity: str, name: str, *, alone: bool = False) -> ProjectRecord:
    """The project, made if this is the first that is heard of it.

    Its row is held until the transaction ends: together with all others who write to the project, or `alone`.
    """
    found = await find_project(writer, entity, name)
    if found is None:
        await writer.execute("insert into project (entity, name) values ($1, $2) on conflict do nothing", entity, name)
        found = await find_project(writer, entity, name)
    if found is None:
        raise RuntimeError(f"project {entity}/{name} vanished while it was made")
    hold = "for update" if alone else "for key share"
    await writer.execute(f"select 1 from project where project_id = $1 {hold}", found.project_id)  # noqa: S608
    return found


async def list_projects(reader: Reader, *, limit: int) -> list[ProjectRecord]:
    rows = await reader.fetch("select project_id, entity, name from project order by entity, name limit $1", limit)
    return [_record(row) for row in rows]
