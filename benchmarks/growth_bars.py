"""The bars of growth: the same reads on ten times as many spans. Both servers run, and answer in turn."""

from benchmarks.bars import Bar, take_turns, wall_bar
from benchmarks.harness import Door, Work
from benchmarks.read_bars import CHAT_ROUTE, ROUTE
from benchmarks.reads import HEADER_QUERY
from benchmarks.store import PROJECT, Store
from tests.server_process import ServerProcess

_LIMIT = 1.3

Question = tuple[str, dict[str, object]]
"""Path and body."""


async def measure(small: tuple[ServerProcess, Store], large: tuple[ServerProcess, Store], rounds: int) -> list[Bar]:
    """The same conversations of both: what is asked for in the large one are other copies of them."""
    many = min(1000, len(small[1].conversation_ids))
    questions = [_questions(store, many) for _, store in (small, large)]
    doors = [Door(server.url) for server, _ in (small, large)]
    found = []
    for what in questions[0]:
        works = {
            name: _asking(door, *asked[what])
            for name, door, asked in zip(("small", "large"), doors, questions, strict=True)
        }
        runs = await take_turns(works, rounds=rounds)
        beside = f"{small[1].span_count:,} spans"
        line = f"{what}, {large[1].span_count:,} spans stored"
        found.append(wall_bar(line, _LIMIT, runs["large"], runs["small"], beside))
    return found


def _questions(store: Store, many: int) -> dict[str, Question]:
    """What is asked, by its name."""
    # The first conversation was really sent, so its messages are there.
    first = store.conversation_ids[0]
    header: dict[str, object] = {"query": HEADER_QUERY, "variables": {"projectId": PROJECT, "id": first}}
    return {
        "100 minimaps": (ROUTE, {"project_id": PROJECT, "conversation_ids": store.some_ids(100)}),
        f"{many:,} minimaps": (ROUTE, {"project_id": PROJECT, "conversation_ids": store.some_ids(many)}),
        "a chat page": (CHAT_ROUTE, {"project_id": PROJECT, "conversation_id": first}),
        "a conversation's header": ("/graphql", header),
    }


def _asking(door: Door, path: str, body: dict[str, object]) -> Work:
    async def ask(_: int) -> None:
        door.ask(path, body)

    return ask
