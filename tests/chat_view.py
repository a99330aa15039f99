"""What a client sees in a turn's timeline: whole messages as literals, or a line per message."""

import json
from typing import Any

from tests.client import Client, span_id

C1 = {"gen_ai.conversation.id": "c1"}
AT_0 = "2026-01-01T00:00:00Z"


def message(kind: str, payload: dict[str, Any], **members: Any) -> dict[str, Any]:
    """A whole message: the payload that its type names, null for the others."""
    payloads = ("user_message", "assistant_message", "tool_call", "agent_start", "agent_handoff", "context_compacted")
    return {"type": kind, **members, "feedback": None, **dict.fromkeys(payloads), kind: payload}


def of_span(label: str, agent_name: str | None = None, **members: Any) -> dict[str, Any]:
    """What every message but the user's says about its span."""
    known = {"agent_name": agent_name, "agent_version": "", "status_code": "UNSET", "started_at": AT_0}
    return {"span_id": span_id(label), **known, **members}


async def messages(client: Client, conversation: str = "c1") -> list[dict[str, Any]]:
    [turn] = (await client.chat(conversation))["turns"]
    found: list[dict[str, Any]] = turn["messages"]
    return found


async def timeline(client: Client) -> list[str]:
    """A line per message: who does what."""
    return [line(item) for item in await messages(client)]


def line(item: dict[str, Any]) -> str:
    who, payload = item["agent_name"] or "-", item[item["type"]]
    match item["type"]:
        case "user_message" | "assistant_message":
            refs = "".join(f" [{ref}]" for ref in payload["content_refs"])
            return f"{who}: {payload['text']}{refs}"
        case "tool_call":
            return f"{who} calls {payload['tool_name']}"
        case "agent_start":
            return f"{who} starts" + (f": {payload['system_instructions']}" if payload["system_instructions"] else "")
        case kind:
            return f"{who} {kind}"


def parts(role: str, *texts: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text} for text in texts], **more}


def asks(*texts: str) -> dict[str, str]:
    return {"gen_ai.input.messages": json.dumps([parts("user", text) for text in texts])}
