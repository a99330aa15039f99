"""What is understood of a span: its columns. Each table is one family of Weave's rules."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.dialects import conversation_id_as_stored, details, understand
from domain.dialects.conversation_keys import OTHER_KEYS, WEAVE_KEYS
from domain.dialects.keys import KEYS, PLACES
from domain.records import EMPTY_CONTENT, EPOCH, SpanRecord, Status
from tests.raw_spans import START, event, raw_span

MILLION = "x" * 1_000_000


def column(name: str, attributes: dict[str, Any], /, **fields: Any) -> Any:
    """A column of the row, or of what it says about its content."""
    record = understand(raw_span(attributes, **fields))
    return getattr(record if hasattr(record, name) else record.content, name)


def test_a_span_without_attributes_is_a_span_all_the_same() -> None:
    record = understand(raw_span(parent_span_id="ab", name="GET /health"))
    assert record == SpanRecord(
        trace_id=f"{0xA1:032x}",
        span_id=f"{0x10:016x}",
        parent_span_id="ab",
        name="GET /health",
        operation_name="",
        status=Status.UNSET,
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        ended_at=datetime(2026, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC),
    )
    assert record.content is EMPTY_CONTENT


@pytest.mark.parametrize(
    ("nanoseconds", "instant"),
    [
        (0, EPOCH),
        (999, EPOCH),
        (START + 1_999, datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC)),
        (2**63, datetime(2262, 4, 11, 23, 47, 16, 854_775, tzinfo=UTC)),
        (2**64 - 1, datetime(2554, 7, 21, 23, 34, 33, 709_551, tzinfo=UTC)),
    ],
)
def test_times_are_cut_to_microseconds_and_an_open_end_is_the_epoch(nanoseconds: int, instant: datetime) -> None:
    record = understand(raw_span(start_time_unix_nano=nanoseconds, end_time_unix_nano=nanoseconds))
    assert (record.started_at, record.ended_at) == (instant, instant)
    assert record.started_at.utcoffset() == timedelta(0)


# ----------------------------------------------------------------------------------------------------------------------
# Look-up


@pytest.mark.parametrize(
    ("name", "attributes", "value"),
    [
        ("agent_name", {"gen_ai.agent.name": "g", "weave.agent.name": "w"}, "w"),
        ("agent_version", {"weave.agent.version": "", "gen_ai.agent.version": "2"}, ""),
        ("agent_version", {"weave.agent.version": None, "gen_ai.agent.version": "2"}, "2"),
        ("provider_name", {"gen_ai.system": "s", "gen_ai.provider.name": "P"}, "p"),
        ("provider_name", {"gen_ai.system": "OpenAI"}, "openai"),
        ("provider_name", {"weave.system": "WS", "gen_ai.system": "gs"}, "ws"),
        ("request_model", {"gen_ai.request.model": "m"}, "m"),
        ("response_model", {"gen_ai.response.model": "m"}, "m"),
        ("response_id", {"gen_ai.response.id": "r"}, "r"),
        ("agent_id", {"gen_ai.agent.id": "a"}, "a"),
        ("tool_name", {"gen_ai.tool.name": "t"}, "t"),
        ("conversation_name", {"gen_ai.conversation.name": "n"}, "n"),
        ("error_type", {"error.type": "E", "weave.error.type": "W"}, "W"),
        ("input_tokens", {"gen_ai.usage.input_tokens": 2, "weave.usage.input_tokens": 0}, 0),
        (
            "reasoning_tokens",
            {"gen_ai.usage.reasoning_tokens": 2, "gen_ai.usage.reasoning.output_tokens": 1},
            1,
        ),
        ("reasoning_tokens", {"gen_ai.usage.experimental.reasoning_tokens": 4}, 4),
        ("cache_read_tokens", {"gen_ai.usage.cache_read.input_tokens": 5}, 5),
        ("cache_read_tokens", {"gen_ai.usage.prompt_tokens_details.cached_tokens": 6}, 6),
        ("cache_read_tokens", {"gen_ai.usage.input_tokens_details.cached_tokens": 7}, 7),
        ("cache_read_tokens", {"prompt_tokens_details.cached_tokens": 8}, 8),
        ("cache_write_tokens", {"gen_ai.usage.cache_creation.input_tokens": 9}, 9),
        ("cache_write_tokens", {"gen_ai.usage.cache_write.input_tokens": 10}, 10),
        (
            "cache_write_tokens",
            {"gen_ai.usage.cache_write.input_tokens": 10, "gen_ai.usage.cache_creation.input_tokens": 9},
            9,
        ),
        ("input_tokens", {"gen_ai.usage.prompt_tokens": 11}, 11),
        ("output_tokens", {"gen_ai.usage.completion_tokens": 12, "gen_ai.usage.output_tokens": 13}, 13),
        ("compaction_summary", {"weave.compaction.summary": "s"}, "s"),
        ("compaction_items_before", {"weave.compaction.items_before": "10"}, 10),
        ("compaction_items_after", {"weave.compaction.items_after": 3.9}, 3),
    ],
    ids=lambda value: str(value)[:60],
)
def test_of_a_columns_keys_the_first_that_is_present_wins(name: str, attributes: dict[str, Any], value: Any) -> None:
    assert column(name, attributes) == value


@pytest.mark.parametrize(
    "key", ["wandb.thread_id", "langsmith.trace.session_id", "langsmith.trace.session_name", "gen_ai.conversation"]
)
def test_a_key_that_only_looks_like_one_names_no_conversation(key: str) -> None:
    assert column("conversation_id", {key: "c"}) == ""


def test_the_keys_that_name_a_conversation_are_asked_in_order_and_the_first_that_says_one_is_the_source() -> None:
    attributes = {key: str(place) for place, key in enumerate((*WEAVE_KEYS, *OTHER_KEYS))}
    for place, key in enumerate((*WEAVE_KEYS, *OTHER_KEYS)):
        assert column("conversation_id", attributes) == str(place)
        assert column("conversation_id_source", attributes) == key
        del attributes[key]
    assert column("conversation_id_source", attributes) == ""


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("c1", "c1"),
        ("[abc]", "[abc]"),
        ('{"a":1}', '{"a": 1}'),
        (7, "7"),
        (0, ""),
        (False, ""),
        ("", ""),
        ([], ""),
        ("x" * 512, "x" * 512),
    ],
)
def test_a_conversation_id_is_a_text_and_what_is_falsy_is_none(sent: Any, stored: str) -> None:
    assert column("conversation_id", {"gen_ai.conversation.id": sent}) == stored


def test_long_conversation_ids_are_cut_and_stay_different() -> None:
    ids = [column("conversation_id", {"gen_ai.conversation.id": "x" * 1000 + end}) for end in "ab"]
    assert ids == [conversation_id_as_stored("x" * 1000 + end) for end in "ab"]
    assert ids[0] != ids[1]
    assert all(len(cut) == 497 and cut.startswith("x" * 480 + "~") for cut in ids)


@pytest.mark.parametrize(
    ("name", "key", "most"),
    [
        ("operation_name", "gen_ai.operation.name", 256),
        ("agent_name", "gen_ai.agent.name", 512),
        ("agent_id", "gen_ai.agent.id", 512),
        ("agent_version", "gen_ai.agent.version", 512),
        ("provider_name", "gen_ai.provider.name", 512),
        ("request_model", "gen_ai.request.model", 512),
        ("response_model", "gen_ai.response.model", 512),
        ("response_id", "gen_ai.response.id", 512),
        ("tool_name", "gen_ai.tool.name", 512),
        ("error_type", "error.type", 512),
        ("conversation_name", "gen_ai.conversation.name", 1024),
    ],
)
def test_texts_of_index_rows_are_cut_to_so_many_bytes(name: str, key: str, most: int) -> None:
    for sent in (MILLION, "é" * 600, "📦" * 600):
        cut = column(name, {key: sent})
        assert sent.startswith(cut)
        assert most - 4 < len(cut.encode()) <= most


def test_a_span_name_is_cut_and_a_status_message_is_not() -> None:
    record = understand(raw_span(name=MILLION, status_message=MILLION))
    assert (record.name, record.status_message) == ("x" * 1024, MILLION)


# ----------------------------------------------------------------------------------------------------------------------
# Numbers and texts


@pytest.mark.parametrize(
    ("sent", "number"),
    [
        (12, 12),
        ("12", 12),
        (" 12 ", 12),
        (3.9, 3),
        (-3.9, -3),
        (True, 1),
        (-3, -3),
        ("3.9", 0),
        ("many", 0),
        ("", 0),
        (float("nan"), 0),
        (float("inf"), 0),
        ([5], 0),
        ({"a": 5}, 0),
        ("9" * 10_000, 0),
        (2**70, 10**12),
        ("-" + "9" * 30, -(10**12)),
        (1e300, 10**12),
    ],
    ids=lambda value: str(value)[:20],
)
def test_numbers_are_coerced_and_junk_is_zero(sent: Any, number: int) -> None:
    assert column("input_tokens", {"gen_ai.usage.input_tokens": sent}) == number


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ("plain", "plain"),
        ('{"a":1,"b":[1,2],"c":"é"}', '{"a": 1, "b": [1, 2], "c": "\\u00e9"}'),
        ('[1,2,{"x":null}]', '[1, 2, {"x": null}]'),
        ('{"b":1,"a":2}', '{"b": 1, "a": 2}'),
        ('{"id":123456789012345678901234567890}', '{"id": 123456789012345678901234567890}'),
        ('{"x":NaN}', '{"x": NaN}'),
        ('{"x":1.0,"y":1e5}', '{"x": 1.0, "y": 100000.0}'),
        ("{}", ""),
        ("[]", ""),
        (" {}", " {}"),
        ('"quoted"', '"quoted"'),
        ("42", "42"),
        ("null", "null"),
        ("{broken", "{broken"),
        ("[abc]", "[abc]"),
        ({"id": 7, "deep": {"ok": True}}, '{"id": 7, "deep": {"ok": true}}'),
        (["a", 1, None], '["a", 1, null]'),
        ({}, ""),
        ([], ""),
        (0, ""),
        (False, ""),
        (0.0, ""),
        (42, "42"),
        (1.5, "1.5"),
        (True, "true"),
        ('{"nul":"\\u0000","half":"\\ud83d","whole":"\\ud83d\\udce6"}', None),
        (MILLION, MILLION),
    ],
    ids=lambda value: str(value)[:30],
)
@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("tool_call_result", "gen_ai.tool.call.result"),
        ("tool_call_arguments", "gen_ai.tool.call.arguments"),
        ("tool_definitions", "gen_ai.tool.definitions"),
        ("compaction_summary", "weave.compaction.summary"),
    ],
)
def test_json_texts_come_back_in_weaves_spelling(name: str, key: str, sent: Any, text: str | None) -> None:
    expected = '{"nul": "\\ufffd", "half": "\\ufffd", "whole": "\\ud83d\\udce6"}' if text is None else text
    assert column(name, {key: sent}) == expected


@pytest.mark.parametrize("depth", [100, 900, 5_000, 100_000])
def test_json_nested_too_deeply_is_at_worst_taken_for_text(depth: int) -> None:
    deep = "[" * depth + '"\\u0000"' + "]" * depth
    keys = ("gen_ai.tool.call.result", "gen_ai.input.messages", "gen_ai.output.messages", "my.own", "gen_ai.usage")
    span = raw_span(dict.fromkeys(keys, deep) | {"gen_ai.tool": f'{{"call":{{"result":{deep}}}}}'})
    content = understand(span).content
    assert {content.output_text, content.prompt} <= {"", deep}
    assert content.tool_call_result in ("", deep, deep.replace("\\u0000", "\\ufffd"))
    assert {attribute.key for attribute in details(span).custom_attributes} <= {"my.own", "gen_ai.usage", "gen_ai.tool"}


# ----------------------------------------------------------------------------------------------------------------------
# Operation and agent


@pytest.mark.parametrize(
    ("span_name", "operation"),
    [
        ("chat gpt-4o", "chat"),
        ("Chatbot step", "chat"),
        ("invoke_agent my-bot", "invoke_agent"),
        ("execute_tool", "execute_tool"),
        ("generate_content x", "generate_content"),
        ("text_completion t", "text_completion"),
        ("EMBEDDINGS x", "embeddings"),
        ("create_agent a", "create_agent"),
        ("retrieval r", "retrieval"),
        ("unknown_thing", ""),
        (" chat", ""),
        ("", ""),
    ],
)
def test_an_operation_that_is_not_said_is_read_from_the_name(span_name: str, operation: str) -> None:
    assert column("operation_name", {}, name=span_name) == operation
    assert column("operation_name", {"gen_ai.operation.name": ""}, name=span_name) == operation
    assert column("operation_name", {"gen_ai.operation.name": "Plan"}, name=span_name) == "Plan"


@pytest.mark.parametrize(
    ("span_name", "attributes", "agent"),
    [
        ("invoke_agent weather-bot", {}, "weather-bot"),
        ("Invoke_Agent  Weather Bot ", {}, "Weather Bot"),
        ("invoke_agent", {}, ""),
        ("invoke_agent ", {}, ""),
        ("invoke_agents x", {}, ""),
        ("invoke_agent x", {"gen_ai.operation.name": "chat"}, "x"),
        ("invoke_agent x", {"gen_ai.agent.name": "y"}, "y"),
        ("invoke_agent x", {"gen_ai.agent.name": ""}, "x"),
        ("chat x", {}, ""),
    ],
)
def test_an_agent_that_is_not_named_is_read_from_the_name(
    span_name: str, attributes: dict[str, Any], agent: str
) -> None:
    assert column("agent_name", attributes, name=span_name) == agent


# ----------------------------------------------------------------------------------------------------------------------
# Events


EXCEPTIONS = (
    event("exception", {"exception.type": "A", "exception.message": "first"}),
    event("exception", {"exception.type": "B", "exception.message": "last"}),
    event("exception", {"exception.stacktrace": "..."}),
    event("other", {"exception.type": "C", "exception.message": "not this"}),
)


@pytest.mark.parametrize(
    ("attributes", "events", "fields", "expected"),
    [
        ({}, EXCEPTIONS, {"status": Status.ERROR}, ("B", "last")),
        ({"error.type": "E"}, EXCEPTIONS, {"status": Status.ERROR}, ("E", "last")),
        ({}, EXCEPTIONS, {"status": Status.ERROR, "status_message": "own"}, ("B", "own")),
        ({"error.type": ""}, EXCEPTIONS, {"status": Status.ERROR}, ("B", "last")),
        ({}, EXCEPTIONS, {"status": Status.UNSET}, ("", "")),
        ({"error.type": "E"}, EXCEPTIONS, {"status": Status.OK, "status_message": "own"}, ("E", "own")),
        ({}, (), {"status": Status.ERROR}, ("", "")),
        (
            {},
            (EXCEPTIONS[0], event("exception", {"exception.message": "only a message"})),
            {"status": Status.ERROR},
            ("", "only a message"),
        ),
    ],
)
def test_the_last_exception_that_says_anything_fills_the_gaps_of_an_error(
    attributes: dict[str, Any], events: tuple[Any, ...], fields: dict[str, Any], expected: tuple[str, str]
) -> None:
    record = understand(raw_span(attributes, *events, **fields))
    assert (record.error_type, record.status_message) == expected
    found = details(raw_span(attributes, *events, **fields))
    assert (found.error_type, found.status_message) == expected


@pytest.mark.parametrize(
    ("attributes", "arguments", "result"),
    [
        ({}, '{"x": 1}', '"rainy"'),
        ({"gen_ai.tool.call.arguments": "{}", "gen_ai.tool.call.result": 0}, '{"x": 1}', '"rainy"'),
        ({"gen_ai.tool.call.arguments": "own", "weave.tool.call.result": "mine"}, "own", "mine"),
    ],
)
def test_tool_events_say_what_the_attributes_do_not(attributes: dict[str, Any], arguments: str, result: str) -> None:
    events = (
        event("gen_ai.tool.input", {"gen_ai.tool.call.arguments": '{"x":1}', "gen_ai.tool.call.result": "no"}),
        event("gen_ai.tool.output", {"gen_ai.tool.call.result": '"rainy"'}),
        event("gen_ai.tool.output", {"gen_ai.tool.call.result": "second"}),
    )
    content = understand(raw_span(attributes, *events)).content
    assert (content.tool_call_arguments, content.tool_call_result) == (arguments, result)


# ----------------------------------------------------------------------------------------------------------------------
# One tree


@pytest.mark.parametrize(
    ("name", "attributes", "value"),
    [
        ("input_tokens", {"gen_ai.usage": '{"input_tokens":5}'}, 5),
        ("input_tokens", {"gen_ai": {"usage": {"input_tokens": 6}}}, 6),
        ("input_tokens", {"gen_ai.usage": '{"input_tokens":null}', "gen_ai.usage.prompt_tokens": 7}, 7),
        ("cache_read_tokens", {"prompt_tokens_details": '{"cached_tokens":3}'}, 3),
        ("agent_name", {"gen_ai.agent": {"name": "g"}, "weave.agent": {"name": "w"}}, "w"),
        ("tool_call_arguments", {"gen_ai.tool.call.arguments.city": "Oslo"}, '{"city": "Oslo"}'),
        (
            "tool_call_arguments",
            {"gen_ai.tool.call.arguments": '{"city":"Oslo"}', "gen_ai.tool.call.arguments.when.day": 1},
            '{"city": "Oslo", "when": {"day": 1}}',
        ),
        (
            "tool_call_arguments",
            {"gen_ai.tool.call": '{"arguments":{"a":1,"x":{"y":1}}}', "gen_ai.tool.call.arguments": '{"x":{"z":2}}'},
            '{"a": 1, "x": {"y": 1, "z": 2}}',
        ),
        (
            "tool_call_arguments",
            {"gen_ai.tool.call.arguments": '["a"]', "gen_ai.tool.call.arguments.1": "b"},
            '["a", "b"]',
        ),
        ("tool_call_arguments", {"gen_ai.tool.call.arguments.0": "a"}, '{"0": "a"}'),
        ("conversation_id", {"gen_ai.conversation": '{"id":"c"}'}, "c"),
        # A plain value and keys below it: Weave rejects the span, here the key says what it says.
        ("conversation_id", {"gen_ai.conversation.id": "c", "gen_ai.conversation.id.x": "y"}, "c"),
        ("input_tokens", {"gen_ai.usage": "none", "gen_ai.usage.input_tokens": 4}, 4),
        ("error_type", {"error": True, "error.type": "E"}, "E"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_known_key_may_be_spelled_by_keys_above_and_below_it(
    name: str, attributes: dict[str, Any], value: Any
) -> None:
    assert column(name, attributes) == value


def test_attributes_are_read_and_never_changed() -> None:
    attributes: dict[str, Any] = {
        "gen_ai.prompt": {"0": {"content": "a"}},
        "gen_ai.prompt.0": {"role": "user"},
        "gen_ai.prompt.0.name": "n",
        "gen_ai.prompt.1.content": "b",
        "gen_ai": {"prompt": {"0": {"x": 1}}},
    }
    before = repr(attributes)
    span = raw_span(attributes)
    assert [message.text for message in understand(span).content.new_input] == ["a", "b"]
    details(span)
    assert repr(attributes) == before


# ----------------------------------------------------------------------------------------------------------------------
# Lists


@pytest.mark.parametrize(
    ("sent", "refs"),
    [
        ('["r1","r2"]', ("r1", "r2")),
        (["r1", "r2"], ("r1", "r2")),
        ("r1", ("r1",)),
        (["r1", None, "", 0], ("r1",)),
        ("", ()),
        ("[broken", ("[broken",)),
    ],
)
def test_a_list_may_come_as_json_or_as_a_lone_text(sent: Any, refs: tuple[str, ...]) -> None:
    assert column("content_refs", {"weave.content_refs": sent}) == refs


@pytest.mark.parametrize(
    ("sent", "joined"),
    [
        ('[{"content": "one"}, {"text": "two"}, "three", {"type": "x"}]', "one\ntwo\nthree"),
        ([{"type": "text", "content": "structured"}], "structured"),
        ([{"content": "", "text": "t"}, {"content": "c", "text": "t"}], "t\nc"),
        ("Be brief.", "Be brief."),
        ("[Be brief.", "[Be brief."),
        ('{"content":"x"}', ""),
        (["", None, 7, "a"], "a"),
        ("", ""),
        (7, ""),
    ],
    ids=lambda value: str(value)[:40],
)
def test_system_instructions_are_texts_and_objects_in_a_list(sent: Any, joined: str) -> None:
    assert column("system_instructions", {"gen_ai.system_instructions": sent}) == joined


# ----------------------------------------------------------------------------------------------------------------------
# Whatever comes

KNOWN_KEYS = st.sampled_from(sorted(PLACES))
SEGMENTS = st.sampled_from(["0", "1", "role", "content", "parts", "usage", "call", "x", ""])
ANY_KEYS = KNOWN_KEYS | st.builds("{}.{}".format, KNOWN_KEYS, SEGMENTS) | st.text(max_size=9)
HOLDERS = st.sampled_from(["gen_ai", "weave", "gen_ai.usage", "gen_ai.input", "error", "gen_ai.prompt.0.parts"])
JSON_LIKE = st.sampled_from(
    ["{}", "[]", "[1]", '{"a":1}', '["x"]', '{"role":"user","content":"c"}', '[{"parts":[{"type":"reasoning"}]}]', "[{"]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | JSON_LIKE
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(SEGMENTS | st.sampled_from(["type", "uri", "text"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(ANY_KEYS | HOLDERS, TREES, max_size=6), st.sampled_from(Status), st.text(max_size=9))
def test_no_attributes_are_too_odd_to_be_understood(attributes: dict[str, Any], status: Status, name: str) -> None:
    names = ("exception", "gen_ai.tool.input", "gen_ai.tool.output", "gen_ai.content.completion")
    span = raw_span(attributes, *(event(kind, attributes) for kind in names), status=status, name=name)
    record = understand(span)
    assert isinstance(record.content.output_text, str)
    assert len(details(span).custom_attributes) <= 1024


def test_every_key_feeds_one_column() -> None:
    assert len(PLACES) == sum(len(keys) for keys in KEYS.values())
