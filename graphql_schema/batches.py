"""Fields that are resolved for many objects at once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from graphql_schema.context import Info
from graphql_schema.execution import BATCH, column_of

Resolve = Callable[..., Awaitable[Sequence[Any]]]


def in_batches(resolve: Callable[[], Resolve]) -> dict[object, object]:
    """The metadata of a field that `resolve()` resolves for many objects: given the project's loaders, objects of that
    project, the info and the field's arguments, it returns a value for each.

    Called late, so that it may stand below the class.
    """

    async def resolve_all(sources: Sequence[Any], info: Info, **arguments: object) -> Sequence[Any]:
        projects = column_of(sources, "project")
        positions: dict[int, list[int]] = {}
        for position, project in enumerate(projects):
            positions.setdefault(project.project_id, []).append(position)
        if len(positions) == 1:
            return await resolve()(info.context.loaders(projects[0]), sources, info, **arguments)
        values: list[Any] = [None] * len(projects)

        async def resolve_one_project(own: list[int]) -> None:
            of_one = [sources[position] for position in own]
            found = await resolve()(info.context.loaders(projects[own[0]]), of_one, info, **arguments)
            for position, value in zip(own, found, strict=True):
                values[position] = value

        async with asyncio.TaskGroup() as group:
            for own in positions.values():
                group.create_task(resolve_one_project(own))
        return values

    return {BATCH: resolve_all}
