"""What the read routes are measured against: the least code that answers the same from the same tables.

A bare ASGI application, without checks, loaders or a schema: one statement or two, rows to dicts, orjson. Started as
`python -m benchmarks.baseline DSN`.
"""

import asyncio
import contextlib
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg
import orjson
import uvicorn
from fastapi import FastAPI, Response
from pydantic import BaseModel

from benchmarks import floor
from tests.server_process import ended, until

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

Message = MutableMapping[str, Any]
Body = dict[str, Any]
Connection: TypeAlias = "PoolConnectionProxy[Any]"


class HeaderReq(BaseModel):
    """Whose header is wanted."""

    project_id: str
    conversation_id: str


ROOT = Path(__file__).resolve().parents[1]

MINIMAP = """
    select s.*, u.id as conversation_id from unnest($2::text[]) with ordinality u(id, position) cross join lateral (
        select operation_name, trace_id, span_id, status, duration_ms, started_at from span
        where project_id = $1 and conversation_id = u.id and conversation_id <> ''
        order by started_at desc, span_id desc limit 200
    ) s order by u.position, s.started_at, s.span_id"""

# The same with other columns.
WIDE_MINIMAP = MINIMAP.replace(
    "duration_ms, ", "duration_ms, input_tokens, output_tokens, agent_name, response_model, name, "
)

# The way to less than that: PostgreSQL writes the JSON text itself, one value per conversation.
MINIMAP_AS_TEXT = """
    select '{"conversation_id":' || to_json(u.id) || ',"spans":[' || coalesce((
        select string_agg(
            '{"operation_name":' || to_json(operation_name) || ',"trace_id":"' || trace_id || '","span_id":"' || span_id
            || '","status":"' || status || '","duration_ms":' || duration_ms || '}', ',' order by started_at, span_id
        ) from (
            select operation_name, trace_id, span_id, status, duration_ms, started_at from span
            where project_id = $1 and conversation_id = u.id and conversation_id <> ''
            order by started_at desc, span_id desc limit 200
        ) s
    ), '') || '],"spans_feedback":[]}' from unnest($2::text[]) with ordinality u(id, position) order by u.position"""

HEADER = """
    select c.conversation_id, c.turn_count, c.usage_by_model
    from conversation c where c.project_id = $1 and c.conversation_id = $2"""

TURNS = """
    select trace_id, root_span_name, agent_name, agent_version, status, provider_name, duration_ms, span_sum_by_model,
        count(*) over () as total_turns
    from turn where project_id = $1 and conversation_id = $2
    order by started_at desc, trace_id desc limit $3"""

MESSAGES = """
    select trace_id, kind, span_id, agent_name, agent_version, status, started_at, text, model, reasoning_content,
        reasoning_tokens, input_tokens, output_tokens, usage_choices, duration_ms, content_refs, tool_origin, tool_name,
        tool_arguments, tool_result, system_instructions, tool_definitions, compaction_summary, compaction_items_before,
        compaction_items_after
    from message where project_id = $1 and conversation_id = $2 and trace_id = any($3::text[])
    order by trace_id, position"""

_POOL: "list[asyncpg.Pool[Any]]" = []


async def app(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """`/minimap`, `/minimap-wide`, `/minimap-as-text` and `/chat`, whose bodies are the routes'; and `/header`."""
    assert scope["type"] == "http"
    if scope["path"] == "/header":
        await header_app(scope, receive, send)
        return
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    routes: dict[str, Callable[[Body], Awaitable[bytes]]] = {
        "/minimap": _minimap,
        "/minimap-wide": _wide_minimap,
        "/minimap-as-text": _minimap_as_text,
        "/chat": _chat,
        "/floor/spans": partial(_by_hand, floor.spans),
        "/floor/chat": partial(_by_hand, floor.chat),
    }
    answer = await routes[scope["path"]](orjson.loads(body))
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


async def _project(connection: Connection, body: Body) -> int:
    found: int = await connection.fetchval(
        "select project_id from project where entity = $1 and name = $2", *body["project_id"].split("/")
    )
    return found


async def _by_hand(answer: Callable[[Connection, int, Body], Awaitable[bytes]], body: Body) -> bytes:
    async with _POOL[0].acquire() as connection:
        return await answer(connection, await _project(connection, body), body)


async def _minimap(body: Body) -> bytes:
    async with _POOL[0].acquire() as connection:
        rows = await connection.fetch(MINIMAP, await _project(connection, body), body["conversation_ids"])
    found: dict[str, list[dict[str, Any]]] = {}
    for operation_name, trace_id, span_id, status, duration_ms, _, conversation_id in rows:
        found.setdefault(conversation_id, []).append(
            {
                "operation_name": operation_name,
                "trace_id": trace_id,
                "span_id": span_id,
                "status": status,
                "duration_ms": duration_ms,
            }
        )
    conversations = [
        {"conversation_id": id_, "spans": found.get(id_, []), "spans_feedback": []} for id_ in body["conversation_ids"]
    ]
    return orjson.dumps({"conversations": conversations})


async def _wide_minimap(body: Body) -> bytes:
    async with _POOL[0].acquire() as connection:
        rows = await connection.fetch(WIDE_MINIMAP, await _project(connection, body), body["conversation_ids"])
    found: dict[str, list[dict[str, Any]]] = {}
    for operation, trace_id, span_id, status, ms, tokens_in, tokens_out, agent, model, name, started_at, id_ in rows:
        found.setdefault(id_, []).append(
            {
                "kind": operation,
                "traceId": trace_id,
                "spanId": span_id,
                "status": status,
                "durationMs": ms,
                "usage": {"inputTokens": tokens_in, "outputTokens": tokens_out},
                "agentName": agent or None,
                "model": model or None,
                "name": name,
                "startedAt": started_at,
            }
        )
    conversations = [{"conversationId": id_, "spans": found.get(id_, [])} for id_ in body["conversation_ids"]]
    return orjson.dumps({"conversationsByIds": conversations}, option=orjson.OPT_UTC_Z)


async def _minimap_as_text(body: Body) -> bytes:
    async with _POOL[0].acquire() as connection:
        rows = await connection.fetch(MINIMAP_AS_TEXT, await _project(connection, body), body["conversation_ids"])
    return ('{"conversations":[' + ",".join([row[0] for row in rows]) + "]}").encode()


async def _chat(body: Body) -> bytes:
    async with _POOL[0].acquire() as connection:
        key = await _project(connection, body), body["conversation_id"]
        turns = [dict(row) for row in reversed(await connection.fetch(TURNS, *key, 50))]
        rows = await connection.fetch(MESSAGES, *key, [turn["trace_id"] for turn in turns])
    messages: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        messages.setdefault(row["trace_id"], []).append(dict(row))
    for turn in turns:
        turn["messages"] = messages.get(turn["trace_id"], [])
    return orjson.dumps({"turns": turns})


header_app = FastAPI()


@header_app.post("/header")
async def header(body: HeaderReq) -> Response:
    """A conversation's header as a plain route: the statements that the graph needs for it, and no more."""
    async with _POOL[0].acquire() as connection:
        project_id = await _project(connection, {"project_id": body.project_id})
    async with _POOL[0].acquire() as connection:
        row = await connection.fetchrow(HEADER, project_id, body.conversation_id)
    assert row
    answer = {
        "conversationId": row["conversation_id"],
        "turnCount": row["turn_count"],
        "usage": {"inputTokens": sum(usage[1] for usage in orjson.loads(row["usage_by_model"]))},
    }
    return Response(orjson.dumps({"conversation": answer}), media_type="application/json")


def _start(dsn: str, log_file: Path) -> "subprocess.Popen[bytes]":
    with log_file.open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "benchmarks.baseline", dsn], cwd=ROOT, stdout=log, stderr=subprocess.STDOUT
        )


@contextlib.asynccontextmanager
async def serving_baseline(dsn: str, log_file: Path) -> AsyncIterator[str]:
    """The application in a process of its own; its URL."""
    async with baseline_process(dsn, log_file) as (url, _):
        yield url


@contextlib.asynccontextmanager
async def baseline_process(dsn: str, log_file: Path) -> AsyncIterator[tuple[str, int]]:
    """The same; its URL and the process's id."""
    process = _start(dsn, log_file)

    def found() -> "re.Match[str] | None":
        return re.search(r"running on (\S+)", log_file.read_text())

    try:
        await until(lambda: found() is not None or process.poll() is not None)
        address = found()
        assert address, log_file.read_text()
        yield address[1], process.pid
    finally:
        process.terminate()
        await ended(process)


async def _main(dsn: str) -> None:
    async with asyncpg.create_pool(dsn, min_size=1, max_size=10) as pool:
        _POOL.append(pool)
        config = uvicorn.Config(app, host="127.0.0.1", port=0, access_log=False, lifespan="off")
        await uvicorn.Server(config).serve()


if __name__ == "__main__":
    with (
        asyncio.Runner(loop_factory=uvicorn.Config(app).get_loop_factory()) as runner,
        contextlib.suppress(KeyboardInterrupt),
    ):
        runner.run(_main(sys.argv[1]))
