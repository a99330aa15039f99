"""What resolvers get: the database, and loaders that live as long as the request."""

from collections.abc import Callable, Container
from typing import Any

from strawberry.fastapi import BaseContext
from strawberry.types import Info as StrawberryInfo

from db.engine import Database
from db.projects import ProjectRecord
from graphql_schema.loaders import ProjectLoaders


class Context(BaseContext):
    """One per request: loaders cache what they read, so a context is never shared between requests."""

    def __init__(
        self,
        database: Database,
        *,
        splices: Container[str] = (),
        on_settings_changed: Callable[[], None] = lambda: None,
    ) -> None:
        """`splices` are the response names whose lists may be `orjson.Fragment`: the answer is written by orjson.
        `on_settings_changed` is called when a mutation has changed a project's settings, after commit.
        """
        super().__init__()
        self.database = database
        self.splices = splices
        self.on_settings_changed = on_settings_changed
        self._loaders: dict[int, ProjectLoaders] = {}

    def loaders(self, project: ProjectRecord) -> ProjectLoaders:
        """The loaders of one project: nothing they read crosses into another."""
        found = self._loaders.get(project.project_id)
        if found is None:
            found = self._loaders[project.project_id] = ProjectLoaders(self.database, project.project_id)
        return found

    def forget(self) -> None:
        """Start with fresh loaders, after something was changed: a request can hold several mutations."""
        self._loaders.clear()


Info = StrawberryInfo[Context, Any]
