"""Small requests that come at the same time share transactions, and nothing else."""

import asyncio

import pytest

from app.group_commit import MAX_SIZE, GroupCommit
from domain.errors import DatabaseUnavailable
from tests.client import Client, said


class Store:
    """Notes what it is given; refuses items that say so."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.may_go_on = asyncio.Event()
        self.commits = GroupCommit(self)

    async def __call__(self, items: list[str]) -> None:
        self.groups.append(items)
        await self.may_go_on.wait()
        if "away" in items:
            raise DatabaseUnavailable
        if "bad" in items:
            raise ValueError(items)

    def add(self, *items: str, size: int = 1) -> list[asyncio.Task[None]]:
        return [asyncio.create_task(self.commits.add(item, size)) for item in items]


@pytest.fixture
async def store() -> Store:
    return Store()


async def outcomes(tasks: list[asyncio.Task[None]]) -> list[str]:
    found = await asyncio.gather(*tasks, return_exceptions=True)
    return [type(outcome).__name__ for outcome in found]


async def test_what_comes_while_others_are_stored_is_stored_together_in_its_order(store: Store) -> None:
    tasks = store.add("a", "b")
    await asyncio.sleep(0)
    tasks += store.add("c", "d", "e")
    await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)
    store.may_go_on.set()
    await asyncio.gather(*tasks)
    assert [item for group in store.groups for item in group] == ["a", "b", "c", "d", "e"]
    assert ["c", "d", "e"] in store.groups


async def test_what_comes_just_as_the_last_group_ends_does_not_wait_for_ever(store: Store) -> None:
    store.may_go_on.set()
    for _ in range(20):
        tasks = store.add("a", "b", "c")
        await asyncio.sleep(0)
        async with asyncio.timeout(60):
            await asyncio.gather(*tasks, *store.add("d", "e"))


async def test_a_group_takes_no_more_than_its_size(store: Store) -> None:
    tasks = store.add("a", "b", "c", "d", size=MAX_SIZE // 2 + 1)
    store.may_go_on.set()
    await asyncio.gather(*tasks)
    assert store.groups == [["a"], ["b"], ["c"], ["d"]]


async def test_one_that_fails_fails_alone(store: Store) -> None:
    tasks = store.add("first", "second")
    await asyncio.sleep(0)
    tasks += store.add("good", "bad", "fine")
    store.may_go_on.set()
    assert await outcomes(tasks) == ["NoneType", "NoneType", "NoneType", "ValueError", "NoneType"]


async def test_while_the_database_is_away_nobody_is_tried_again(store: Store) -> None:
    tasks = store.add("first", "second")
    await asyncio.sleep(0)
    tasks += store.add("good", "away")
    store.may_go_on.set()
    assert (await outcomes(tasks))[2:] == ["DatabaseUnavailable"] * 2
    assert sum(map(len, store.groups)) == len(tasks)


async def test_whoever_gives_up_takes_nobody_along(store: Store) -> None:
    tasks = store.add("first", "second")
    await asyncio.sleep(0)
    tasks += store.add("impatient", "patient")
    await asyncio.sleep(0)
    tasks[2].cancel()
    store.may_go_on.set()
    assert await outcomes(tasks) == ["NoneType", "NoneType", "CancelledError", "NoneType"]
    assert ["impatient", "patient"] in store.groups


async def test_requests_of_several_projects_at_once_are_stored_where_they_belong(client: Client) -> None:
    await asyncio.gather(
        *(
            client.send(said(f"{number:x}", f"Text {number}.", trace=f"{number:x}"), project=f"acme/p{number % 3}")
            for number in range(1, 31)
        )
    )
    for project in range(3):
        turns = (await client.chat("c1", f"acme/p{project}"))["turns"]
        texts = [turn["messages"][0]["assistant_message"]["text"] for turn in turns]
        assert sorted(texts) == sorted(f"Text {number}." for number in range(1, 31) if number % 3 == project)
