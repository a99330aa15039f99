"""A turn's timeline: every kind of message with all its fields."""

import json
from typing import Any

from db.engine import Database
from tests.client import PROJECT, Client, Sent, span_id, trace_id

MESSAGES = """
messages {
  __typename position kind spanId agentName agentVersion status startedAt
  span { spanId } feedback { feedbackType }
  ... on UserMessage { text contentRefs }
  ... on AssistantMessage {
    text model reasoningContent inputTokens outputTokens reasoningTokens durationMs contentRefs
    cost { inputUsd outputUsd cacheReadUsd cacheWriteUsd givenUsd totalUsd }
  }
  ... on ToolCall { origin toolName arguments result durationMs contentRefs }
  ... on AgentStart { model systemInstructions toolDefinitions }
  ... on AgentHandoff { fromAgent toAgent }
  ... on ContextCompacted { summary itemsBefore itemsAfter }
}
"""

REF = "weave:///acme/support/object/picture:1"


def messages(*parts: dict[str, Any]) -> str:
    return json.dumps(parts)


async def timeline(client: Client, fields: str = MESSAGES) -> Any:
    found = await client.in_project(f'turn(conversationId: "c1", traceId: "{trace_id("a1")}") {{ {fields} }}')
    return found["turn"]["messages"]


async def send_turn_of_all_kinds(client: Client) -> None:
    await client.send(
        Sent(
            "10",
            "invoke_agent Triage",
            end=5000,
            attributes={
                "gen_ai.conversation.id": "c1",
                "gen_ai.agent.name": "Triage",
                "gen_ai.agent.version": "7",
                "gen_ai.request.model": "gpt",
                "gen_ai.system_instructions": "Be kind",
                "gen_ai.tool.definitions": '[{"name": "lookup"}]',
                "weave.compaction.summary": "They greeted.",
                "weave.compaction.items_before": 40,
                "weave.compaction.items_after": 2,
            },
        ),
        Sent(
            "11",
            "chat gpt",
            parent="10",
            start=1000,
            end=2500.9,
            status="OK",
            attributes={
                "gen_ai.request.model": "gpt",
                "gen_ai.response.model": "gpt-2026",
                "gen_ai.usage.input_tokens": 1000,
                "gen_ai.usage.output_tokens": 200,
                "gen_ai.usage.cache_read.input_tokens": 300,
                "gen_ai.usage.cache_creation.input_tokens": 100,
                "gen_ai.usage.reasoning.output_tokens": 50,
                "gen_ai.input.messages": messages(
                    {"role": "user", "parts": [{"type": "text", "content": "Where?"}, {"type": "uri", "uri": REF}]}
                ),
                "gen_ai.output.messages": messages(
                    {
                        "role": "assistant",
                        "parts": [
                            {"type": "reasoning", "content": "Hm."},
                            {"type": "text", "content": "I look."},
                            {"type": "uri", "uri": REF},
                        ],
                    }
                ),
            },
        ),
        Sent(
            "12",
            "execute_tool lookup",
            parent="10",
            start=3000,
            end=3100,
            status="ERROR",
            attributes={
                "gen_ai.tool.name": "lookup",
                "gen_ai.tool.call.arguments": '{"id": 1}',
                "gen_ai.tool.call.result": "gone",
                "weave.content_refs": [REF],
            },
        ),
    )


async def test_every_kind_of_message_shows_all_its_fields(client: Client) -> None:
    await send_turn_of_all_kinds(client)
    await client.price("gpt-2026", 1e-6, 1e-5, 1e-7, 2e-6)
    await client.feedback({"spanId": span_id("12")}, "on the tool")
    assert await timeline(client) == [
        {
            "__typename": "AgentStart",
            "position": 0,
            "kind": "AGENT_START",
            "spanId": span_id("10"),
            "agentName": "Triage",
            "agentVersion": "7",
            "status": "UNSET",
            "startedAt": "2026-01-01T00:00:00Z",
            "span": {"spanId": span_id("10")},
            "feedback": [],
            "model": "gpt",
            "systemInstructions": "Be kind",
            "toolDefinitions": '[{"name": "lookup"}]',
        },
        {
            "__typename": "ContextCompacted",
            "position": 1,
            "kind": "CONTEXT_COMPACTED",
            "spanId": span_id("10"),
            "agentName": "Triage",
            "agentVersion": "7",
            "status": "UNSET",
            "startedAt": "2026-01-01T00:00:00Z",
            "span": {"spanId": span_id("10")},
            "feedback": [],
            "summary": "They greeted.",
            "itemsBefore": 40,
            "itemsAfter": 2,
        },
        {
            "__typename": "UserMessage",
            "position": 2,
            "kind": "USER_MESSAGE",
            "spanId": None,
            "agentName": "User",
            "agentVersion": None,
            "status": None,
            "startedAt": "2026-01-01T00:00:01Z",
            "span": None,
            "feedback": [],
            "text": "Where?",
            "contentRefs": [REF],
        },
        {
            "__typename": "AssistantMessage",
            "position": 3,
            "kind": "ASSISTANT_MESSAGE",
            "spanId": span_id("11"),
            "agentName": "Triage",
            "agentVersion": None,
            "status": "OK",
            "startedAt": "2026-01-01T00:00:01Z",
            "span": {"spanId": span_id("11")},
            "feedback": [],
            "text": "I look.",
            "model": "gpt-2026",
            "reasoningContent": "Hm.",
            "inputTokens": 1000,
            "outputTokens": 200,
            "reasoningTokens": 50,
            "durationMs": 1500,
            "contentRefs": [REF],
            "cost": {
                "inputUsd": 0.0006,
                "outputUsd": 0.002,
                "cacheReadUsd": 0.00003,
                "cacheWriteUsd": 0.0002,
                "givenUsd": 0.0,
                "totalUsd": 0.00283,
            },
        },
        {
            "__typename": "ToolCall",
            "position": 4,
            "kind": "TOOL_CALL",
            "spanId": span_id("12"),
            "agentName": "Triage",
            "agentVersion": None,
            "status": "ERROR",
            "startedAt": "2026-01-01T00:00:03Z",
            "span": {"spanId": span_id("12")},
            "feedback": [{"feedbackType": "on the tool"}],
            "origin": "EXECUTION",
            "toolName": "lookup",
            "arguments": '{"id": 1}',
            "result": "gone",
            "durationMs": 100,
            "contentRefs": [REF],
        },
    ]


async def test_a_handoff_shows_who_hands_over(client: Client, database: Database) -> None:
    await send_turn_of_all_kinds(client)
    async with database.write() as writer:
        await writer.execute("update message set kind = 'agent_handoff', handoff_to = 'Refunds' where position = 4")
    handoff = (await timeline(client))[4]
    assert handoff == {
        "__typename": "AgentHandoff",
        "position": 4,
        "kind": "AGENT_HANDOFF",
        "spanId": span_id("12"),
        "agentName": "Triage",
        "agentVersion": None,
        "status": "ERROR",
        "startedAt": "2026-01-01T00:00:03Z",
        "span": {"spanId": span_id("12")},
        "feedback": [],
        "fromAgent": None,
        "toAgent": "Refunds",
    }


async def test_messages_without_a_word_are_null_where_the_field_allows_it(client: Client) -> None:
    await client.send(
        Sent("10", "work", attributes={"gen_ai.conversation.id": "c1"}),
        Sent("11", "chat m", parent="10", start=1, end=None, status="ERROR"),
        Sent("12", "execute_tool", parent="10", start=2, end=None),
    )
    assert await timeline(client) == [
        {
            "__typename": "AssistantMessage",
            "position": 0,
            "kind": "ASSISTANT_MESSAGE",
            "spanId": span_id("11"),
            "agentName": None,
            "agentVersion": None,
            "status": "ERROR",
            "startedAt": "2026-01-01T00:00:00.001000Z",
            "span": {"spanId": span_id("11")},
            "feedback": [],
            "text": "",
            "model": None,
            "reasoningContent": None,
            "inputTokens": 0,
            "outputTokens": 0,
            "reasoningTokens": 0,
            "durationMs": 0,
            "contentRefs": [],
            "cost": None,
        },
        {
            "__typename": "ToolCall",
            "position": 1,
            "kind": "TOOL_CALL",
            "spanId": span_id("12"),
            "agentName": None,
            "agentVersion": None,
            "status": "UNSET",
            "startedAt": "2026-01-01T00:00:00.002000Z",
            "span": {"spanId": span_id("12")},
            "feedback": [],
            "origin": "EXECUTION",
            "toolName": "execute_tool",
            "arguments": None,
            "result": None,
            "durationMs": 0,
            "contentRefs": [],
        },
    ]


async def test_a_tool_call_says_where_it_comes_from(client: Client) -> None:
    notice = "<task-notification>Build done</task-notification>"
    launch = json.dumps({"isAsync": True, "status": "async_launched", "agentId": "a-2", "description": "Build it"})
    await client.send(
        Sent("10", "invoke_agent Main", end=900, attributes={"gen_ai.conversation.id": "c1"}),
        Sent("11", "execute_tool run", parent="10", start=100),
        Sent("12", "chat m", parent="10", start=200, attributes={"gen_ai.input.messages": messages(user(notice))}),
        Sent(
            "13",
            "invoke_agent Builder",
            parent="10",
            start=300,
            attributes={"gen_ai.output.messages": launch_of(launch)},
        ),
    )
    fields = "messages { ... on ToolCall { origin toolName arguments result } }"
    calls = [message for message in await timeline(client, fields) if message]
    assert calls == [
        {"origin": "EXECUTION", "toolName": "run", "arguments": None, "result": None},
        {"origin": "TASK_NOTIFICATION", "toolName": "Task notification", "arguments": None, "result": notice},
        {"origin": "ASYNC_LAUNCH", "toolName": "Start Builder", "arguments": "Build it", "result": launch},
    ]


def user(content: str) -> dict[str, Any]:
    return {"role": "user", "content": content}


def launch_of(output: str) -> str:
    return messages({"role": "assistant", "content": output})


async def test_message_ids_are_distinct_and_stay_while_the_turn_does(client: Client) -> None:
    await send_turn_of_all_kinds(client)
    first = [message["id"] for message in await timeline(client, "messages { id }")]
    assert len(set(first)) == 5
    await send_turn_of_all_kinds(client)
    assert [message["id"] for message in await timeline(client, "messages { id }")] == first


async def test_a_fragment_on_the_interface_reads_every_kind(client: Client) -> None:
    await send_turn_of_all_kinds(client)
    found = await client.ask(
        """query($trace: String!) {
            project(id: "acme/support") { turn(conversationId: "c1", traceId: $trace) { messages { ...Kind } } }
        }
        fragment Kind on Message { kind ... on ToolCall { what: arguments } ... on AgentStart { what: model } }""",
        trace=trace_id("a1"),
    )
    assert found["project"]["turn"]["messages"] == [
        {"kind": "AGENT_START", "what": "gpt"},
        {"kind": "CONTEXT_COMPACTED"},
        {"kind": "USER_MESSAGE"},
        {"kind": "ASSISTANT_MESSAGE"},
        {"kind": "TOOL_CALL", "what": '{"id": 1}'},
    ]


async def test_an_untagged_part_of_a_trace_has_a_timeline_of_its_own(client: Client) -> None:
    said = {"gen_ai.output.messages": messages({"role": "assistant", "content": "untagged"})}
    await client.send(
        Sent("10", "chat m", attributes=said),
        Sent("11", "chat m", start=5, attributes={**said, "gen_ai.conversation.id": "c1"}),
    )
    found = await client.in_project(
        f"""ours: turn(conversationId: "c1", traceId: "{trace_id("a1")}") {{ messages {{ spanId }} }}
        rest: turn(conversationId: "", traceId: "{trace_id("a1")}") {{ messages {{ spanId }} }}""",
        PROJECT,
    )
    assert found == {
        "ours": {"messages": [{"spanId": span_id("10")}, {"spanId": span_id("11")}]},
        "rest": {"messages": [{"spanId": span_id("10")}]},
    }
