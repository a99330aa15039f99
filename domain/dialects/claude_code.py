"""Claude Code: spans claude_code.interaction > llm_request and tool, with keys of its own and without prefix.

What was said is in its log records, except where its detailed tracing is on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from domain.dialects.canonical import first_of, known, message, object_of, text_part
from domain.dialects.columns import text, tokens
from domain.dialects.dialect import Dialect

if TYPE_CHECKING:
    from domain.dialects.json_text import Json
    from domain.records import RawSpan

# What else a tool's span says of its call, where the input itself is not sent.
_TOOL_INPUTS: Final = ("full_command", "file_path", "url", "query", "skill_name", "subagent_type")

_CACHES: Final = {"cache_read_tokens": "cache_read_tokens", "cache_write_tokens": "cache_creation_tokens"}


def columns(raw: RawSpan) -> dict[str, Json]:
    get = raw.attributes.get
    found: dict[str, Json] = {}
    if raw.name == "claude_code.interaction":
        found["operation_name"] = "invoke_agent"
        prompt = text(get("user_prompt"))
        # Unless it is asked to send prompts, it writes this instead.
        if prompt and prompt != "<REDACTED>":
            found["input_messages"] = [message("user", text_part(prompt))]
    elif raw.name == "claude_code.llm_request":
        found = _llm_request(raw)
    elif raw.name == "claude_code.tool":
        found = _tool(raw)
    return known(found)


def _llm_request(raw: RawSpan) -> dict[str, Json]:
    get = raw.attributes.get
    found: dict[str, Json] = {
        "operation_name": "chat",
        "provider_name": "anthropic",
        "request_model": get("model"),
        "response_id": get("request_id"),
        "agent_id": get("agent_id"),
        "output_tokens": get("output_tokens"),
        "cost_usd": get("cost_usd"),
        "finish_reasons": [get("stop_reason")] if get("stop_reason") else None,
    }
    cached = {column: get(key) for column, key in _CACHES.items()}
    if get("input_tokens") is not None:
        # Claude Code: its input excludes what the cache had or got.
        found["input_tokens"] = tokens(get("input_tokens")) + sum(map(tokens, cached.values()))
    answer = text(get("response.model_output"))
    if answer:
        found["output_messages"] = [message("assistant", text_part(answer))]
    return found | cached


def _tool(raw: RawSpan) -> dict[str, Json]:
    get = raw.attributes.get
    outputs = [event.attributes for event in raw.events if event.name == "tool.output"]
    return {
        "operation_name": "execute_tool",
        "tool_name": get("tool_name"),
        "tool_call_id": get("tool_use_id"),
        "tool_call_arguments": object_of(first_of(raw.attributes, ("tool_input", "tool_parameters")))
        or {key: get(key) for key in _TOOL_INPUTS if get(key)},
        "tool_call_result": first_of(outputs[0], ("output", "content")) if outputs else None,
        "agent_id": get("agent_id"),
    }


DIALECT: Final = Dialect(
    name="claude-code", columns=columns, roots=frozenset({"span", "session", "tool_name", "model"})
)
