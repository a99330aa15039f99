"""What the lifespan hands to every request."""

from typing import TypedDict, cast

from starlette.requests import HTTPConnection

from app.settings import Settings
from db.engine import Database


class ServerState(TypedDict):
    database: Database
    settings: Settings


def database_of(connection: HTTPConnection) -> Database:
    return cast("Database", connection.state.database)


def settings_of(connection: HTTPConnection) -> Settings:
    return cast("Settings", connection.state.settings)
