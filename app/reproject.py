"""Rebuilds what is derived from stored spans, after the rules have changed: what `turngraph reproject` does.

A trace's version is written in the transaction that rebuilds it, so whatever is cut short goes on where it ended.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import NamedTuple

from app.ingest import reproject_traces
from db import projects, traces
from db.engine import Database
from db.projects import ProjectRecord
from domain.errors import InvalidProjectId
from domain.names import parse_project_id

TRACES_AT_ONCE = 50
"""Traces rebuilt in one transaction: enough to be quick, few enough that ingest never waits long for their locks."""

_MAX_PROJECTS = 1_000_000


class Left(NamedTuple):
    project: ProjectRecord
    traces: int
    """How many are to be rebuilt, one or more."""


async def traces_left(database: Database, project_id: str | None, *, every: bool) -> list[Left]:
    """What is to be rebuilt, in one project or in all: the traces of earlier versions, or `every` one.

    Raises InvalidProjectId where the project does not exist, DatabaseUnavailable.
    """
    count = traces.count_traces if every else traces.count_old_traces
    async with database.read() as reader:
        if project_id is None:
            chosen = await projects.list_projects(reader, limit=_MAX_PROJECTS)
        else:
            found = await projects.find_project(reader, *parse_project_id(project_id))
            if found is None:
                raise InvalidProjectId(f"There is no project {project_id}.")
            chosen = [found]
        counted = [Left(project, await count(reader, project.project_id)) for project in chosen]
    return [left for left in counted if left.traces]


async def reproject(
    database: Database, left: Sequence[Left], *, every: bool, on_progress: Callable[[int], None]
) -> None:
    """Rebuild them, some at a time; `on_progress` is told how many each time. Spans may arrive meanwhile."""
    for project, _ in left:
        batches = _all_traces if every else _old_traces
        async for trace_ids in batches(database, project.project_id):
            await reproject_traces(database, project.project_id, trace_ids)
            on_progress(len(trace_ids))


async def _old_traces(database: Database, project_id: int) -> AsyncIterator[list[str]]:
    after = traces.FIRST
    while True:
        async with database.read() as reader:
            found = await traces.list_old_traces(reader, project_id, after=after, limit=TRACES_AT_ONCE)
        if not found:
            return
        # Locks are taken in the order of ids, whatever the versions.
        yield sorted(position.trace_id for position in found)
        after = found[-1]


async def _all_traces(database: Database, project_id: int) -> AsyncIterator[list[str]]:
    after = ""
    while True:
        async with database.read() as reader:
            found = await traces.list_trace_ids(reader, project_id, after=after, limit=TRACES_AT_ONCE)
        if not found:
            return
        yield found
        after = found[-1]
