"""Codex: log records codex.*, one for each step of a conversation, with keys of their own and without prefix.

Its spans say little of the conversation. An answer has no id, so it cannot be told which call brought it: the tokens
are in one record (codex.sse_event, of the kind response.completed), the text is in another (codex.agent_response).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from domain.dialects.canonical import known, message, text_part
from domain.dialects.columns import integer, text
from domain.dialects.dialect import Dialect
from domain.dialects.log_family import LogFamily, is_false

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.dialects.json_text import Json
    from domain.records import RawSpan

_PROMPT: Final = "codex.user_prompt"
_WITHHELD: Final = "[REDACTED]"
_COMPLETED: Final = "response.completed"
_CLIENT_ERROR: Final = 400

_TOKENS: Final = {
    "input_tokens": "input_token_count",
    "output_tokens": "output_token_count",
    "cache_read_tokens": "cached_token_count",
    "cache_write_tokens": "cache_write_token_count",
    "reasoning_tokens": "reasoning_token_count",
}


def columns(raw: RawSpan) -> dict[str, Json]:
    return _columns(raw.name, raw.attributes) if raw.name.startswith(LOGS.prefix) else {}


def _columns(event: str, attributes: Mapping[str, Any]) -> dict[str, Json]:
    get = attributes.get
    match event:
        case "codex.user_prompt":
            prompt = text(get("prompt"))
            said = prompt and prompt != _WITHHELD
            return known({"is_wrapper": True, "input_messages": [message("user", text_part(prompt))] if said else None})
        case "codex.agent_response":
            answer = text(get("response"))
            if not answer or answer == _WITHHELD:
                return {}
            answered = [message("assistant", text_part(answer))]
            return known(
                {"operation_name": "assistant_text", "request_model": get("model"), "output_messages": answered}
            )
        case "codex.sse_event" if get("event.kind") == _COMPLETED and not get("error.message"):
            call = {"operation_name": "chat", "request_model": get("model")}
            return known(call | {column: get(key) for column, key in _TOKENS.items()})
        case "codex.sse_event" | "codex.api_request" | "codex.websocket_request":
            return _failure(attributes)
        case "codex.tool_result":
            return _tool(attributes)
    return {}


def _failure(attributes: Mapping[str, Any]) -> dict[str, Json]:
    """A call of the model that failed: those that did not are told by what they answered."""
    get = attributes.get
    status = integer(get("http.response.status_code"))
    if not (get("error.message") or status >= _CLIENT_ERROR or is_false(get("success"))):
        return {}
    return known(
        {
            "operation_name": "chat",
            "request_model": get("model"),
            "is_error": True,
            "error_type": str(status) if status else None,
            "error_message": get("error.message"),
        }
    )


def _tool(attributes: Mapping[str, Any]) -> dict[str, Json]:
    get = attributes.get
    return known(
        {
            "operation_name": "execute_tool",
            "tool_name": get("tool_name"),
            "tool_call_id": get("call_id"),
            "tool_call_arguments": get("arguments"),
            "tool_call_result": get("output"),
            "agent_name": get("agent_name"),
            "is_error": is_false(get("success")) or None,
        }
    )


LOGS: Final = LogFamily(
    prefix="codex.", prompt=_PROMPT, conversation_key="conversation.id", turn_key="", columns=_columns
)
DIALECT: Final = Dialect(name="codex", columns=columns, roots=frozenset({"event", "conversation"}))
