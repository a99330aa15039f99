"""The bars of the two reads, on a store of a million spans: beside the floor (floor.py) and beside ClickHouse."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from benchmarks import generator, peers
from benchmarks.bars import Bar, Runs, cpu_bar, take_turns, wall_bar
from benchmarks.baseline import baseline_process
from benchmarks.harness import Door, Work, export_all
from benchmarks.processes import Processes
from benchmarks.reads import HEADER_QUERY, WIDE_QUERY
from benchmarks.store import PROJECT, Store
from tests.server_process import ServerProcess

ROUTE = "/agents/conversations/spans"
CHAT_ROUTE = "/agents/conversations/chat"
CHAT_TURNS, CHAT_SPANS = 50, 20
_CHAT_PREFIX = "conversation-chat"
_SMALL_QUERIES = 50
"""How often one run asks a small question."""

_MINIMAP_QUERY = """
query($projectId: ID!, $ids: [ID!]!) {
  project(id: $projectId) {
    conversationsByIds(ids: $ids) {
      conversationId
      spans(last: 200) { operationName traceId spanId status durationMs }
      spansFeedback(last: 200) { traceId feedbackType tags ratings { name value reason confidence } }
    }
  }
}"""

# Its answer holds the route's, name by name.
_ALIASED_QUERY = """
query($projectId: ID!, $ids: [ID!]!, $all: Boolean = true) {
  project(id: $projectId) {
    conversations: conversationsByIds(ids: $ids) {
      conversation_id: conversationId
      spans(last: 200) { ...Bar ... on Span @include(if: $all) { status duration_ms: durationMs } }
      spans_feedback: spansFeedback(last: 200) { ...Marker tags ratings { ...Rating } }
    }
  }
}

fragment Bar on Span { operation_name: operationName ...Where }
fragment Where on Span { trace_id: traceId span_id: spanId }
fragment Marker on Feedback { trace_id: traceId feedback_type: feedbackType }
fragment Rating on Rating { name value reason confidence }"""


@dataclass(frozen=True, slots=True)
class Doors:
    """Ours and the floor's, on the same database, and whose processor time is whose."""

    ours: Door
    floor: Door
    our_processes: Processes
    floor_processes: Processes

    def asking(self, path: str, body: dict[str, object]) -> Work:
        """One question to us."""
        return _asking(self.ours, path, body)

    def asking_floor(self, path: str, body: dict[str, object]) -> Work:
        """One question to the floor."""
        return _asking(self.floor, path, body)

    async def take_turns(self, works: dict[str, Work], rounds: int) -> dict[str, Runs]:
        """Those whose names begin with "floor" are the floor's."""
        watched = {name: self.floor_processes if name.startswith("floor") else self.our_processes for name in works}
        return await take_turns(works, rounds=rounds, watched=watched)


def _asking(door: Door, path: str, body: dict[str, object]) -> Work:
    asked = orjson.dumps(body)

    async def ask(_: int) -> None:
        door.post(path, asked)

    return ask


@contextlib.asynccontextmanager
async def opened(server: ServerProcess) -> AsyncIterator[Doors]:
    """Both, for as long as the block."""
    log_file = Path(server.data_dir).with_name("floor.log")
    async with baseline_process(server.dsn, log_file) as (url, pid):
        postmaster = server.postgres_pid
        ours, floors = Processes(server.process.pid, postmaster), Processes(pid, postmaster)
        yield Doors(Door(server.url), Door(url), ours, floors)


async def minimaps(server: ServerProcess, store: Store, count: int, rounds: int) -> list[Bar]:
    """The spans route, and the graph with the same selection and with others."""
    async with opened(server) as doors:
        return await _beside_the_floor(doors, store.some_ids(count), rounds)


async def beside_click_house(server: ServerProcess, store: Store, counts: Sequence[int], rounds: int) -> list[Bar]:
    """The spans route, asked for so many conversations."""
    if not peers.has("chdb"):
        return [Bar(_beside(count), 1, None, peers.NOT_MEASURED) for count in counts]
    async with opened(server) as doors, peers.click_house(server.dsn, store.project_id) as click_house:
        return [await _beside_click_house(doors, click_house, store.some_ids(count), rounds) for count in counts]


def _beside(count: int) -> str:
    return f"{count:,} minimaps, beside ClickHouse"


async def _beside_the_floor(doors: Doors, ids: list[str], rounds: int) -> list[Bar]:
    asked: dict[str, object] = {"project_id": PROJECT, "conversation_ids": ids}
    answer = doors.ours.ask(ROUTE, asked)
    assert orjson.loads(answer) == orjson.loads(doors.floor.ask("/floor/spans", asked)), "the floor answers otherwise"
    conversations = orjson.loads(answer)["conversations"]
    spans = sum(len(conversation["spans"]) for conversation in conversations)
    markers = sum(len(conversation["spans_feedback"]) for conversation in conversations)
    assert spans >= len(ids)
    variables: dict[str, object] = {"projectId": PROJECT, "ids": ids}
    graph: dict[str, object] = {"query": _MINIMAP_QUERY, "variables": variables}
    aliased: dict[str, object] = {"query": _ALIASED_QUERY, "variables": variables}
    wide: dict[str, object] = {"query": WIDE_QUERY, "variables": variables}
    camel_case = _camel_case(conversations)
    assert _project(doors.ours.ask("/graphql", graph))["conversationsByIds"] == camel_case
    assert _project(doors.ours.ask("/graphql", aliased))["conversations"] == conversations
    assert _project(doors.ours.ask("/graphql", wide)) == orjson.loads(doors.floor.ask("/minimap-wide", asked))
    runs = await doors.take_turns(
        {
            "route": doors.asking(ROUTE, asked),
            "floor": doors.asking_floor("/floor/spans", asked),
            "graph": doors.asking("/graphql", graph),
            "aliased": doors.asking("/graphql", aliased),
            "wide": doors.asking("/graphql", wide),
            "floor wide": doors.asking_floor("/minimap-wide", asked),
        },
        rounds,
    )
    what = f"{len(ids):,} minimaps, {spans:,} spans, {markers:,} markers"
    lines = (
        (f"{what}: spans route", 1.0, "route", "floor"),
        (f"{what}: graph, the same selection", 1.2, "graph", "floor"),
        (f"{what}: graph, aliases and fragments", 1.5, "aliased", "floor"),
        (f"{what}: graph, ten columns, aliases and fragments", 1.5, "wide", "floor wide"),
    )
    return [
        bar(line, limit, runs[ours], runs[floor], "floor")
        for line, limit, ours, floor in lines
        for bar in (wall_bar, cpu_bar)
    ]


async def _beside_click_house(doors: Doors, click_house: peers.ClickHouse, ids: list[str], rounds: int) -> Bar:
    asked: dict[str, object] = {"project_id": PROJECT, "conversation_ids": ids}
    spans = sum(len(one["spans"]) for one in orjson.loads(doors.ours.ask(ROUTE, asked))["conversations"])
    assert click_house.read(ids) == spans, "ClickHouse has other spans"

    async def read(_: int) -> None:
        click_house.read(ids)

    runs = await doors.take_turns({"route": doors.asking(ROUTE, asked), "click_house": read}, rounds)
    return wall_bar(_beside(len(ids)), 1.0, runs["route"], runs["click_house"], "chdb")


async def chat(server: ServerProcess, rounds: int) -> list[Bar]:
    """A page of 50 turns of 20 spans each, with all their texts."""
    traffic = generator.even_traffic(1, CHAT_TURNS + 10, CHAT_SPANS, prefix=_CHAT_PREFIX)
    await export_all(server.url, generator.requests(traffic.spans, 500), PROJECT)
    asked: dict[str, object] = {"project_id": PROJECT, "conversation_id": traffic.conversation_ids[0]}
    async with opened(server) as doors:
        answer, expected = doors.ours.ask(CHAT_ROUTE, asked), doors.floor.ask("/floor/chat", asked)
        assert orjson.loads(answer) == orjson.loads(expected), "the floor answers otherwise"
        turns = orjson.loads(answer)["turns"]
        assert len(turns) == CHAT_TURNS
        works = {"chat": doors.asking(CHAT_ROUTE, asked), "floor": doors.asking_floor("/floor/chat", asked)}
        runs = await doors.take_turns(works, rounds)
    messages = sum(len(turn["messages"]) for turn in turns)
    what = f"chat page of {CHAT_TURNS} turns of {CHAT_SPANS} spans, {messages} messages, {len(answer) // 1000:,} kB"
    return [bar(what, 2.0, runs["chat"], runs["floor"], "floor") for bar in (wall_bar, cpu_bar)]


async def small_query(server: ServerProcess, store: Store, rounds: int) -> list[Bar]:
    """A conversation's header, asked again and again, beside a FastAPI route with the same statements."""
    conversation_id = store.conversation_ids[0]
    graph: dict[str, object] = {
        "query": HEADER_QUERY,
        "variables": {"projectId": PROJECT, "id": conversation_id},
    }
    plain: dict[str, object] = {"project_id": PROJECT, "conversation_id": conversation_id}
    async with opened(server) as doors:
        assert _project(doors.ours.ask("/graphql", graph)) == orjson.loads(doors.floor.ask("/header", plain))
        works = {
            "graph": _often(doors.asking("/graphql", graph)),
            "floor": _often(doors.asking_floor("/header", plain)),
        }
        runs = await doors.take_turns(works, rounds)
    what = f"small query, warm, {_SMALL_QUERIES} times"
    return [bar(what, 2.0, runs["graph"], runs["floor"], "FastAPI route") for bar in (wall_bar, cpu_bar)]


def _often(work: Work) -> Work:
    async def run(number: int) -> None:
        for _ in range(_SMALL_QUERIES):
            await work(number)

    return run


def _project(answer: bytes) -> dict[str, Any]:
    parsed = orjson.loads(answer)
    assert "errors" not in parsed, parsed["errors"]
    project: dict[str, Any] = parsed["data"]["project"]
    return project


def _camel_case(value: object) -> object:
    """The same with the graph's names."""
    if isinstance(value, list):
        return [_camel_case(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {_camel(name): _camel_case(item) for name, item in value.items()}


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.title() for other in others)
