"""Sessions of coding agents that are told in log records alone, in the forms that their clients document."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from tests.client import T0_NS
from tests.otlp_requests import any_value, key_values

Attributes = dict[str, Any]

CLAUDE, CODEX = "claude-code", "codex_cli_rs"


def _at(at_ms: float) -> int:
    return T0_NS + round(at_ms * 10**6)


def _timestamp(at_ms: float) -> str:
    return datetime.fromtimestamp(_at(at_ms) / 10**9, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def claude(event: str, at_ms: float, turn: str = "", session: str = "s1", **attributes: Any) -> LogRecord:
    """One record of Claude Code; `turn` is its prompt.id, keyword arguments have `__` for dots."""
    about = {
        "session.id": session,
        "terminal.type": "vscode",
        "event.name": event,
        "event.timestamp": _timestamp(at_ms),
        "event.sequence": round(at_ms),
    }
    own = {key.replace("__", "."): value for key, value in attributes.items()}
    named = {"prompt.id": turn} if turn else {}
    return LogRecord(
        time_unix_nano=_at(at_ms),
        observed_time_unix_nano=_at(at_ms),
        body=any_value(f"claude_code.{event}"),
        attributes=key_values(about | named | own),
    )


def codex(event: str, at_ms: float, conversation: str = "k1", **attributes: Any) -> LogRecord:
    """One record of Codex: without a time of its own, and with a place in its code as the event's name."""
    about = {
        "event.name": f"codex.{event}",
        "event.timestamp": _timestamp(at_ms),
        "conversation.id": conversation,
        "app.version": "0.162.0",
        "model": "gpt-5-codex",
        "slug": "gpt-5-codex",
    }
    own = {key.replace("__", "."): value for key, value in attributes.items()}
    return LogRecord(
        observed_time_unix_nano=_at(at_ms),
        event_name="event otel/src/events/session_telemetry.rs:7",
        attributes=key_values(about | own),
    )


def used(number: int) -> Attributes:
    """What a call of Claude took; its input leaves out what the cache had and got."""
    return {
        "model": "claude-opus-4-5",
        "request_id": f"req_{number}",
        "input_tokens": 2,
        "output_tokens": 10 * number,
        "cache_read_tokens": 1000,
        "cache_creation_tokens": 100,
        "cost_usd": 0.25,
        "duration_ms": 400,
    }


def answered(number: int, response: str) -> Attributes:
    return {
        "response": response,
        "response_length": len(response),
        "model": "claude-opus-4-5",
        "request_id": f"req_{number}",
        "query_source": "repl_main_thread",
    }


CLAUDE_SESSION: Final = [
    claude("mcp_server_connection", -100, status="connected", duration_ms=12),
    claude("user_prompt", 0, "p1", prompt="Mend the test", prompt_length=13),
    claude("api_request", 500, "p1", **used(1)),
    claude("assistant_response", 501, "p1", **answered(1, "I run it.")),
    claude("tool_decision", 510, "p1", tool_name="Bash", tool_use_id="toolu_1", decision="accept", source="config"),
    claude(
        "tool_result",
        900,
        "p1",
        tool_name="Bash",
        tool_use_id="toolu_1",
        success="false",
        duration_ms="300",
        error="exit code 1",
        error_type="ShellError",
        tool_input='{"command": "make test"}',
    ),
    claude("api_request", 1500, "p1", **used(2)),
    claude("assistant_response", 1501, "p1", **answered(2, "It is mended.")),
    claude("user_prompt", 5000, "p2", prompt="Push it", prompt_length=7),
    claude("api_error", 5900, "p2", model="claude-opus-4-5", error="Overloaded", status_code=529, duration_ms=800),
    claude("api_request", 6500, "p2", **used(3)),
    claude(
        "tool_decision",
        6600,
        "p2",
        tool_name="Bash",
        tool_use_id="toolu_2",
        decision="reject",
        source="user_reject",
        tool_parameters='{"full_command": "git push"}',
    ),
    claude("user_prompt", 9000, "p3", prompt="Then leave it", prompt_length=13),
    claude("api_request", 9500, "p3", **used(4)),
    claude("assistant_response", 9501, "p3", **answered(4, "As you like.")),
]


def completed(at_ms: float, conversation: str = "k1", **more: Any) -> LogRecord:
    counts = {"input_token_count": "100", "output_token_count": "20", "tool_token_count": "120"}
    details = {"cached_token_count": 60, "reasoning_token_count": 5}
    return codex("sse_event", at_ms, conversation, event__kind="response.completed", **counts, **details, **more)


CODEX_SESSION: Final = [
    codex("conversation_starts", -20, provider_name="OpenAI", approval_policy="on-request"),
    codex("api_request", -10, http__response__status_code=401, error__message="No key", attempt=1, duration_ms="5"),
    codex("user_prompt", 0, prompt="Where is it?", prompt_length="12"),
    codex("api_request", 100, http__response__status_code=200, attempt=1, duration_ms="90"),
    codex("sse_event", 200, event__kind="response.created", duration_ms="1"),
    completed(900),
    codex("tool_decision", 910, tool_name="shell", call_id="call_1", decision="approved", source="config"),
    codex(
        "tool_result",
        1200,
        tool_name="shell",
        call_id="call_1",
        arguments='{"command": ["ls"]}',
        duration_ms="250",
        success="true",
        output="a.py",
    ),
    completed(2000),
    codex("agent_response", 2001, response="In a.py.", response_length=8, turn__id="t1", agent__type="main"),
    codex("user_prompt", 5000, prompt="Delete it", prompt_length="9"),
    completed(5900),
    codex(
        "tool_result",
        6000,
        tool_name="shell",
        call_id="call_2",
        arguments='{"command": ["rm", "a.py"]}',
        duration_ms="0",
        success="false",
        output="denied by the user",
    ),
    completed(6500),
    codex("agent_response", 6501, response="I may not.", response_length=10, turn__id="t2", agent__type="main"),
]


def session_request(records: Sequence[LogRecord], service: str = CLAUDE) -> bytes:
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    group.resource.attributes.extend(key_values({"service.name": service}))
    scope = "com.anthropic.claude_code.events" if service == CLAUDE else "codex_otel.log_only"
    group.scope_logs.add(log_records=records).scope.name = scope
    return request.SerializeToString()
