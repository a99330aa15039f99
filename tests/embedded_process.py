"""Run by test_embedded.py: an embedded PostgreSQL, or a connection to it, in a process to kill or of another user.

`serve DATA_DIR UID [POSTGRES_BIN]` prints the data directory, the postmaster's pid and an answer, and stops when
standard input ends; `connect DSN UID` prints how a connection ends. Errors are printed by the name of their class.
"""

import asyncio
import os
import pwd
import sys
from pathlib import Path

import asyncpg

from db.embedded import EmbeddedPostgres, EmbeddedPostgresError


async def _become(uid: int) -> None:
    # Everything is imported by then, thread pools too: the interpreter may be where this user can't enter.
    await asyncio.to_thread(int)
    if uid != os.geteuid():
        try:
            gid = pwd.getpwuid(uid).pw_gid
        except KeyError:
            gid = uid
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)


async def _serve(data_dir: Path, uid: int, postgres_bin: Path | None) -> None:
    await _become(uid)
    server = EmbeddedPostgres(data_dir, postgres_bin)
    try:
        parameters = await server.start()
    except EmbeddedPostgresError as error:
        print(type(error).__name__, str(error).replace("\n", " "), flush=True)
        return
    connection = await asyncpg.connect(parameters.dsn())
    answer = await connection.fetchval("select current_user")
    await connection.close()
    print(server.data_dir, server.pid, answer, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.stop()


async def _connect(dsn: str, uid: int) -> None:
    await _become(uid)
    try:
        connection = await asyncpg.connect(dsn)
    except (OSError, asyncpg.PostgresError) as error:
        print(type(error).__name__, flush=True)
    else:
        await connection.close()
        print("connected", flush=True)


if __name__ == "__main__":
    verb, subject, uid, *rest = sys.argv[1:]
    if verb == "serve":
        asyncio.run(_serve(Path(subject), int(uid), Path(rest[0]) if rest else None))
    else:
        asyncio.run(_connect(subject, int(uid)))
