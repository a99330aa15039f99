"""POST /agents/conversations/chat: what stands in a turn's timeline, who says it, and what is "" or null.

The rules of the timeline have their own tests (test_projection*.py); here each is seen once from a client's place.
"""

import json
from typing import Any

import pytest

from tests.chat_view import AT_0, C1, asks, message, messages, of_span, parts, timeline
from tests.client import Client, Sent, said, span_id

# -- what is "" and what is null --------------------------------------------------------------------------------------


async def test_a_user_message_has_its_text_and_no_span(client: Client) -> None:
    await client.send(said("10", status="ERROR", attributes=asks("Hi") | {"gen_ai.agent.version": "1"}))
    user, _ = await messages(client)
    assert user == message(
        "user_message",
        {"text": "Hi", "content_refs": []},
        span_id=None,
        agent_name="User",
        agent_version=None,
        status_code=None,
        started_at=AT_0,
    )


async def test_an_assistant_message_of_a_bare_span_has_empty_texts_zeros_and_null_costs(client: Client) -> None:
    await client.send(said("10", "Hello.", end=None))
    assert await messages(client) == [
        message(
            "assistant_message",
            {
                "text": "Hello.",
                "model": "",
                "reasoning_content": "",
                "reasoning_tokens": 0,
                "input_tokens": 0,
                "output_tokens": 0,
                "input_cost_usd": None,
                "output_cost_usd": None,
                "total_cost_usd": None,
                "duration_ms": 0,
                "status": "UNSET",
                "content_refs": [],
            },
            **of_span("10"),
        )
    ]


async def test_an_assistant_message_shows_all_that_its_span_says(client: Client) -> None:
    await client.price("answered", 0.5, 0.25, 0.125, 1.0)
    output = [
        {"role": "assistant", "parts": [{"type": "reasoning", "content": "Hm."}, {"type": "text", "content": "Yes."}]},
        {"role": "assistant", "parts": [{"type": "uri", "uri": "weave:///a/b/object/cat:d1", "modality": "image"}]},
    ]
    said_ = {
        "gen_ai.agent.name": "Bot",
        "gen_ai.agent.version": "v2",
        "gen_ai.request.model": "asked",
        "gen_ai.response.model": "answered",
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 4,
        "gen_ai.usage.reasoning.output_tokens": 3,
        "gen_ai.usage.cache_read.input_tokens": 2,
        "gen_ai.usage.cache_creation.input_tokens": 1,
        "gen_ai.output.messages": json.dumps(output),
        "weave.content_refs": ["weave:///a/b/object/cat:d1", "weave:///a/b/object/dog:d2"],
    }
    await client.send(said("10", start=1.5, end=12.4, status="OK", attributes=said_))
    assert await messages(client) == [
        message(
            "assistant_message",
            {
                "text": "Yes.",
                "model": "answered",
                "reasoning_content": "Hm.",
                "reasoning_tokens": 3,
                "input_tokens": 10,
                "output_tokens": 4,
                "input_cost_usd": 3.5,
                "output_cost_usd": 1.0,
                "total_cost_usd": 5.75,
                "duration_ms": 10,
                "status": "OK",
                "content_refs": ["weave:///a/b/object/cat:d1"],
            },
            **of_span("10", "Bot", agent_version="v2", status_code="OK", started_at="2026-01-01T00:00:00.001500Z"),
        )
    ]


async def test_a_bare_tool_call_has_empty_arguments_and_result(client: Client) -> None:
    await client.send(Sent("10", "execute_tool look up", attributes=C1))
    assert await messages(client) == [
        message(
            "tool_call",
            {
                "tool_name": "look up",
                "tool_arguments": "",
                "tool_result": "",
                "duration_ms": 100,
                "status": "UNSET",
                "content_refs": [],
            },
            **of_span("10"),
        )
    ]


async def test_a_tool_call_shows_all_that_its_span_says(client: Client) -> None:
    own = {
        "gen_ai.tool.name": "search",
        "gen_ai.tool.call.arguments": '{"q":"ä"}',
        "gen_ai.tool.call.result": "plain text",
        "weave.content_refs": '["weave:///a/b/object/x:1"]',
        "gen_ai.agent.name": "Bot",
    }
    await client.send(Sent("10", "execute_tool other", start=0.1, end=2.0, status="ERROR", attributes=C1 | own))
    assert await messages(client) == [
        message(
            "tool_call",
            {
                "tool_name": "search",
                "tool_arguments": '{"q": "\\u00e4"}',
                "tool_result": "plain text",
                "duration_ms": 1,
                "status": "ERROR",
                "content_refs": ["weave:///a/b/object/x:1"],
            },
            **of_span("10", "Bot", status_code="ERROR", started_at="2026-01-01T00:00:00.000100Z"),
        )
    ]


async def test_a_bare_agent_start_has_an_empty_model_and_null_for_the_rest(client: Client) -> None:
    await client.send(Sent("10", "invoke_agent", attributes=C1 | {"gen_ai.tool.definitions": '[{"name":"t"}]'}))
    assert await messages(client) == [
        message(
            "agent_start",
            {
                "model": "",
                "system_instructions": None,
                "tool_definitions": '[{"name": "t"}]',
                "status": "UNSET",
            },
            **of_span("10"),
        )
    ]


async def test_an_agent_start_shows_all_that_its_span_says(client: Client) -> None:
    own = {
        "gen_ai.agent.version": "3",
        "gen_ai.request.model": "m",
        "gen_ai.response.model": "never shown here",
        "gen_ai.system_instructions": json.dumps(
            [{"type": "text", "content": "Be kind."}, {"text": "Be brief."}, "Ok"]
        ),
    }
    await client.send(Sent("10", "invoke_agent Bot", status="OK", attributes=C1 | own))
    assert await messages(client) == [
        message(
            "agent_start",
            {
                "model": "m",
                "system_instructions": "Be kind.\nBe brief.\nOk",
                "tool_definitions": None,
                "status": "OK",
            },
            **of_span("10", "Bot", agent_version="3", status_code="OK"),
        )
    ]


@pytest.mark.parametrize(
    ("sent", "payload"),
    [
        (
            {"weave.compaction.items_before": 9},
            {"compaction_summary": "", "compaction_items_before": 9, "compaction_items_after": 0},
        ),
        (
            {"weave.compaction.summary": "Short.", "weave.compaction.items_after": "2"},
            {"compaction_summary": "Short.", "compaction_items_before": 0, "compaction_items_after": 2},
        ),
    ],
    ids=["items", "summary"],
)
async def test_a_compaction_shows_what_was_said_of_it(
    client: Client, sent: dict[str, Any], payload: dict[str, Any]
) -> None:
    await client.send(Sent("10", "invoke_agent", attributes=C1 | sent))
    assert await messages(client) == [message("context_compacted", payload, **of_span("10"))]


async def test_a_compaction_is_only_seen_on_an_agent(client: Client) -> None:
    await client.send(said("10", "x", attributes={"weave.compaction.summary": "Short."}))
    assert await timeline(client) == ["-: x"]


async def test_a_task_notification_is_a_tool_call_without_arguments(client: Client) -> None:
    notice = " <task-notification>done</task-notification>\n"
    await client.send(
        said("10", "I see.", attributes={"gen_ai.input.messages": json.dumps([{"role": "user", "content": notice}])})
    )
    first, _ = await messages(client)
    assert first == message(
        "tool_call",
        {
            "tool_name": "Task notification",
            "tool_arguments": None,
            "tool_result": notice,
            "duration_ms": 0,
            "status": "UNSET",
            "content_refs": [],
        },
        **of_span("10"),
    )


@pytest.mark.parametrize(("description", "arguments"), [({"description": "Count."}, "Count."), ({}, None)])
async def test_an_agent_that_was_launched_in_the_background_is_a_tool_call(
    client: Client, description: dict[str, str], arguments: str | None
) -> None:
    launch = json.dumps({"isAsync": True, "status": "async_launched", "agentId": "a-1"} | description)
    output = json.dumps([parts("assistant", launch)])
    await client.send(Sent("10", "invoke_agent Helper", end=25, attributes=C1 | {"gen_ai.output.messages": output}))
    _, call = await messages(client)
    assert call == message(
        "tool_call",
        {
            "tool_name": "Start Helper",
            "tool_arguments": arguments,
            "tool_result": launch,
            "duration_ms": 25,
            "status": "UNSET",
            "content_refs": [],
        },
        **of_span("10", "Helper"),
    )


async def test_times_are_utc_with_a_zone_and_microseconds_where_there_are_some(client: Client) -> None:
    for n, start in enumerate((0, 1500.25, 86_400_000)):
        await client.send(said("10", "x", trace=f"a{n}", start=start))
    turns = (await client.chat("c1"))["turns"]
    assert [turn["messages"][0]["started_at"] for turn in turns] == [
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:01.500250Z",
        "2026-01-02T00:00:00Z",
    ]


# -- agents and tools -------------------------------------------------------------------------------------------------


async def test_an_agent_that_answers_itself_sums_up_what_is_below(client: Client) -> None:
    await client.price("m", 1.0, 0.5, 0.0, 0.0)
    spent = {"gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 3, "gen_ai.usage.output_tokens": 4}
    await client.send(
        Sent("1", "invoke_agent Bot", end=50, attributes=C1 | {"gen_ai.output.messages": "Done."}),
        said("2", parent="1", attributes=spent),
        said("3", parent="1", start=1, attributes=spent),
    )
    _, answer = await messages(client)
    assert answer["span_id"] == span_id("1")
    assert answer["assistant_message"] == {
        "text": "Done.",
        "model": "",
        "reasoning_content": "",
        "reasoning_tokens": 0,
        "input_tokens": 6,
        "output_tokens": 8,
        "input_cost_usd": 6.0,
        "output_cost_usd": 4.0,
        "total_cost_usd": 10.0,
        "duration_ms": 50,
        "status": "UNSET",
        "content_refs": [],
    }


async def test_an_agent_says_nothing_when_something_below_has_answered(client: Client) -> None:
    await client.send(
        Sent("1", "invoke_agent Boss", attributes=C1 | {"gen_ai.output.messages": "All done."}),
        Sent("2", "invoke_agent Helper", parent="1", start=1, attributes=C1),
        said("3", "Found.", parent="2", start=2),
        Sent("4", "execute_tool write", parent="1", start=3),
    )
    assert await timeline(client) == ["Boss starts", "Helper starts", "Helper: Found.", "Boss calls write"]


async def test_failures_without_output_leave_the_word_to_the_agent(client: Client) -> None:
    await client.send(
        Sent("1", "invoke_agent Bot", attributes=C1 | {"gen_ai.output.messages": "Sorry."}),
        said("2", parent="1", start=1, status="ERROR"),
        said("3", parent="1", start=2),
    )
    assert await timeline(client) == ["Bot starts", "Bot: ", "Bot: Sorry."]


async def test_instructions_are_shown_once_per_change_and_fold_into_the_agents_card(client: Client) -> None:
    kind, brief = (
        {"gen_ai.system_instructions": "Be kind."},
        {"gen_ai.system_instructions": '[{"content": "Be brief."}]'},
    )
    await client.send(
        Sent("1", "invoke_agent Bot", attributes=C1),
        said("2", "a", parent="1", start=1, attributes=kind | {"gen_ai.request.model": "m"}),
        said("3", "b", parent="1", start=2, attributes=kind),
        said("4", "c", parent="1", start=3, attributes=brief),
        said("5", "d", parent="1", start=4, attributes={"gen_ai.system_instructions": '{"content": "lost"}'}),
    )
    assert await timeline(client) == [
        "Bot starts: Be kind.",
        "Bot: a",
        "Bot: b",
        "Bot starts: Be brief.",
        "Bot: c",
        "Bot: d",
    ]
    assert (await messages(client))[0]["agent_start"]["model"] == ""


async def test_a_tool_comes_before_what_runs_inside_it(client: Client) -> None:
    await client.send(
        said("1", "Outer.", attributes=asks("Hi") | {"gen_ai.agent.id": "a-1"}),
        Sent("2", "execute_tool ask", parent="1", start=1),
        said("3", "Inner.", conversation="", parent="2", start=2),
    )
    assert await timeline(client) == ["User: Hi", "a-1 calls ask", "a-1: Inner.", "a-1: Outer."]


async def test_the_user_speaks_before_the_first_card(client: Client) -> None:
    await client.send(
        Sent("1", "invoke_agent Bot", attributes=C1), said("2", "x", parent="1", start=1, attributes=asks("Hi"))
    )
    assert await timeline(client) == ["User: Hi", "Bot starts", "Bot: x"]


async def test_tool_calls_that_are_only_parts_of_messages_are_not_shown(client: Client) -> None:
    calls = [{"type": "tool_call", "id": "1", "name": "t", "arguments": {"a": 1}}]
    answers = [{"type": "tool_call_response", "id": "1", "response": "r"}]
    await client.send(
        said("10", attributes={"gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": calls}])}),
        said(
            "11", "x", start=1, attributes={"gen_ai.input.messages": json.dumps([{"role": "tool", "parts": answers}])}
        ),
    )
    assert await timeline(client) == ["-: x"]


async def test_a_text_that_a_child_has_already_said_fills_the_childs_gaps_and_costs(client: Client) -> None:
    await client.price("m", 0.5, 0.25, 0.0, 0.0)
    spent = {"gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 4}
    await client.send(
        said("1", "Same.", end=70, attributes=spent | {"gen_ai.agent.version": "2"}),
        said("2", "Same.", name="assistant_text", parent="1", start=5, end=5),
    )
    [answer] = await messages(client)
    assert (answer["span_id"], answer["agent_version"]) == (span_id("2"), "2")
    assert answer["assistant_message"] == {
        "text": "Same.",
        "model": "m",
        "reasoning_content": "",
        "reasoning_tokens": 0,
        "input_tokens": 10,
        "output_tokens": 4,
        "input_cost_usd": 5.0,
        "output_cost_usd": 1.0,
        "total_cost_usd": 6.0,
        "duration_ms": 70,
        "status": "UNSET",
        "content_refs": [],
    }


async def test_siblings_come_by_start_then_end_then_id_open_ones_first(client: Client) -> None:
    await client.send(
        said("5", "late", start=2),
        said("4", "long", start=1, end=9),
        said("3", "short", start=1, end=5),
        said("2", "short too", start=1, end=5),
        said("9", "open", start=1, end=None),
        said("8", "orphan", parent="77", start=0),
    )
    assert await timeline(client) == ["-: orphan", "-: open", "-: short too", "-: short", "-: long", "-: late"]


# -- what spans are called --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "operation"),
    [
        ("chat gpt", "chat"),
        ("Chatbot step", "chat"),
        ("INVOKE_AGENT x", "invoke_agent"),
        ("execute_tool", "execute_tool"),
        ("generate_content x", "generate_content"),
        ("text_completion x", "text_completion"),
        ("embeddings x", "embeddings"),
        ("create_agent x", "create_agent"),
        ("retrieval x", "retrieval"),
        ("a chat", ""),
        ("", ""),
    ],
)
async def test_the_operation_is_read_from_the_name_where_no_attribute_says_it(
    client: Client, name: str, operation: str
) -> None:
    own = {"gen_ai.operation.name": "My Own", "weave.operation.name": ""}
    await client.send(said("10", name=name), said("20", name=name, start=1, attributes=own))
    [minimap] = await client.spans(["c1"])
    assert [span["operation_name"] for span in minimap["spans"]] == [operation, operation]


async def test_an_operation_that_an_attribute_says_goes_before_the_name(client: Client) -> None:
    await client.send(Sent("10", "chat m", attributes=C1 | {"gen_ai.operation.name": "execute_tool"}))
    assert await timeline(client) == ["- calls chat m"]


@pytest.mark.parametrize(
    ("name", "attributes", "label"),
    [
        ("invoke_agent  Bot ", {}, "Bot"),
        ("Invoke_Agent Bot", {}, "Bot"),
        ("invoke_agent Bot", {"gen_ai.agent.name": "Named"}, "Named"),
        ("invoke_agent", {"gen_ai.agent.id": "a-1"}, "a-1"),
        ("x", {"gen_ai.operation.name": "invoke_agent", "weave.agent.name": "W", "gen_ai.agent.name": "G"}, "W"),
    ],
)
async def test_an_agent_is_named_by_attribute_else_by_the_spans_name_else_by_id(
    client: Client, name: str, attributes: dict[str, str], label: str
) -> None:
    await client.send(Sent("10", name, attributes=C1 | attributes))
    assert await timeline(client) == [f"{label} starts"]


@pytest.mark.parametrize(
    ("keys", "member"),
    [
        (("weave.usage.input_tokens", "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"), "input_tokens"),
        (
            ("weave.usage.output_tokens", "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
            "output_tokens",
        ),
        (
            (
                "weave.usage.reasoning_tokens",
                "gen_ai.usage.reasoning.output_tokens",
                "gen_ai.usage.reasoning_tokens",
                "gen_ai.usage.experimental.reasoning_tokens",
            ),
            "reasoning_tokens",
        ),
    ],
)
async def test_tokens_are_read_from_the_first_key_that_is_there(
    client: Client, keys: tuple[str, ...], member: str
) -> None:
    for first in range(len(keys)):
        own = {key: 100 + place for place, key in enumerate(keys) if place >= first}
        await client.send(said("10", "x", attributes=own))
        [answer] = await messages(client)
        assert answer["assistant_message"][member] == 100 + first
