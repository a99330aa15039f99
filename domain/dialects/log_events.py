"""What log records say about the span they belong to: the messages of an LLM call, and evaluations.

OTel GenAI 1.28 to 1.36 sent each message as a record of its own with the payload in the body; from 1.37 on one record,
`gen_ai.client.inference.operation.details`, holds what the span's attributes otherwise would.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from domain.dialects.columns import conversation_id_as_stored, optional_float, read_columns, text
from domain.dialects.json_text import Json, structure
from domain.records import RawLogRecord

DETAILS: Final = "gen_ai.client.inference.operation.details"
EVALUATION: Final = "gen_ai.evaluation.result"

_CHOICE: Final = "gen_ai.choice"
_INPUT_ROLES: Final = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}

MESSAGE_EVENTS: Final = frozenset({DETAILS, _CHOICE, *_INPUT_ROLES})
"""Records that fill columns of their span."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One `gen_ai.evaluation.result`."""

    name: str
    score: float | None
    label: str
    explanation: str
    response_id: str
    """The answer that was judged, where the record belongs to no span."""
    conversation_id: str
    """The conversation it names, as stored."""
    attributes: dict[str, Any]


def log_columns(records: Iterable[RawLogRecord]) -> dict[str, Json]:
    """The columns that a span's records fill. `records` are in the order in which they were written."""
    columns: dict[str, Json] = {}
    asked: list[Json] = []
    answered: list[Json] = []
    for record in records:
        if record.event_name == DETAILS:
            columns |= read_columns(record.attributes)
        elif record.event_name == _CHOICE:
            answered.append(_choice(record))
        elif role := _INPUT_ROLES.get(record.event_name):
            asked.append(message_of(_body(record), role))
    if asked:
        columns.setdefault("input_messages", asked)
    if answered:
        columns.setdefault("output_messages", answered)
    return columns


def evaluation_of(record: RawLogRecord) -> Evaluation:
    get = record.attributes.get
    return Evaluation(
        name=text(get("gen_ai.evaluation.name")) or "evaluation",
        score=optional_float(get("gen_ai.evaluation.score.value")),
        label=text(get("gen_ai.evaluation.score.label")),
        explanation=text(get("gen_ai.evaluation.explanation")),
        response_id=text(get("gen_ai.response.id")),
        conversation_id=conversation_id_as_stored(text(get("gen_ai.conversation.id"))),
        attributes=record.attributes,
    )


def message_of(body: dict[str, Any], default_role: str) -> dict[str, Any]:
    """A message of the older form (content, tool_calls, id) in the newer one (parts)."""
    role = text(body.get("role")) or default_role
    if role == "tool":
        response = {"type": "tool_call_response", "id": text(body.get("id")), "response": body.get("content")}
        return {"role": role, "parts": [response]}
    parts: list[Json] = []
    content = structure(body.get("content"))
    if isinstance(content, list):
        parts += content
    elif content:
        parts.append({"type": "text", "content": text(body.get("content"))})
    calls = structure(body.get("tool_calls"))
    for call in calls if isinstance(calls, list) else ():
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            called = {"id": text(call.get("id")), "name": text(function.get("name"))}
            parts.append({"type": "tool_call", **called, "arguments": structure(function.get("arguments"))})
    return {"role": role, "parts": parts}


def _choice(record: RawLogRecord) -> dict[str, Any]:
    body = _body(record)
    said = structure(body.get("message"))
    message = message_of(said if isinstance(said, dict) else {"content": said}, "assistant")
    return {**message, "finish_reason": text(body.get("finish_reason"))}


def _body(record: RawLogRecord) -> dict[str, Any]:
    """The payload; some SDKs write a text, or put the members into the attributes."""
    body = structure(record.body)
    if isinstance(body, dict):
        return body
    return {"content": body} if body is not None else record.attributes
