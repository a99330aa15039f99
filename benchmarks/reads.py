"""The two reads: minimaps of many conversations, and a chat page of 50 turns; through REST, and through the graph.

The baseline answers the same from the same tables (benchmarks/baseline.py), over HTTP too.
"""

from pathlib import Path
from typing import Any

import orjson

from benchmarks import generator
from benchmarks.baseline import serving_baseline
from benchmarks.harness import Door, Result, Scale, Work, export_all, interleaved
from tests.server_process import ServerProcess

PROJECT = "bench/reads"

MINIMAP_QUERY = """
query($projectId: ID!, $ids: [ID!]!) {
  project(id: $projectId) {
    conversationsByIds(ids: $ids) {
      conversationId
      spans(last: 200) { operationName traceId spanId status durationMs }
      spansFeedback(last: 200) { traceId feedbackType tags }
    }
  }
}"""

WIDE_QUERY = """
query($projectId: ID!, $ids: [ID!]!) {
  project(id: $projectId) {
    conversationsByIds(ids: $ids) {
      conversationId
      spans(last: 200) {
        kind: operationName
        ...Where
        status
        durationMs
        ... on Span { usage { inputTokens outputTokens } agentName model: responseModel }
        name
        startedAt
      }
    }
  }
}

fragment Where on Span { traceId spanId }"""

HEADER_QUERY = """
query($projectId: ID!, $id: ID!) {
  project(id: $projectId) { conversation(id: $id) { conversationId turnCount usage { inputTokens } } }
}"""

CHAT_QUERY = """
query($projectId: ID!, $id: ID!) {
  project(id: $projectId) {
    conversation(id: $id) {
      turnPage(limit: 50) {
        totalTurns
        turns {
          traceId rootSpanName agentName agentVersion status provider durationMs spanSumCostUsd
          messages {
            kind spanId agentName agentVersion status startedAt
            ... on UserMessage { text contentRefs }
            ... on AssistantMessage {
              text model reasoningContent reasoningTokens inputTokens outputTokens durationMs contentRefs
              cost { inputUsd outputUsd totalUsd }
            }
            ... on ToolCall { origin toolName arguments result durationMs contentRefs }
            ... on AgentStart { model systemInstructions toolDefinitions }
            ... on ContextCompacted { summary itemsBefore itemsAfter }
          }
        }
      }
    }
  }
}"""


async def measure(server: ServerProcess, scale: Scale) -> list[Result]:
    traffic = generator.traffic(scale.conversations)
    await export_all(server.url, generator.requests(traffic.spans, 500), PROJECT, senders=2)
    async with serving_baseline(server.dsn, Path(server.data_dir).with_name("baseline.log")) as url:
        ours, theirs = Door(server.url), Door(url)
        results = []
        for count in scale.read_ids:
            results += await _minimaps(ours, theirs, traffic.conversation_ids[:count], scale.rounds)
        results += await _chat(ours, theirs, traffic.conversation_ids[0], scale.rounds)
        return [*results, await _header(ours, theirs, traffic.conversation_ids[0], scale.rounds)]


def _asking(door: Door, path: str, body: dict[str, object]) -> Work:
    async def ask(_: int) -> None:
        door.ask(path, body)

    return ask


async def _minimaps(ours: Door, theirs: Door, ids: list[str], rounds: int) -> list[Result]:
    body: dict[str, object] = {"project_id": PROJECT, "conversation_ids": ids}
    asked: dict[str, object] = {"query": MINIMAP_QUERY, "variables": {"projectId": PROJECT, "ids": ids}}
    route = "/agents/conversations/spans"
    answer = orjson.loads(ours.ask(route, body))
    assert answer == orjson.loads(theirs.ask("/minimap", body)) == orjson.loads(theirs.ask("/minimap-as-text", body))
    graph = _data(ours.ask("/graphql", asked))["conversationsByIds"]
    shown = [len(conversation["spans"]) for conversation in answer["conversations"]]
    assert all(shown)
    assert shown == [len(conversation["spans"]) for conversation in graph]
    wide: dict[str, object] = {"query": WIDE_QUERY, "variables": {"projectId": PROJECT, "ids": ids}}
    assert _data(ours.ask("/graphql", wide)) == orjson.loads(theirs.ask("/minimap-wide", body))
    seconds = await interleaved(
        rounds,
        {
            "route": _asking(ours, route, body),
            "baseline": _asking(theirs, "/minimap", body),
            "graph": _asking(ours, "/graphql", asked),
            "text": _asking(theirs, "/minimap-as-text", body),
            "wide": _asking(ours, "/graphql", wide),
            "wide baseline": _asking(theirs, "/minimap-wide", body),
        },
    )
    ms = {name: value * 1000 for name, value in seconds.items()}
    what = f"minimaps of {len(ids):,} conversations, {sum(shown):,} spans"
    rows = "one statement, rows to dicts, orjson"
    return [
        Result(f"{what}: route", ms["route"], ms["baseline"], "ms", rows),
        Result(f"{what}: graph", ms["graph"], ms["baseline"], "ms", rows),
        Result(f"{what}: route", ms["route"], ms["text"], "ms", "one statement that writes the JSON"),
        Result(f"{what}: ten fields, in fragments", ms["wide"], ms["wide baseline"], "ms", rows),
    ]


async def _chat(ours: Door, theirs: Door, conversation_id: str, rounds: int) -> list[Result]:
    body: dict[str, object] = {"project_id": PROJECT, "conversation_id": conversation_id}
    asked: dict[str, object] = {"query": CHAT_QUERY, "variables": {"projectId": PROJECT, "id": conversation_id}}
    route = "/agents/conversations/chat"
    answer = orjson.loads(ours.ask(route, body))
    expected = orjson.loads(theirs.ask("/chat", body))
    graph = _data(ours.ask("/graphql", asked))["conversation"]["turnPage"]
    assert answer["total_turns"] == graph["totalTurns"] == generator.LONG_CONVERSATION_TURNS
    assert _outline(answer["turns"], "trace_id", "type", "span_id") == _outline(
        expected["turns"], "trace_id", "kind", "span_id"
    )
    assert _outline(graph["turns"], "traceId", "kind", "spanId") == _outline(
        expected["turns"], "trace_id", "kind", "span_id"
    )
    assert len(answer["turns"]) == 50
    messages = sum(len(turn["messages"]) for turn in answer["turns"])
    seconds = await interleaved(
        rounds,
        {
            "route": _asking(ours, route, body),
            "baseline": _asking(theirs, "/chat", body),
            "graph": _asking(ours, "/graphql", asked),
        },
    )
    ms = {name: value * 1000 for name, value in seconds.items()}
    what = f"a chat page of 50 turns, {messages:,} messages"
    rows = "two statements, rows to dicts, orjson"
    return [
        Result(f"{what}: route", ms["route"], ms["baseline"], "ms", rows),
        Result(f"{what}: graph", ms["graph"], ms["baseline"], "ms", rows),
    ]


async def _header(ours: Door, theirs: Door, conversation_id: str, rounds: int) -> Result:
    """A small question, asked often: what the graph costs where there is next to nothing to do."""
    times = 50
    body: dict[str, object] = {"project_id": PROJECT, "conversation_id": conversation_id}
    asked: dict[str, object] = {"query": HEADER_QUERY, "variables": {"projectId": PROJECT, "id": conversation_id}}
    assert _data(ours.ask("/graphql", asked)) == orjson.loads(theirs.ask("/header", body))

    def often(door: Door, path: str, asked: dict[str, object]) -> Work:
        async def ask(_: int) -> None:
            for _ in range(times):
                door.ask(path, asked)

        return ask

    seconds = await interleaved(
        rounds, {"graph": often(ours, "/graphql", asked), "baseline": often(theirs, "/header", body)}
    )
    ms = {name: value * 1000 / times for name, value in seconds.items()}
    return Result(
        "a conversation's header: graph", ms["graph"], ms["baseline"], "ms", "a FastAPI route, two statements"
    )


def _data(answer: bytes) -> dict[str, Any]:
    parsed = orjson.loads(answer)
    assert "errors" not in parsed, parsed["errors"]
    project: dict[str, Any] = parsed["data"]["project"]
    return project


def _outline(turns: list[dict[str, Any]], trace_id: str, kind: str, span_id: str) -> list[Any]:
    """Which messages stand where, whatever the names and the spelling of nothing."""
    return [
        (turn[trace_id], [(message[kind].lower(), message[span_id] or "") for message in turn["messages"]])
        for turn in turns
    ]
