"""The two views of a turn at the door: the graph shows what is known, the REST route what Weave shows."""

import json
from typing import Any

import pytest

from tests.chat_view import C1, asks, timeline
from tests.client import Client, Sent, said, span_id, trace_id

LINES = """
kind spanId agentName
... on UserMessage { text } ... on AssistantMessage { text }
... on ToolCall { origin toolName arguments result durationMs }
... on AgentHandoff { fromAgent toAgent }
... on ContextCompacted { summary }
"""


def output(*parts: dict[str, Any]) -> dict[str, str]:
    return {"gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": parts}])}


def call(name: str, call_id: str = "call-1", **arguments: Any) -> dict[str, Any]:
    return {"type": "tool_call", "id": call_id, "name": name, "arguments": arguments}


async def shown(client: Client, arguments: str = "") -> list[dict[str, Any]]:
    """The messages of the turn, without the members that are null."""
    turn = f'turn(conversationId: "c1", traceId: "{trace_id("a1")}") {{ messages{arguments} {{ {LINES} }} }}'
    found = (await client.in_project(turn))["turn"]["messages"]
    return [{name: value for name, value in message.items() if value is not None} for message in found]


async def test_a_tool_call_that_is_only_in_messages_shows_in_the_graph(client: Client) -> None:
    result = {"type": "tool_call_response", "id": "call-1", "response": {"found": True}}
    history = [{"role": "assistant", "parts": [call("look", at=1)]}, {"role": "tool", "parts": [result]}]
    await client.send(
        said("10", attributes=asks("Where?") | output(call("look", at=1))),
        said("11", "There.", start=200, attributes={"gen_ai.input.messages": json.dumps(history)}),
    )
    asked = {"kind": "USER_MESSAGE", "agentName": "User", "text": "Where?"}
    answer = {"kind": "ASSISTANT_MESSAGE", "spanId": span_id("11"), "text": "There."}
    used = {
        "kind": "TOOL_CALL",
        "spanId": span_id("10"),
        "origin": "MODEL_REQUEST",
        "toolName": "look",
        "arguments": '{"at": 1}',
        "result": '{"found": true}',
        "durationMs": 0,
    }
    assert await shown(client) == await shown(client, "(view: FULL)") == [asked, used, answer]
    assert await shown(client, "(view: WEAVE)") == [asked, answer]
    assert await timeline(client) == ["User: Where?", "-: There."]


async def test_both_views_can_be_asked_for_at_once(client: Client) -> None:
    await client.send(said("10", "Hi.", attributes=output({"type": "text", "content": "Hi."}, call("look"))))
    views = "full: messages { position kind } weave: messages(view: WEAVE) { position kind } messageCount"
    found = await client.in_project(f'turn(conversationId: "c1", traceId: "{trace_id("a1")}") {{ {views} }}')
    text, tool = {"position": 0, "kind": "ASSISTANT_MESSAGE"}, {"position": 1, "kind": "TOOL_CALL"}
    assert found["turn"] == {"full": [text, tool], "weave": [text], "messageCount": 2}
    counts = await client.in_project('conversation(id: "c1") { messageCount }')
    assert counts == {"conversation": {"messageCount": 2}}


async def test_a_handoff_shows_who_hands_over_to_whom(client: Client) -> None:
    await client.send(
        Sent("10", "invoke_agent Triage", end=900, attributes=C1),
        Sent(
            "11",
            "execute_tool transfer_to_refunds",
            parent="10",
            attributes={"gen_ai.tool.name": "transfer_to_refunds"},
        ),
        Sent("12", "invoke_agent Refunds", start=500, attributes=C1),
    )
    assert await shown(client) == [
        {"kind": "AGENT_START", "spanId": span_id("10"), "agentName": "Triage"},
        {
            "kind": "AGENT_HANDOFF",
            "spanId": span_id("11"),
            "agentName": "Triage",
            "fromAgent": "Triage",
            "toAgent": "Refunds",
        },
        {"kind": "AGENT_START", "spanId": span_id("12"), "agentName": "Refunds"},
    ]
    assert await timeline(client) == ["Triage starts", "Triage calls transfer_to_refunds", "Refunds starts"]


async def test_a_handoff_may_be_known_by_attributes_or_by_name(client: Client) -> None:
    await client.send(
        Sent("10", "work", end=900, attributes=C1),
        Sent("11", "agent_handoff", parent="10", start=1, attributes={"gen_ai.handoff.to_agent": "b"}),
        Sent("12", "handoff from b to c", parent="10", start=2),
    )
    handoffs = [(message.get("fromAgent"), message["toAgent"]) for message in await shown(client)]
    assert handoffs == [(None, "b"), ("b", "c")]
    assert await timeline(client) == []


async def test_a_compaction_that_only_an_attribute_tells_of_shows_in_the_graph(client: Client) -> None:
    await client.send(said("10", "Hi.", attributes={"gen_ai.conversation.compacted": True}))
    assert [message["kind"] for message in await shown(client)] == ["CONTEXT_COMPACTED", "ASSISTANT_MESSAGE"]
    assert await timeline(client) == ["-: Hi."]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_a_request_gives_way_to_the_execution_that_comes_later(client: Client, order: tuple[int, int]) -> None:
    spans = (
        said("10", attributes=output(call("look"))),
        Sent("11", "execute_tool look", start=150, attributes=C1 | {"gen_ai.tool.call.id": "call-1"}),
    )
    for number in order:
        await client.send(spans[number])
    assert [(message["spanId"], message["origin"]) for message in await shown(client)] == [(span_id("11"), "EXECUTION")]
    assert len(await timeline(client)) == 1


async def test_messages_that_a_turn_loses_are_gone_from_both_views(client: Client) -> None:
    attributes = output({"type": "text", "content": "Hi."}, call("look"), call("seek", "call-2"))
    await client.send(said("10", attributes=attributes))
    assert len(await shown(client)) == 3
    await client.send(said("10", attributes=output(call("look"))))
    assert [message["toolName"] for message in await shown(client)] == ["look"]
    assert await timeline(client) == []


async def test_what_the_full_view_needs_of_a_span_is_stored_with_it(client: Client) -> None:
    """A span that comes later makes the turn anew, from the stored ones."""
    compacted = {"type": "compaction", "id": "c", "content": "Short."}
    result = {"type": "tool_call_response", "id": "call-1", "response": "here"}
    await client.send(
        said("10", attributes=output(call("look"), compacted)),
        said("11", start=200, attributes={"gen_ai.input.messages": json.dumps([{"role": "tool", "parts": [result]}])}),
        said("12", start=300, name="step", attributes={"gen_ai.handoff.to_agent": "b"}),
    )
    before = await shown(client)
    assert [message["kind"] for message in before] == ["CONTEXT_COMPACTED", "TOOL_CALL", "AGENT_HANDOFF"]
    await client.send(said("13", "Late.", start=400))
    assert (await shown(client))[:3] == before
