"""Claude Code: spans claude_code.interaction > llm_request and tool, and log records claude_code.*, one for each step
of a conversation. Their keys are its own and have no prefix.

What was said is in the log records; in the spans only where its detailed tracing is on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from domain.dialects.canonical import first_of, known, message, object_of, text_part
from domain.dialects.columns import optional_float, text, tokens
from domain.dialects.dialect import Dialect
from domain.dialects.log_family import LogFamily, is_false

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.dialects.json_text import Json
    from domain.records import RawSpan

# Unless it is asked to send texts, it writes this instead.
_WITHHELD: Final = "<REDACTED>"

# What else a tool's span says of its call, where the input itself is not sent.
_TOOL_INPUTS: Final = ("full_command", "file_path", "url", "query", "skill_name", "subagent_type")

_CACHES: Final = {"cache_read_tokens": "cache_read_tokens", "cache_write_tokens": "cache_creation_tokens"}

# Its own calls beside the conversation: their texts are nothing that anybody said in it.
_HELPERS: Final = frozenset({"compact", "generate_session_title"})

# The tools of all servers that the user has added go by this name.
_ANY_MCP_TOOL: Final = "mcp_tool"


def columns(raw: RawSpan) -> dict[str, Json]:
    if not raw.name.startswith(LOGS.prefix):
        return {}
    attributes = raw.attributes
    found: dict[str, Json] = {}
    if raw.name == "claude_code.interaction":
        found = {"operation_name": "invoke_agent", "input_messages": _said("user", attributes.get("user_prompt"))}
    elif raw.name == "claude_code.llm_request":
        answered = _said("assistant", attributes.get("response.model_output"))
        found = _call(attributes) | {"output_messages": answered}
    elif raw.name == "claude_code.tool":
        outputs = [event.attributes for event in raw.events if event.name == "tool.output"]
        found = _tool(attributes)
        found["tool_call_result"] = first_of(outputs[0], ("output", "content")) if outputs else None
    else:
        return _told(raw.name, attributes)
    return known(found)


def _told(event: str, attributes: Mapping[str, Any]) -> dict[str, Json]:
    """The columns of a log record."""
    get = attributes.get
    found: dict[str, Json] = {}
    match event:
        case "claude_code.user_prompt":
            prompt = first_of(attributes, ("prompt", "prompt_text"))
            found = {"is_wrapper": True, "input_messages": _said("user", prompt)}
        case "claude_code.assistant_response":
            answered = _said("assistant", get("response"))
            if answered and text(get("query_source")) not in _HELPERS:
                found = {
                    "operation_name": "assistant_text",
                    "request_model": get("model"),
                    "response_id": get("request_id"),
                    "output_messages": answered,
                }
        case "claude_code.api_request":
            micros = optional_float(get("cost_usd_micros"))
            found = _call(attributes)
            if found["cost_usd"] is None and micros is not None:
                found["cost_usd"] = micros / 10**6
        case "claude_code.api_error":
            failed = {"is_error": True, "error_type": get("status_code"), "error_message": get("error")}
            found = _call(attributes) | failed
        case "claude_code.tool_result":
            found = _tool(attributes)
            if is_false(get("success")):
                # What failed says no more than this, to the model either.
                found["tool_call_result"] = get("error")
                found |= {"is_error": True, "error_type": get("error_type"), "error_message": get("error")}
        case "claude_code.tool_decision" if get("decision") == "reject":
            # The call was never made, so no result will tell of it.
            found = _tool(attributes)
            found |= {"is_error": True, "error_type": "rejected", "error_message": get("source")}
        case "claude_code.compaction" if not is_false(get("success")):
            found = {"is_wrapper": True, "is_compacted": True}
    return known(found)


def _said(role: str, value: Json) -> list[Json] | None:
    said = text(value)
    return [message(role, text_part(said))] if said and said != _WITHHELD else None


def _call(attributes: Mapping[str, Any]) -> dict[str, Json]:
    get = attributes.get
    found: dict[str, Json] = {
        "operation_name": "chat",
        "provider_name": "anthropic",
        "request_model": get("model"),
        "response_id": get("request_id"),
        "agent_id": get("agent_id"),
        "agent_name": get("agent.name"),
        "output_tokens": get("output_tokens"),
        "cost_usd": get("cost_usd"),
        "finish_reasons": [get("stop_reason")] if get("stop_reason") else None,
    }
    cached = {column: get(key) for column, key in _CACHES.items()}
    if get("input_tokens") is not None:
        # Claude Code: its input excludes what the cache had or got.
        found["input_tokens"] = tokens(get("input_tokens")) + sum(map(tokens, cached.values()))
    return found | cached


def _tool(attributes: Mapping[str, Any]) -> dict[str, Json]:
    get = attributes.get
    name, parameters = get("tool_name"), object_of(get("tool_parameters"))
    if name == _ANY_MCP_TOOL:
        name = parameters.get("mcp_tool_name") or name
    return {
        "operation_name": "execute_tool",
        "tool_name": name,
        "tool_call_id": get("tool_use_id"),
        "tool_call_arguments": object_of(get("tool_input"))
        or parameters
        or {key: get(key) for key in _TOOL_INPUTS if get(key)},
        "agent_id": get("agent_id"),
    }


LOGS: Final = LogFamily(
    prefix="claude_code.",
    prompt="claude_code.user_prompt",
    conversation_key="session.id",
    turn_key="prompt.id",
    columns=_told,
    bare_names=True,
)
DIALECT: Final = Dialect(
    name="claude-code", columns=columns, roots=frozenset({"span", "session", "tool_name", "model"})
)
