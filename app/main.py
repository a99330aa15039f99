"""The server, put together. Importing this has no side effect; the database is opened by whoever runs it."""

import contextlib
from collections.abc import AsyncIterator
from importlib.metadata import version

from fastapi import FastAPI

from app import http_errors
from app.auth import RequireKey
from app.openapi import contract_openapi
from app.routes import health, otlp, pages, weave
from app.routes.graphql import graphql_router
from app.settings import Settings
from app.state import ServerState
from db.engine import Database
from graphql_schema.operations import check_documents


def create_app(settings: Settings, database: Database) -> FastAPI:
    """The application over an open, migrated database."""

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[ServerState]:
        check_documents()
        yield {"database": database, "settings": settings}

    app = FastAPI(
        title="Turngraph",
        version=version("turngraph"),
        description="Conversations of AI agents, from their OpenTelemetry spans.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    http_errors.install(app)
    app.include_router(pages.router)
    app.include_router(health.router)
    app.include_router(otlp.router)
    app.include_router(weave.router)
    app.include_router(graphql_router())
    pages.mount_static(app)
    app.openapi = contract_openapi(app)  # type: ignore[method-assign]  # FastAPI's own way to change the document
    if settings.api_key is not None:
        app.add_middleware(RequireKey, key=settings.api_key.get_secret_value())
    return app
