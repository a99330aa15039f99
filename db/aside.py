"""Work that takes long without waiting for anything, done beside the event loop, which answers others meanwhile."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")

LARGE = 200
"""So many spans take about 20 ms of work: what a thread costs is nothing beside it."""

_THREADS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="turngraph-aside")
"""Few: each may keep the loop from running for 5 ms at a time (the interpreter's switch interval)."""


class Begun(Generic[T]):
    """Work that is done while its owner waits for something else, PostgreSQL for the most part. What is not about so
    many spans is done when it is asked for: a thread would cost more than it spares.
    """

    def __init__(self, size: int, work: Callable[[], T]) -> None:
        self._work = work
        self._done = asyncio.get_running_loop().run_in_executor(_THREADS, work) if size >= LARGE else None

    async def result(self) -> T:
        return self._work() if self._done is None else await self._done


async def aside(size: int, work: Callable[[], T]) -> T:
    """What `work` gives, in a thread if it is about so many spans or more that others would notice."""
    if size < LARGE:
        return work()
    return await asyncio.get_running_loop().run_in_executor(_THREADS, work)
