"""POST /agents/conversations/chat: pages of turns, their headers, costs and feedback.

Costs, feedback, texts and the messages of a turn are in the other test_weave_chat_*.py.
"""

import json
from typing import Any

import pytest

from tests.client import PROJECT, Client, Sent, said
from tests.conftest import Queries

PATH = "/agents/conversations/chat"


async def page(client: Client, conversation: str = "c1", **members: Any) -> tuple[list[str], int, bool]:
    """The turns of a page by the labels of their traces, how many there are, and whether there are more."""
    answer = await client.chat(conversation, **members)
    return [turn["trace_id"].lstrip("0") for turn in answer["turns"]], answer["total_turns"], answer["has_more"]


async def send_turns(client: Client, count: int, conversation: str = "c1") -> None:
    await client.send(
        *(said("1", f"Turn {n}", conversation=conversation, trace=f"{n:x}", start=n) for n in range(1, count + 1))
    )


# -- pages ------------------------------------------------------------------------------------------------------------


async def test_a_whole_answer(client: Client) -> None:
    await client.price("m", 0.001, 0.002, 0.0, 0.0)
    await client.send(
        Sent(
            "10",
            "invoke_agent Bot",
            start=1000,
            end=2500.9,
            attributes={
                "gen_ai.conversation.id": "c1",
                "gen_ai.agent.version": "7",
                "gen_ai.provider.name": "OpenAI",
                "gen_ai.input.messages": '[{"role": "user", "content": "Hi"}]',
            },
        ),
        said(
            "11",
            "Hello.",
            parent="10",
            start=1100,
            end=1900,
            attributes={
                "gen_ai.request.model": "m",
                "gen_ai.usage.input_tokens": 100,
                "gen_ai.usage.output_tokens": 10,
            },
        ),
    )
    assert await client.chat("c1", include_feedback=True) == {
        "conversation_id": "c1",
        "turns": [
            {
                "trace_id": "000000000000000000000000000000a1",
                "root_span_name": "Bot",
                "agent_name": "Bot",
                "agent_version": "7",
                "status_code": "UNSET",
                "provider": "openai",
                "total_duration_ms": 1500,
                "total_cost_usd": 0.12,
                "messages": [
                    {
                        "type": "user_message",
                        "span_id": None,
                        "agent_name": "User",
                        "agent_version": None,
                        "status_code": None,
                        "started_at": "2026-01-01T00:00:01Z",
                        "feedback": None,
                        "user_message": {"text": "Hi", "content_refs": []},
                        "assistant_message": None,
                        "tool_call": None,
                        "agent_start": None,
                        "agent_handoff": None,
                        "context_compacted": None,
                    },
                    {
                        "type": "agent_start",
                        "span_id": "0000000000000010",
                        "agent_name": "Bot",
                        "agent_version": "7",
                        "status_code": "UNSET",
                        "started_at": "2026-01-01T00:00:01Z",
                        "feedback": None,
                        "user_message": None,
                        "assistant_message": None,
                        "tool_call": None,
                        "agent_start": {
                            "model": "",
                            "system_instructions": None,
                            "tool_definitions": None,
                            "status": "UNSET",
                        },
                        "agent_handoff": None,
                        "context_compacted": None,
                    },
                    {
                        "type": "assistant_message",
                        "span_id": "0000000000000011",
                        "agent_name": "Bot",
                        "agent_version": "",
                        "status_code": "UNSET",
                        "started_at": "2026-01-01T00:00:01.100000Z",
                        "feedback": None,
                        "user_message": None,
                        "assistant_message": {
                            "text": "Hello.",
                            "model": "m",
                            "reasoning_content": "",
                            "reasoning_tokens": 0,
                            "input_tokens": 100,
                            "output_tokens": 10,
                            "input_cost_usd": 0.1,
                            "output_cost_usd": 0.02,
                            "total_cost_usd": 0.12,
                            "duration_ms": 800,
                            "status": "UNSET",
                            "content_refs": [],
                        },
                        "tool_call": None,
                        "agent_start": None,
                        "agent_handoff": None,
                        "context_compacted": None,
                    },
                ],
                "feedback": [],
            }
        ],
        "total_turns": 1,
        "has_more": False,
        "limit": 50,
        "offset": 0,
        "total_cost_usd": 0.12,
        "feedback": [],
    }


@pytest.mark.parametrize("project", [PROJECT, "acme/unheard-of"])
@pytest.mark.parametrize(("members", "feedback"), [({}, None), ({"include_feedback": True}, [])])
async def test_an_unknown_conversation_is_an_empty_one(
    client: Client, project: str, members: dict[str, Any], feedback: Any
) -> None:
    await client.send(said("10"))
    assert await client.chat("unheard-of", project, limit=7, offset=3, **members) == {
        "conversation_id": "unheard-of",
        "turns": [],
        "total_turns": 0,
        "has_more": False,
        "limit": 7,
        "offset": 3,
        "total_cost_usd": None,
        "feedback": feedback,
    }


@pytest.mark.parametrize(
    ("members", "labels", "has_more"),
    [
        ({"limit": 2}, ["4", "5"], True),
        ({"limit": 2, "offset": 2}, ["2", "3"], True),
        ({"limit": 2, "offset": 3}, ["1", "2"], False),
        ({"limit": 2, "offset": 4}, ["1"], False),
        ({"limit": 5}, ["1", "2", "3", "4", "5"], False),
        ({"limit": 0}, [], False),
        ({"offset": 5}, [], False),
        ({"offset": 2**31}, [], False),
        ({"offset": 2**64}, [], False),
        ({"offset": 10**400}, [], False),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_pages_skip_the_newest_turns_and_are_oldest_first_inside(
    client: Client, members: dict[str, Any], labels: list[str], has_more: bool
) -> None:
    await send_turns(client, 5)
    answer = await client.chat("c1", **members)
    assert [turn["trace_id"].lstrip("0") for turn in answer["turns"]] == labels
    assert (answer["total_turns"], answer["has_more"]) == (5, has_more)
    assert (answer["limit"], answer["offset"]) == (members.get("limit", 50), members.get("offset", 0))


async def test_a_page_has_fifty_turns_unless_fewer_are_asked_for(client: Client) -> None:
    await send_turns(client, 53)
    labels, total, has_more = await page(client)
    assert (labels, total, has_more) == ([f"{n:x}" for n in range(4, 54)], 53, True)
    assert await page(client, offset=50) == (["1", "2", "3"], 53, False)


async def test_turns_with_one_start_are_ordered_by_trace_id(client: Client) -> None:
    await client.send(*(said("1", trace=trace, start=5) for trace in ("b", "a", "9", "c")))
    assert await page(client, limit=3) == (["a", "b", "c"], 4, True)
    assert await page(client, limit=3, offset=3) == (["9"], 4, False)


async def test_a_turn_starts_with_its_first_tagged_span(client: Client) -> None:
    await client.send(
        Sent("10", "wrapper", trace="a1", start=0),
        said("11", trace="a1", parent="10", start=500),
        said("20", trace="a2", start=100),
    )
    assert await page(client) == (["a2", "a1"], 2, False)


# -- which spans belong -----------------------------------------------------------------------------------------------


async def test_a_turn_has_the_spans_of_its_trace_that_carry_the_id_or_none(client: Client) -> None:
    await client.send(
        said("10", "tagged", start=1),
        said("11", "untagged", conversation="", start=2),
        said("12", "of another", conversation="c2", start=3),
        said("20", "stranger", conversation="", trace="a2"),
    )

    async def texts(conversation: str) -> list[list[str]]:
        turns = (await client.chat(conversation))["turns"]
        return [[message["assistant_message"]["text"] for message in turn["messages"]] for turn in turns]

    assert await texts("c1") == [["tagged", "untagged"]]
    assert await texts("c2") == [["untagged", "of another"]]
    assert await texts("") == [["stranger"], ["untagged"]]


async def test_the_empty_id_pages_through_the_traces_with_untagged_spans(client: Client) -> None:
    await client.send(
        *(said("1", f"t{n}", conversation="", trace=f"{n}", start=n) for n in range(1, 4)), said("10", trace="a1")
    )
    assert await page(client, "", limit=2) == (["2", "3"], 3, True)
    assert await page(client, "", limit=2, offset=2) == (["1"], 3, False)
    assert await page(client, "c1") == (["a1"], 1, False)


async def test_other_clients_keys_name_a_conversation_where_the_two_keys_for_it_do_not(client: Client) -> None:
    for number, key in enumerate(("thread.id", "gen_ai.thread.id", "session.id", "langfuse.session.id")):
        await client.send(said("10", conversation="", trace=f"b{number}", attributes={key: f"c{number}"}))
    assert [(await client.chat(f"c{number}"))["total_turns"] for number in range(4)] == [0, 0, 1, 1]
    both = {"gen_ai.conversation.id": "c4", "weave.conversation.id": "c5", "session.id": "c6"}
    await client.send(said("20", conversation="", trace="a2", attributes=both))
    assert [(await client.chat(id_))["total_turns"] for id_ in ("c4", "c5", "c6")] == [0, 1, 0]


# -- headers ----------------------------------------------------------------------------------------------------------


def header(turn: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in turn.items() if name not in ("messages", "feedback", "trace_id")}


async def test_the_header_says_nothing_as_empty_text(client: Client) -> None:
    await client.send(said("10", name="step", end=None))
    [turn] = (await client.chat("c1"))["turns"]
    assert header(turn) == {
        "root_span_name": "step",
        "agent_name": "",
        "agent_version": "",
        "status_code": "UNSET",
        "provider": "",
        "total_duration_ms": 0,
        "total_cost_usd": None,
    }


async def test_the_header_is_the_only_parentless_span_and_nothing_of_the_others(client: Client) -> None:
    named = {"gen_ai.agent.name": "Child", "gen_ai.agent.version": "1", "gen_ai.provider.name": "p"}
    await client.send(
        said("10", name="workflow", start=0, end=100.9, attributes={"gen_ai.agent.id": "only-an-id"}),
        said("11", parent="10", start=1, end=900, status="ERROR", attributes=named),
        said("12", parent="99", start=2, end=950, attributes=named),
    )
    [turn] = (await client.chat("c1"))["turns"]
    assert header(turn) == {
        "root_span_name": "workflow",
        "agent_name": "",
        "agent_version": "",
        "status_code": "UNSET",
        "provider": "",
        "total_duration_ms": 100,
        "total_cost_usd": None,
    }


@pytest.mark.parametrize("parents", [("", ""), ("98", "99")])
async def test_without_a_single_parentless_span_the_last_to_end_is_the_header(
    client: Client, parents: tuple[str, str]
) -> None:
    await client.send(
        said("10", name="early", parent=parents[0], start=0, end=500, status="OK"),
        said("20", name="invoke_agent late", parent=parents[1], start=100, end=501, status="ERROR"),
    )
    [turn] = (await client.chat("c1"))["turns"]
    assert (turn["root_span_name"], turn["agent_name"], turn["status_code"]) == ("late", "late", "ERROR")


# -- refused ----------------------------------------------------------------------------------------------------------


def problem(type_: str, member: str, msg: str, given: object, **ctx: object) -> dict[str, Any]:
    found = {"type": type_, "loc": ["body", member], "msg": msg, "input": given}
    return found | ({"ctx": ctx} if ctx else {})


ASKED: dict[str, Any] = {"project_id": PROJECT, "conversation_id": "c1"}


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        (
            {},
            [
                problem("missing", "project_id", "Field required", {}),
                problem("missing", "conversation_id", "Field required", {}),
            ],
        ),
        (
            ASKED | {"conversation_id": None},
            [problem("string_type", "conversation_id", "Input should be a valid string", None)],
        ),
        (
            ASKED | {"conversation_id": 7},
            [problem("string_type", "conversation_id", "Input should be a valid string", 7)],
        ),
        (
            ASKED | {"limit": 51},
            [problem("less_than_equal", "limit", "Input should be less than or equal to 50", 51, le=50)],
        ),
        (
            ASKED | {"limit": -1, "offset": -1},
            [
                problem("greater_than_equal", "limit", "Input should be greater than or equal to 0", -1, ge=0),
                problem("greater_than_equal", "offset", "Input should be greater than or equal to 0", -1, ge=0),
            ],
        ),
        (ASKED | {"limit": None}, [problem("int_type", "limit", "Input should be a valid integer", None)]),
        (
            ASKED | {"limit": "ten", "offset": 1.5},
            [
                problem(
                    "int_parsing",
                    "limit",
                    "Input should be a valid integer, unable to parse string as an integer",
                    "ten",
                ),
                problem(
                    "int_from_float",
                    "offset",
                    "Input should be a valid integer, got a number with a fractional part",
                    1.5,
                ),
            ],
        ),
        (
            ASKED | {"include_feedback": "perhaps"},
            [
                problem(
                    "bool_parsing",
                    "include_feedback",
                    "Input should be a valid boolean, unable to interpret input",
                    "perhaps",
                )
            ],
        ),
    ],
    ids=str,
)
async def test_a_body_that_does_not_fit_is_explained_member_by_member(
    client: Client, body: dict[str, Any], problems: list[dict[str, Any]]
) -> None:
    response = await client.http.post(PATH, json=body)
    assert (response.status_code, response.json()) == (422, {"detail": problems})


@pytest.mark.parametrize(
    "members",
    [{"limit": "2"}, {"limit": 2.0}, {"limit": 2, "include_feedback": "yes"}, {"limit": 2, "more": {"x": []}}],
)
async def test_values_that_can_be_read_in_one_way_are_read(client: Client, members: dict[str, Any]) -> None:
    await send_turns(client, 3)
    answer = await client.chat("c1", **members)
    assert (len(answer["turns"]), answer["limit"]) == (2, 2)


async def test_numbers_that_json_does_not_have_are_explained(client: Client) -> None:
    content = json.dumps(ASKED | {"offset": float("nan")})
    response = await client.http.post(PATH, content=content, headers={"content-type": "application/json"})
    assert (response.status_code, response.json()) == (
        422,
        {"detail": [{"type": "finite_number", "loc": ["body", "offset"], "msg": "Input should be a finite number"}]},
    )


async def test_a_malformed_project_id_is_refused_with_a_reason(client: Client) -> None:
    response = await client.http.post(PATH, json=ASKED | {"project_id": "acme"})
    assert (response.status_code, response.json()) == (
        400,
        {"reason": "A project id has the form entity/project, got 'acme'."},
    )


async def test_a_body_nested_beyond_reading_is_refused_with_a_reason(client: Client) -> None:
    response = await client.http.post(PATH, content=b"[" * 100_000, headers={"content-type": "application/json"})
    assert (response.status_code, response.json()) == (400, {"reason": "There was an error parsing the body"})


async def test_only_post_is_answered(client: Client) -> None:
    response = await client.http.get(PATH)
    assert (response.status_code, response.json()) == (405, {"reason": "Method Not Allowed"})


async def test_a_page_is_one_statement_per_level_however_many_turns(client: Client, queries: Queries) -> None:
    await client.send(
        *(said("1", "x", trace=f"{n:x}", start=n, attributes={"gen_ai.request.model": f"m{n}"}) for n in range(1, 31)),
        said("1", "x", conversation="c2", trace="ff", attributes={"gen_ai.request.model": "m"}),
    )
    counts = []
    for conversation in ("c2", "c1"):
        queries.statements.clear()
        await client.chat(conversation, include_feedback=True)
        counts.append(len(queries.statements))
    assert counts[0] == counts[1] <= 9
