"""What a running server does by itself with content that is to go: projects are deleted, orders to erase content are
carried out, and what is past the age that its project keeps is taken away.

What is left to do is read from what is stored, and each step is one transaction, so whatever is cut short goes on where
it ended: in another process, or after the next start.
"""

import asyncio
import contextlib
import logging
from contextlib import AbstractAsyncContextManager

from app.background import in_background
from db import erasure_orders, locks, project_deletion, projects, retention
from db.engine import Database, Writer
from db.erasure_orders import Waiting
from db.projects import Hold
from db.retention import Gone
from domain.errors import DatabaseUnavailable

RETRY_S = 5.0
"""How long it waits before it goes on, after the database was away or another process was at it."""

CHECK_EVERY_S = 600.0
"""How often it looks without being told."""

log = logging.getLogger("turngraph")


class OthersAtIt(Exception):
    """Another process is doing a step: later it is done, or has ended."""


class Upkeep:
    """Runs in each server process, one of which works at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._wanted = asyncio.Event()

    def start(self) -> None:
        """Look for what is to do, once more if it is being done already."""
        self._wanted.set()

    def running(self) -> AbstractAsyncContextManager[None]:
        """Done in the background for as long as the block runs; its end cuts it short."""
        return in_background(self._run())

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                # Not wait_for: before Python 3.12 it loses a cancellation that comes together with the event.
                async with asyncio.timeout(CHECK_EVERY_S):
                    await self._wanted.wait()
            self._wanted.clear()
            try:
                await self.delete_projects()
                await self.carry_out_orders()
                await self.keep_within_age()
            except (DatabaseUnavailable, OthersAtIt):
                self._wanted.set()
                await asyncio.sleep(RETRY_S)
            except Exception:
                log.exception("what is to go could not be taken away: it is tried again in %d s", CHECK_EVERY_S)

    async def delete_projects(self) -> None:
        """Delete what projects had that are out of reach."""
        async with self._database.read() as reader:
            project_ids = await project_deletion.list_projects(reader)
        for project_id in project_ids:

            async def step(writer: Writer, project_id: int = project_id) -> bool:
                if not await locks.lock_upkeep(writer):
                    raise OthersAtIt
                return await project_deletion.delete_some(writer, project_id)

            while await self._database.transact(step):
                pass
            log.info("nothing is left of the deleted project number %d", project_id)

    async def carry_out_orders(self) -> None:
        """Carry out the orders to erase content that wait, oldest first."""
        async with self._database.read() as reader:
            waiting = await erasure_orders.list_waiting(reader)
        for order in waiting:

            async def step(writer: Writer, order: Waiting = order) -> bool:
                if not await locks.lock_upkeep(writer):
                    raise OthersAtIt
                await projects.hold_project(writer, order.project_id, hold=Hold.CONTENT)
                return await erasure_orders.carry_on(writer, order)

            while await self._database.transact(step):
                pass
            log.info("the erasure %s is carried out", order.erasure_id)

    async def keep_within_age(self) -> None:
        """Delete and erase what is older than its project keeps it."""
        async with self._database.read() as reader:
            project_ids = await retention.list_projects(reader)
        for project_id in project_ids:

            async def step(writer: Writer, project_id: int = project_id) -> Gone | None:
                if not await locks.lock_upkeep(writer):
                    raise OthersAtIt
                project = await projects.hold_project(writer, project_id, hold=Hold.CONTENT)
                return await retention.apply_some(writer, project)

            all_gone: list[Gone] = []
            while gone := await self._database.transact(step):
                all_gone.append(gone)
            if all_gone:
                log.info(
                    "past their age: %d turns and %d log records deleted, %d turns and %d log records without content",
                    sum(gone.deleted_turns for gone in all_gone),
                    sum(gone.deleted_log_records for gone in all_gone),
                    sum(gone.erased_turns for gone in all_gone),
                    sum(gone.erased_log_records for gone in all_gone),
                )
