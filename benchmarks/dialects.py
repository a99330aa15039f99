"""What the other dialects cost: a stream of all of them beside one that has the convention's keys alone.

Both tell the same turns: the same texts, as many spans. Decode, understand and project alone, and the whole way in, in
this process with the database beside it. `python -m benchmarks.dialects` has a line for each dialect, too.
"""

import asyncio
import json
import time
from collections.abc import Callable
from random import Random
from typing import Final

from app.ingest import Ingest
from benchmarks import generator
from benchmarks.harness import Result, Scale, Work, interleaved, machine, server_of_its_own, show
from db.engine import Database
from domain.dialects import understand
from domain.otlp import BodyFormat, decode_traces
from domain.projection import turns_of_trace
from domain.records import RawSpan, SpanRecord
from tests.server_process import ServerProcess
from tests.speakers import SPEAKERS, Story, Turn, told, trace_request

ONE: Final = "gen_ai"
# Those that say in log records what is measured here.
ALL: Final = tuple(name for name in SPEAKERS if name not in ("gen_ai_details", "gen_ai_log_events"))

_SPANS_A_TURN: Final = 4
_TURNS_A_REQUEST: Final = 125


def _story(number: int) -> Story:
    """As much text as in the other benchmarks: each call repeats some ten messages."""
    random = Random(number)

    def text(words: int) -> str:
        return " ".join(random.choices(generator.WORDS, k=words))

    roles = ("user", "assistant")
    return Story(
        conversation=f"conversation-{number // 5}",
        history=tuple((roles[place % 2], text(40)) for place in range(8)),
        question=text(30),
        arguments=json.dumps({"order": number, "text": text(10)}),
        result=json.dumps({"found": text(60)}, ensure_ascii=False),
        answer=text(60),
        instructions=generator.INSTRUCTIONS,
        tools=generator.TOOL_DEFINITIONS,
        response=f"resp-{number}",
    )


def _bodies(turns: int, speakers: tuple[Callable[[Story], Turn], ...]) -> list[bytes]:
    """Export requests in which the speakers take turns."""
    bodies = []
    for first in range(0, turns, _TURNS_A_REQUEST):
        body = b""
        for number in range(first, min(turns, first + _TURNS_A_REQUEST)):
            turn = told(speakers[number % len(speakers)](_story(number)), f"{number + 1:x}", 1000 * number)
            # Requests that follow each other are one.
            body += trace_request(turn.scope, turn.spans).SerializeToString()
        bodies.append(body)
    return bodies


def _raws(bodies: list[bytes]) -> list[RawSpan]:
    return [raw for body in bodies for raw in decode_traces(body, BodyFormat.PROTOBUF).spans]


def _take_in(bodies: list[bytes]) -> int:
    """Decode, understand and project; how many messages there are."""
    found = 0
    for body in bodies:
        traces: dict[str, list[SpanRecord]] = {}
        for raw in decode_traces(body, BodyFormat.PROTOBUF).spans:
            record = understand(raw)
            traces.setdefault(record.trace_id, []).append(record)
        for trace_id, group in traces.items():
            found += sum(len(turn.messages) for turn in turns_of_trace(trace_id, group))
    return found


def _pure(bodies: list[bytes]) -> Work:
    async def run(_: int) -> None:
        _take_in(bodies)

    return run


async def measure(server: ServerProcess, scale: Scale) -> list[Result]:
    turns = scale.ingest_spans // _SPANS_A_TURN
    mixed, alone = _bodies(turns, tuple(SPEAKERS[name] for name in ALL)), _bodies(turns, (SPEAKERS[ONE],))
    spans = turns * _SPANS_A_TURN
    assert len(_raws(mixed)) == len(_raws(alone)) == spans
    # Each turn has its question, the tool's call and the answer at least, whoever tells it.
    assert min(_take_in(mixed), _take_in(alone)) >= 3 * turns
    pure = await interleaved(scale.rounds * 3, {"mixed": _pure(mixed), "alone": _pure(alone)}, clock=time.process_time)

    database = Database(server.dsn)
    await database.open()

    def ingesting(name: str, bodies: list[bytes]) -> Work:
        async def run(number: int) -> None:
            for body in bodies:
                outcome = await Ingest(database).traces(body, BodyFormat.PROTOBUF, f"dialects/{name}-{number}")
                assert not outcome.rejected

        return run

    ingest = await interleaved(scale.rounds, {"mixed": ingesting("mixed", mixed), "alone": ingesting("alone", alone)})
    await database.close()
    size = sum(map(len, mixed)) / sum(map(len, alone))
    steps = f"decode, understand, project: all dialects ({size:.2f} of the bytes)"
    return [
        Result(what, spans / seconds["mixed"], spans / seconds["alone"], "spans/s", "gen_ai spans alone")
        for what, seconds in ((steps, pure), ("ingest: all dialects", ingest))
    ]


async def measure_each(scale: Scale) -> list[Result]:
    """Decode, understand and project for each dialect by itself."""
    turns = scale.ingest_spans // _SPANS_A_TURN // 4
    bodies = {name: _bodies(turns, (SPEAKERS[name],)) for name in (ONE, *ALL)}
    seconds = await interleaved(
        scale.rounds, {name: _pure(own) for name, own in bodies.items()}, clock=time.process_time
    )
    spans = turns * _SPANS_A_TURN
    sizes = {name: sum(map(len, own)) / sum(map(len, bodies[ONE])) for name, own in bodies.items()}
    return [
        Result(f"{name} ({sizes[name]:.2f} of the bytes)", spans / own, spans / seconds[ONE], "spans/s", ONE)
        for name, own in seconds.items()
    ]


async def _main(scale: Scale) -> None:
    print(machine())
    async with server_of_its_own() as server:
        results = await measure(server, scale)
    show(results + await measure_each(scale))


if __name__ == "__main__":
    asyncio.run(_main(Scale(conversations=0, read_ids=(), ingest_spans=4000, long_requests=0, rounds=5)))
