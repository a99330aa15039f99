"""What the lifespan hands to every request."""

from typing import TypedDict, cast

from starlette.requests import HTTPConnection

from app.ingest import Ingest
from app.reproject import Placing
from app.settings import Settings
from db.engine import Database


class ServerState(TypedDict):
    database: Database
    settings: Settings
    placing: Placing
    ingest: Ingest


def database_of(connection: HTTPConnection) -> Database:
    return cast("Database", connection.state.database)


def settings_of(connection: HTTPConnection) -> Settings:
    return cast("Settings", connection.state.settings)


def placing_of(connection: HTTPConnection) -> Placing:
    return cast("Placing", connection.state.placing)


def ingest_of(connection: HTTPConnection) -> Ingest:
    return cast("Ingest", connection.state.ingest)
