"""Messages whose parts are about tools, the spans that say and execute them, and what a client sees of them."""

import json
from typing import Any

from tests.chat_view import C1, line
from tests.client import Client, Sent, said

Part = dict[str, Any]


def text(content: str) -> Part:
    return {"type": "text", "content": content}


def call(call_id: str | None, name: str = "look", arguments: Any = "{}") -> Part:
    return {"type": "tool_call", "id": call_id, "name": name, "arguments": arguments}


def result(call_id: str, response: Any = "found") -> Part:
    return {"type": "tool_call_response", "id": call_id, "response": response}


def of(role: str, *parts: Part) -> dict[str, Any]:
    return {"role": role, "parts": list(parts)}


def answers(*parts: Part) -> dict[str, str]:
    return {"gen_ai.output.messages": json.dumps([of("assistant", *parts)])}


def reads(*messages: dict[str, Any]) -> dict[str, str]:
    return {"gen_ai.input.messages": json.dumps(messages)}


def model(span: str, attributes: dict[str, Any], start: float = 0, **fields: Any) -> Sent:
    return said(span, attributes=attributes, start=start, end=start + 10, **fields)


def execution(span: str, call_id: str, start: float = 0, **fields: Any) -> Sent:
    own = C1 | {"gen_ai.tool.call.id": call_id, "gen_ai.tool.call.result": "ran"}
    return Sent(span, f"execute_tool {span}", start=start, end=start + 10, attributes=own, **fields)


async def messages(client: Client, **members: Any) -> list[dict[str, Any]]:
    [turn] = (await client.chat("c1", include_model_tool_calls=True, **members))["turns"]
    found: list[dict[str, Any]] = turn["messages"]
    return found


async def timeline(client: Client) -> list[str]:
    return [line(item) for item in await messages(client)]


async def calls(client: Client) -> list[tuple[str, str, str | None]]:
    """Of each tool call the span, the tool and the result."""
    return [
        (item["span_id"].lstrip("0"), item["tool_call"]["tool_name"], item["tool_call"]["tool_result"])
        for item in await messages(client)
        if item["type"] == "tool_call"
    ]


def requested(name: str, arguments: str | None, answer: str | None = None) -> dict[str, Any]:
    numbers: dict[str, Any] = {"duration_ms": None, "status": None, "content_refs": []}
    return {"tool_name": name, "tool_arguments": arguments, "tool_result": answer, **numbers}
