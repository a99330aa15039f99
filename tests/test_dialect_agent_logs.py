"""What log records of coding agents say: which are steps of a conversation, and what each fills."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from domain.dialects import LogStep, details, step_of, understand
from domain.log_turns import Moment, place_in_turn, span_of_record, traces_by_time
from domain.otlp import BodyFormat, decode_logs
from domain.records import RawLogRecord, SpanRecord, Status
from tests.agent_sessions import CLAUDE, CODEX, answered, claude, codex, completed, session_request, used
from tests.client import T0_NS
from tests.odd_values import ODD_VALUES
from tests.otlp_requests import key_values

PLACE = place_in_turn("a" * 32, "b" * 32)


def raw(record: LogRecord, service: str = CLAUDE) -> RawLogRecord:
    [found] = decode_logs(session_request([record], service), BodyFormat.PROTOBUF).records
    return found


def step(record: LogRecord) -> LogStep:
    found = step_of(raw(record))
    assert found is not None
    return found


def span(record: LogRecord) -> SpanRecord:
    found = span_of_record(raw(record).raw, PLACE)
    assert found is not None
    return understand(found)


# -- steps ------------------------------------------------------------------------------------------------------------


def test_a_record_is_written_when_what_it_tells_has_ended() -> None:
    found = step(claude("api_request", 900, "p1", **used(1)))
    assert (found.event, found.conversation_id, found.turn, found.is_prompt) == (
        "claude_code.api_request",
        "s1",
        "p1",
        False,
    )
    assert (found.start_time_unix_nano, found.end_time_unix_nano) == (T0_NS + 500 * 10**6, T0_NS + 900 * 10**6)


@pytest.mark.parametrize(
    ("duration", "took_ms"),
    [("250", 250), (250.5, 250.5), (-1, 0), ("soon", 0), (float("nan"), 0), (True, 1), (1e30, T0_NS / 10**6 + 900)],
)
def test_odd_durations_are_none(duration: Any, took_ms: float) -> None:
    found = step(codex("tool_result", 900, tool_name="shell", duration_ms=duration))
    assert found.end_time_unix_nano - found.start_time_unix_nano == took_ms * 10**6


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("2026-01-01T00:00:01.500Z", T0_NS + 1_500_000_000),
        ("2026-01-01T01:00:00+01:00", T0_NS),
        ("2026-01-01T00:00:00", 0),
        ("1969-01-01T00:00:00Z", 0),
        ("9999-12-31T23:59:59Z", 2**64 - 1),
        ("soon", 0),
        (7, 0),
    ],
)
def test_a_record_without_a_time_has_what_its_client_says(written: Any, at: int) -> None:
    record = codex("user_prompt", 0, prompt="Hi", event__timestamp=written)
    record.observed_time_unix_nano = 0
    assert step(record).end_time_unix_nano == at


@pytest.mark.parametrize(
    "record",
    [
        claude("tool_decision", 0, decision="accept", tool_name="Bash"),
        claude("assistant_response", 0, response="<REDACTED>"),
        claude("assistant_response", 0, **(answered(1, "A title") | {"query_source": "generate_session_title"})),
        claude("compaction", 0, success="false", error="too long"),
        claude("hook_registered", 0),
        claude("user_prompt", 0, session="", prompt="Hi"),
        codex("sse_event", 0, event__kind="response.created"),
        codex("api_request", 0, http__response__status_code=200),
        codex("websocket_request", 0, success="true"),
        codex("tool_decision", 0, decision="denied", tool_name="shell"),
        codex("agent_response", 0, response=""),
        codex("turn_cost", 0, usage__estimated_usd="0.5"),
        LogRecord(event_name="gen_ai.choice", attributes=key_values({"session.id": "s1"})),
    ],
    ids=lambda record: next((pair.value.string_value for pair in record.attributes if pair.key == "event.name"), ""),
)
def test_what_tells_nothing_is_no_step(record: LogRecord) -> None:
    assert step_of(raw(record)) is None


# -- Claude Code ------------------------------------------------------------------------------------------------------


def test_claude_codes_cost_counts_also_in_millionths() -> None:
    assert span(claude("api_request", 0, **used(1))).given_cost_nusd == 250_000_000
    micros = {key: value for key, value in used(1).items() if key != "cost_usd"} | {"cost_usd_micros": 1234}
    assert span(claude("api_request", 0, **micros)).given_cost_nusd == 1_234_000


def test_claude_codes_failures_say_why() -> None:
    failed = span(claude("api_error", 0, model="m", error="Overloaded", status_code=529))
    assert (failed.operation_name, failed.status) == ("chat", Status.ERROR)
    assert (failed.error_type, failed.status_message) == ("529", "Overloaded")
    rejected = span(claude("tool_decision", 0, tool_name="Bash", decision="reject", source="user_reject"))
    assert (rejected.operation_name, rejected.status) == ("execute_tool", Status.ERROR)
    assert (rejected.error_type, rejected.status_message) == ("rejected", "user_reject")


def test_claude_codes_tools_of_servers_have_their_own_names() -> None:
    parameters = json.dumps({"mcp_server_name": "files", "mcp_tool_name": "find"})
    found = span(claude("tool_result", 0, tool_name="mcp_tool", tool_parameters=parameters, success="true"))
    assert (found.tool_name, found.status) == ("find", Status.UNSET)
    assert json.loads(found.content.tool_call_arguments)["mcp_server_name"] == "files"


def test_claude_codes_compactions_are_told() -> None:
    assert span(claude("compaction", 0, success="true", pre_tokens=9, post_tokens=3)).content.compactions


# -- Codex ------------------------------------------------------------------------------------------------------------


def test_codexs_numbers_are_texts() -> None:
    found = span(completed(0, cache_write_token_count=7))
    assert (found.operation_name, found.request_model) == ("chat", "gpt-5-codex")
    assert (found.input_tokens, found.output_tokens, found.reasoning_tokens) == (100, 20, 5)
    assert (found.cache_read_tokens, found.cache_write_tokens) == (60, 7)


@pytest.mark.parametrize(
    "record",
    [
        codex("api_request", 0, http__response__status_code=500, error__message="Try later"),
        codex("sse_event", 0, event__kind="response.failed", error__message="Try later"),
        codex("sse_event", 0, event__kind="response.completed", error__message="Try later"),
        codex("websocket_request", 0, success="false", error__message="Try later"),
    ],
)
def test_codexs_failed_calls_are_told(record: LogRecord) -> None:
    found = span(record)
    assert (found.operation_name, found.status, found.status_message) == ("chat", Status.ERROR, "Try later")


def test_codexs_answers_are_no_calls_of_a_model() -> None:
    found = span(codex("agent_response", 0, response="Done."))
    assert (found.operation_name, found.content.output_text) == ("assistant_text", "Done.")


# -- time -------------------------------------------------------------------------------------------------------------

TIME = datetime(2026, 1, 1, tzinfo=UTC)

MOMENTS = st.lists(
    st.builds(
        lambda second, is_prompt: (TIME + timedelta(seconds=second), is_prompt), st.integers(0, 5), st.booleans()
    ),
    max_size=8,
).map(lambda found: [Moment(at, f"{n}", p, f"turn {n}" if p else "") for n, (at, p) in enumerate(found)])


@given(MOMENTS, st.randoms(use_true_random=False))
def test_records_belong_to_the_last_prompt_up_to_their_time(moments: list[Moment], pick: Any) -> None:
    found = traces_by_time(moments, "before")
    for moment in moments:
        if not moment.is_prompt:
            prompts = [each for each in moments if each.is_prompt and each.recorded_at <= moment.recorded_at]
            assert found[moment.log_id] == (max(prompts).trace_id if prompts else "before")
    pick.shuffle(moments)
    assert traces_by_time(moments, "before") == found


# -- anything ---------------------------------------------------------------------------------------------------------

EVENTS = (
    *("user_prompt", "assistant_response", "api_request", "api_error", "tool_result", "tool_decision", "compaction"),
    *("agent_response", "sse_event", "websocket_request", "x"),
)
KEYS = (
    *("prompt", "prompt.id", "response", "query_source", "request_id", "model", "input_tokens", "cost_usd_micros"),
    *("cache_read_tokens", "tool_name", "tool_use_id", "tool_input", "tool_parameters", "success", "error"),
    *("error_type", "status_code", "decision", "duration_ms", "event.timestamp", "event.kind", "error.message"),
    *("input_token_count", "http.response.status_code", "call_id", "arguments", "output", "agent_name"),
)


@given(
    st.sampled_from(EVENTS),
    st.dictionaries(st.sampled_from(KEYS), ODD_VALUES, max_size=6),
    ODD_VALUES,
    st.sampled_from([0, T0_NS, 2**64 - 1]),
)
def test_nothing_raises(event: str, attributes: dict[str, Any], conversation: Any, time: int) -> None:
    named = {"session.id": conversation, "conversation.id": conversation}
    for prefix, service in (("claude_code.", CLAUDE), ("codex.", CODEX)):
        fields: dict[str, Any] = {"event.name": prefix + event} | named | attributes
        record = LogRecord(
            time_unix_nano=time,
            attributes=[pair for key, value in fields.items() if _fits(value) for pair in key_values({key: value})],
        )
        received = raw(record, service)
        if step_of(received) is not None:
            told = span_of_record(received.raw, PLACE)
            assert told is not None
            understand(told)
            details(told)


def _fits(value: Any) -> bool:
    try:
        key_values({"": value})
    except (ValueError, TypeError):
        return False
    return True
