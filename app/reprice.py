"""Stored costs follow prices that have changed: those that a project sets, and those that come with a release.

What is left to do, and how far it came, is in the project's row, so whatever is cut short goes on where it ended.
"""

from db import listings
from db.engine import Database, Writer
from domain.pricing import PUBLISHED_PRICES

CONVERSATIONS_AT_ONCE = 500
"""Conversations looked at in one transaction: few enough that ingest never waits long for their locks."""


async def note_release(database: Database) -> None:
    """Let the costs that were stored by other published prices than this release's be rewritten."""

    async def work(writer: Writer) -> None:
        await listings.note_published_prices(writer, PUBLISHED_PRICES)

    await database.transact(work)


async def rewrite_costs(database: Database) -> None:
    """Rewrite what lists are sorted by, in all projects whose prices have changed. Several servers may do it at the
    same time: they take turns.
    """
    async with database.read() as reader:
        project_ids = await listings.list_projects_with_changed_prices(reader)
    for project_id in project_ids:

        async def work(writer: Writer, project_id: int = project_id) -> bool:
            return await listings.rewrite_some(writer, project_id, limit=CONVERSATIONS_AT_ONCE)

        while await database.transact(work):
            pass
