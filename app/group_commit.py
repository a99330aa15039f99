"""Many small requests, few transactions: what arrives while others are being stored is stored together."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from domain.errors import DatabaseUnavailable

T = TypeVar("T")

MAX_SIZE = 1000
"""Once a group is so large it takes no more: from there on the transaction's own cost is nothing beside its spans'."""

TRANSACTIONS = 2
"""How many groups are being stored at a time: while one waits for PostgreSQL, the other is made ready."""


@dataclass(slots=True)
class _Waiting(Generic[T]):
    item: T
    size: int
    stored: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class GroupCommit(Generic[T]):
    """`store` is given items in the order in which they came, and returns once they are committed."""

    def __init__(self, store: Callable[[list[T]], Awaitable[None]]) -> None:
        self._store = store
        self._waiting: deque[_Waiting[T]] = deque()
        self._storing = 0
        self._tasks: set[asyncio.Task[None]] = set()
        """Held, for the event loop holds tasks only weakly."""

    async def add(self, item: T, size: int) -> None:
        """Returns once the item is committed; raises what `store` raised for it, and not for others of its group.

        Whoever gives up waiting does not take the item back.
        """
        waiting = _Waiting(item, size)
        self._waiting.append(waiting)
        if self._storing < TRANSACTIONS:
            # Counted here and in the task itself, so that at no time the last one has looked and still counts.
            self._storing += 1
            task = asyncio.create_task(self._store_all())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        await waiting.stored

    async def _store_all(self) -> None:
        try:
            while self._waiting:
                group = [self._waiting.popleft()]
                size = group[0].size
                while self._waiting and size + self._waiting[0].size <= MAX_SIZE:
                    group.append(self._waiting.popleft())
                    size += group[-1].size
                await self._store_group(group)
        finally:
            self._storing -= 1

    async def _store_group(self, group: list[_Waiting[T]]) -> None:
        try:
            await self._store([waiting.item for waiting in group])
        except Exception as error:  # noqa: BLE001 - whoever waits gets it
            if len(group) == 1 or isinstance(error, DatabaseUnavailable):
                for waiting in group:
                    _end(waiting.stored, error)
            else:
                # One of them is to blame: the others must not fail for it.
                for waiting in group:
                    await self._store_group([waiting])
        else:
            for waiting in group:
                _end(waiting.stored)


def _end(stored: asyncio.Future[None], error: Exception | None = None) -> None:
    if stored.done():  # Whoever waited has given up.
        return
    if error is None:
        stored.set_result(None)
    else:
        stored.set_exception(error)
