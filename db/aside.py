"""Work that takes long without waiting for anything, done beside the event loop, which answers others meanwhile."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

LARGE = 200
"""So many spans take about 20 ms of work: what a thread costs is nothing beside it."""

_THREADS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="turngraph-aside")
"""Few: each may keep the loop from running for 5 ms at a time (the interpreter's switch interval)."""


async def aside(size: int, work: Callable[[], T]) -> T:
    """What `work` gives, in a thread if it is about so many spans or more that others would notice."""
    if size < LARGE:
        return work()
    return await asyncio.get_running_loop().run_in_executor(_THREADS, work)
