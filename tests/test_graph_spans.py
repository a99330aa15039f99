"""Spans in lists: the minimap of a conversation, its window, what marks it, and the spans of a turn."""

from typing import Any

import pytest

from tests.client import Client, Sent, span_id, trace_id

ALL_FIELDS = """
traceId spanId parentSpanId conversationId conversationIdSource conversationName dialect
name operationName status statusMessage errorType startedAt
endedAt durationMs agentName agentVersion provider requestModel responseModel responseId toolName
usage { inputTokens outputTokens cacheReadTokens cacheWriteTokens reasoningTokens }
"""


async def send_minimap(client: Client) -> None:
    """Spans s1 to s5 of conversation c1, a second apart, on two traces; one more has no id, one another's."""
    ours = {"gen_ai.conversation.id": "c1"}
    await client.send(
        Sent("1", "chat m", trace="a1", start=1000, end=1100, attributes=ours),
        Sent("2", "execute_tool t", trace="a1", parent="1", start=2000, end=2200, status="ERROR", attributes=ours),
        Sent("6", "untagged", trace="a1", parent="1", start=2500, end=2600),
        Sent("3", "invoke_agent A", trace="a2", start=3000, end=None, status="OK", attributes=ours),
        Sent("4", "work", trace="a2", parent="3", start=4000, end=3999, attributes=ours),
        Sent("5", "chat m", trace="a2", parent="3", start=5000.9, end=5001.1, attributes=ours),
        Sent("7", "chat m", trace="a2", parent="3", start=5500, attributes={"gen_ai.conversation.id": "c2"}),
    )


async def spans(client: Client, arguments: str = "", fields: str = "spanId") -> Any:
    return (await client.in_project(f'conversation(id: "c1") {{ spans{arguments} {{ {fields} }} }}'))["conversation"][
        "spans"
    ]


def ids(found: list[dict[str, Any]]) -> list[int]:
    return [int(span["spanId"], 16) for span in found]


async def test_the_minimap_holds_the_spans_that_carry_the_id_by_start(client: Client) -> None:
    await send_minimap(client)
    found = await spans(client, fields="traceId spanId operationName status durationMs startedAt")
    assert found == [
        {
            "traceId": trace_id("a1"),
            "spanId": span_id("1"),
            "operationName": "chat",
            "status": "UNSET",
            "durationMs": 100,
            "startedAt": "2026-01-01T00:00:01Z",
        },
        {
            "traceId": trace_id("a1"),
            "spanId": span_id("2"),
            "operationName": "execute_tool",
            "status": "ERROR",
            "durationMs": 200,
            "startedAt": "2026-01-01T00:00:02Z",
        },
        {
            "traceId": trace_id("a2"),
            "spanId": span_id("3"),
            "operationName": "invoke_agent",
            "status": "OK",
            "durationMs": 0,
            "startedAt": "2026-01-01T00:00:03Z",
        },
        {
            "traceId": trace_id("a2"),
            "spanId": span_id("4"),
            "operationName": "",
            "status": "UNSET",
            "durationMs": 0,
            "startedAt": "2026-01-01T00:00:04Z",
        },
        {
            "traceId": trace_id("a2"),
            "spanId": span_id("5"),
            "operationName": "chat",
            "status": "UNSET",
            "durationMs": 1,
            "startedAt": "2026-01-01T00:00:05.000900Z",
        },
    ]


async def test_the_latest_spans_are_kept(client: Client) -> None:
    await send_minimap(client)
    assert ids(await spans(client, "(last: 2)")) == [4, 5]
    assert ids(await spans(client, "(last: 0)")) == []
    assert ids(await spans(client, "(last: 1000)")) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ('(startedAfter: "2026-01-01T00:00:03Z")', [3, 4, 5]),
        ('(startedBefore: "2026-01-01T00:00:03Z")', [1, 2]),
        ('(startedAfter: "2026-01-01T00:00:02Z", startedBefore: "2026-01-01T00:00:04Z")', [2, 3]),
        ('(startedBefore: "2026-01-01T00:00:04Z", last: 2)', [2, 3]),
        ('(startedAfter: "2026-01-01T01:00:03+01:00")', [3, 4, 5]),
        ('(startedAfter: "2026-01-01T00:00:05.000900Z")', [5]),
        ('(startedAfter: "2026-01-01T00:00:05.000901Z")', []),
        ('(startedAfter: "0001-01-01T00:00:00+14:00")', [1, 2, 3, 4, 5]),
        ('(startedBefore: "9999-12-31T23:59:59-14:00")', [1, 2, 3, 4, 5]),
        ('(startedAfter: "2026-01-01T00:00:04Z", startedBefore: "2026-01-01T00:00:03Z")', []),
        ("(startedAfter: null, startedBefore: null)", [1, 2, 3, 4, 5]),
    ],
)
async def test_a_window_bounds_the_starts_its_end_excluded(client: Client, arguments: str, expected: list[int]) -> None:
    await send_minimap(client)
    assert ids(await spans(client, arguments)) == expected
    assert ids(await spans(client, arguments, "spanId name")) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("(last: 1001)", "`last` is 0 to 1000, got 1001."),
        ("(last: -1)", "`last` is 0 to 1000, got -1."),
    ],
)
async def test_more_spans_than_a_list_holds_are_refused(client: Client, arguments: str, message: str) -> None:
    await send_minimap(client)
    for field in ("spans", "spansFeedback"):
        fields = f'conversation(id: "c1") {{ {field}{arguments} {{ __typename }} }}'
        assert await client.error_in_project(fields) == ("INVALID_PAGE", message)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("yesterday", "DateTime is RFC 3339 such as 2026-01-31T09:30:00Z, got 'yesterday'."),
        ("2026-02-30T00:00:00Z", "DateTime is RFC 3339 such as 2026-01-31T09:30:00Z, got '2026-02-30T00:00:00Z'."),
        ("2026-01-31T09:30:00", "DateTime needs a zone: write 2026-01-31T09:30:00Z for UTC."),
        ("2026-01-31", "DateTime needs a zone: write 2026-01-31T00:00:00Z for UTC."),
    ],
)
async def test_an_instant_that_is_none_is_explained(client: Client, value: str, message: str) -> None:
    await send_minimap(client)
    _, literal = await client.error_in_project(
        f'conversation(id: "c1") {{ spans(startedAfter: "{value}") {{ spanId }} }}'
    )
    _, variable = await client.error(
        'query($at: DateTime) { project(id: "acme/support") { conversation(id: "c1") '
        "{ spans(startedAfter: $at) { spanId } } } }",
        at=value,
    )
    assert literal == message
    assert variable.endswith(message)


async def test_a_narrow_and_a_wide_selection_give_the_same_values(client: Client) -> None:
    await send_minimap(client)
    narrow_fields = "__typename id traceId spanId operationName status durationMs startedAt"
    narrow = await spans(client, fields=narrow_fields)
    wide = await spans(client, fields=f"{narrow_fields} {ALL_FIELDS}")
    assert [{name: span[name] for name in narrow_fields.split()} for span in wide] == narrow


async def test_a_span_is_the_same_wherever_it_is_met(client: Client) -> None:
    await client.send(
        Sent(
            "10",
            "chat gpt",
            parent="ff",
            start=5,
            end=1234.5,
            status="ERROR",
            status_message="rate limited",
            attributes={
                "gen_ai.conversation.id": "c1",
                "gen_ai.conversation.name": "Refund",
                "gen_ai.agent.name": "Triage",
                "gen_ai.agent.version": "7",
                "gen_ai.provider.name": "OpenAI",
                "gen_ai.request.model": "gpt",
                "gen_ai.response.model": "gpt-2026",
                "gen_ai.response.id": "resp-1",
                "gen_ai.tool.name": "lookup",
                "gen_ai.usage.input_tokens": 100,
                "gen_ai.usage.output_tokens": 20,
                "gen_ai.usage.cache_read.input_tokens": 30,
                "gen_ai.usage.cache_creation.input_tokens": 5,
                "gen_ai.usage.reasoning.output_tokens": 7,
                "gen_ai.output.messages": '[{"role": "assistant", "content": "Hello"}]',
                "error.type": "RateLimitError",
            },
        )
    )
    place = f'traceId: "{trace_id("a1")}"'
    found = await client.in_project(
        f"""span({place}, spanId: "{span_id("10")}") {{ {ALL_FIELDS} }}
        conversation(id: "c1") {{ spans {{ {ALL_FIELDS} }} }}
        turn(conversationId: "c1", {place}) {{ spans {{ {ALL_FIELDS} }} messages {{ span {{ {ALL_FIELDS} }} }} }}"""
    )
    expected = {
        "traceId": trace_id("a1"),
        "spanId": span_id("10"),
        "parentSpanId": span_id("ff"),
        "conversationId": "c1",
        "conversationIdSource": "gen_ai.conversation.id",
        "conversationName": "Refund",
        "dialect": None,
        "name": "chat gpt",
        "operationName": "chat",
        "status": "ERROR",
        "statusMessage": "rate limited",
        "errorType": "RateLimitError",
        "startedAt": "2026-01-01T00:00:00.005000Z",
        "endedAt": "2026-01-01T00:00:01.234500Z",
        "durationMs": 1229,
        "agentName": "Triage",
        "agentVersion": "7",
        "provider": "openai",
        "requestModel": "gpt",
        "responseModel": "gpt-2026",
        "responseId": "resp-1",
        "toolName": "lookup",
        "usage": {
            "inputTokens": 100,
            "outputTokens": 20,
            "cacheReadTokens": 30,
            "cacheWriteTokens": 5,
            "reasoningTokens": 7,
        },
    }
    assert found == {
        "span": expected,
        "conversation": {"spans": [expected]},
        "turn": {"spans": [expected], "messages": [{"span": expected}]},
    }


async def test_two_selections_of_one_list_may_differ_in_width(client: Client) -> None:
    await send_minimap(client)
    found = await client.in_project(
        """conversation(id: "c1") {
            narrow: spans(last: 1) { spanId }
            wide: spans(last: 1) { ... on Span { name spanId } }
            merged: spans(last: 1) { spanId }
            merged: spans(last: 1) { ... on Node { ... on Span { name } } }
            skipped: spans(last: 1) { spanId name @skip(if: true) }
        }"""
    )
    assert found["conversation"] == {
        "narrow": [{"spanId": span_id("5")}],
        "wide": [{"name": "chat m", "spanId": span_id("5")}],
        "merged": [{"spanId": span_id("5"), "name": "chat m"}],
        "skipped": [{"spanId": span_id("5")}],
    }


async def test_a_named_fragment_makes_a_selection_wide(client: Client) -> None:
    await send_minimap(client)
    found = await client.ask(
        """query {
            project(id: "acme/support") { conversation(id: "c1") { spans(last: 1) { ...Outer } } }
        }
        fragment Outer on Span { spanId ...Inner }
        fragment Inner on Span { name feedback { id } turn { traceId } }"""
    )
    assert found["project"]["conversation"]["spans"] == [
        {"spanId": span_id("5"), "name": "chat m", "feedback": [], "turn": {"traceId": trace_id("a2")}}
    ]


# -- a turn's spans ---------------------------------------------------------------------------------------------------


async def turn_spans(client: Client, arguments: str = "") -> list[int]:
    found = await client.in_project(
        f'turn(conversationId: "c1", traceId: "{trace_id("a1")}") {{ spans{arguments} {{ spanId }} }}'
    )
    return ids(found["turn"]["spans"])


async def test_a_turn_holds_the_spans_of_its_trace_with_its_id_or_none_by_start(client: Client) -> None:
    await send_minimap(client)
    assert await turn_spans(client) == [1, 2, 6]
    assert await turn_spans(client, "(first: 2)") == [1, 2]
    assert await turn_spans(client, "(first: 0)") == []
    assert await turn_spans(client, "(first: 1000)") == [1, 2, 6]


@pytest.mark.parametrize("first", [-1, 1001])
async def test_more_spans_of_a_turn_than_a_list_holds_are_refused(client: Client, first: int) -> None:
    await send_minimap(client)
    fields = f'turn(conversationId: "c1", traceId: "{trace_id("a1")}") {{ spans(first: {first}) {{ spanId }} }}'
    assert await client.error_in_project(fields) == ("INVALID_PAGE", f"`first` is 0 to 1000, got {first}.")


# -- markers ----------------------------------------------------------------------------------------------------------


async def markers(client: Client, arguments: str = "", conversation_id: str = "c1") -> list[str]:
    """Each as its type and what it is about."""
    [found] = (
        await client.in_project(
            f"""conversationsByIds(ids: ["{conversation_id}"]) {{
                spansFeedback{arguments} {{ feedbackType conversationId traceId spanId }}
            }}"""
        )
    )["conversationsByIds"]
    return [
        f"{one['feedbackType']} on {one['conversationId'] or one['traceId'][-2:] or one['spanId']}"
        for one in found["spansFeedback"]
    ]


async def test_markers_are_the_conversations_feedback_then_that_of_the_turns_shown(client: Client) -> None:
    await send_minimap(client)
    await client.feedback({"traceId": trace_id("a2")}, "first")
    await client.feedback({"conversationId": "c1"}, "second")
    await client.feedback({"traceId": trace_id("a1")}, "third")
    await client.feedback({"spanId": span_id("1")}, "of a span")
    await client.feedback({"traceId": trace_id("a2")}, "fourth")
    await client.feedback({"conversationId": "c2"}, "of another")
    assert await markers(client) == ["second on c1", "first on a2", "third on a1", "fourth on a2"]


async def test_markers_keep_to_the_window_of_the_spans(client: Client) -> None:
    await send_minimap(client)
    await client.feedback({"conversationId": "c1"}, "whole")
    await client.feedback({"traceId": trace_id("a1")}, "early")
    await client.feedback({"traceId": trace_id("a2")}, "late")
    assert await markers(client, '(startedBefore: "2026-01-01T00:00:03Z")') == ["whole on c1", "early on a1"]
    assert await markers(client, "(last: 3)") == ["whole on c1", "late on a2"]
    assert await markers(client, "(last: 0)") == ["whole on c1"]


async def test_markers_may_be_of_chosen_types_only(client: Client) -> None:
    await send_minimap(client)
    for feedback_type in ("wandb.agent_monitor", "note", "wandb.agent_user_feedback"):
        await client.feedback({"conversationId": "c1"}, feedback_type)
    chosen = '(feedbackTypes: ["wandb.agent_user_feedback", "wandb.agent_monitor"])'
    assert await markers(client, chosen) == ["wandb.agent_monitor on c1", "wandb.agent_user_feedback on c1"]
    assert await markers(client, "(feedbackTypes: [])") == []
    assert len(await markers(client, "(feedbackTypes: null)")) == 3


async def test_a_trace_that_listed_conversations_share_marks_the_first_of_them(client: Client) -> None:
    await send_minimap(client)
    await client.feedback({"traceId": trace_id("a2")}, "shared")
    query = 'conversationsByIds(ids: ["%s", "%s"]) { conversationId spansFeedback { feedbackType } }'
    found = (await client.in_project(query % ("c1", "c2")))["conversationsByIds"]
    assert found == [
        {"conversationId": "c1", "spansFeedback": [{"feedbackType": "shared"}]},
        {"conversationId": "c2", "spansFeedback": []},
    ]
    found = (await client.in_project(query % ("c2", "c1")))["conversationsByIds"]
    assert found == [
        {"conversationId": "c2", "spansFeedback": [{"feedbackType": "shared"}]},
        {"conversationId": "c1", "spansFeedback": []},
    ]
    assert await markers(client, conversation_id="c2") == ["shared on a2"]


async def test_feedback_on_the_conversation_shows_although_it_has_no_spans_yet(client: Client) -> None:
    await client.feedback({"conversationId": "c1"}, "early bird")
    assert await markers(client) == ["early bird on c1"]
