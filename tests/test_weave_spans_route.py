"""POST /agents/conversations/spans: the minimaps of conversations, and the feedback that marks them."""

import json
from typing import Any

import pytest

from tests.client import PROJECT, T0_NS, Client, Sent, export_request, said, span_id, trace_id
from tests.conftest import Queries

PATH = "/agents/conversations/spans"
T0_S = T0_NS // 10**9


async def shown(client: Client, *ids: str, **members: Any) -> list[list[str]]:
    """The spans of each conversation, by their labels."""
    return [
        [span["span_id"].lstrip("0") for span in conversation["spans"]]
        for conversation in await client.spans(ids, **members)
    ]


async def markers(client: Client, *ids: str, **members: Any) -> list[list[Any]]:
    """The markers of each conversation: which trace (None: the conversation itself), and the first tag."""
    return [
        [
            (marker["trace_id"] and marker["trace_id"].lstrip("0"), marker["tags"][0])
            for marker in conversation["spans_feedback"]
        ]
        for conversation in await client.spans(ids, **members)
    ]


async def mark(client: Client, tag: str, feedback_type: str = "wandb.agent_user_feedback", **target: str) -> None:
    await client.feedback(target, feedback_type, tags=[tag])


# -- which conversations ----------------------------------------------------------------------------------------------


async def test_each_id_is_answered_in_request_order_repeats_and_unknown_ids_too(client: Client) -> None:
    await client.send(said("10"), said("20", conversation="c2", trace="a2"))
    found = await client.spans(["c2", "nothing", "c1", "c2", "", "C1"])
    assert [conversation["conversation_id"] for conversation in found] == ["c2", "nothing", "c1", "c2", "", "C1"]
    assert [len(conversation["spans"]) for conversation in found] == [1, 0, 1, 1, 0, 0]
    assert found[1] == {"conversation_id": "nothing", "spans": [], "spans_feedback": []}


@pytest.mark.parametrize("members", [{}, {"conversation_ids": []}])
async def test_no_ids_are_no_conversations(client: Client, members: dict[str, Any]) -> None:
    await client.send(said("10"))
    response = await client.http.post(PATH, json={"project_id": PROJECT, **members})
    assert (response.status_code, response.json()) == (200, {"conversations": []})


async def test_the_empty_id_matches_nothing(client: Client) -> None:
    await client.send(said("10", conversation=""), said("11", parent="10"))
    assert await shown(client, "", "c1") == [[], ["11"]]


async def test_of_an_unknown_project_all_conversations_are_empty(client: Client) -> None:
    assert await client.spans(["c1", "c1"], "acme/unheard-of") == [
        {"conversation_id": "c1", "spans": [], "spans_feedback": []},
        {"conversation_id": "c1", "spans": [], "spans_feedback": []},
    ]


async def test_ten_thousand_ids_can_be_asked_for(client: Client) -> None:
    await client.send(said("10", conversation="c9999"))
    found = await client.spans([f"c{n}" for n in range(10_000)])
    assert [len(conversation["spans"]) for conversation in found] == [0] * 9_999 + [1]


# -- which spans ------------------------------------------------------------------------------------------------------


async def test_a_minimap_has_the_spans_that_carry_the_id_across_all_turns_oldest_first(client: Client) -> None:
    await client.send(
        said("10", trace="a2", start=300, end=301, name="invoke_agent Bot"),
        said("20", trace="a1", start=100, end=150, status="ERROR", attributes={"gen_ai.operation.name": "Custom Op"}),
        Sent("21", "chat m", "a1", start=110),
        said("22", trace="a1", start=200, end=None, name="whatever", status="OK"),
    )
    [minimap] = await client.spans(["c1"])
    assert minimap == {
        "conversation_id": "c1",
        "spans": [
            {
                "operation_name": "Custom Op",
                "trace_id": trace_id("a1"),
                "span_id": span_id("20"),
                "status": "ERROR",
                "duration_ms": 50,
            },
            {
                "operation_name": "",
                "trace_id": trace_id("a1"),
                "span_id": span_id("22"),
                "status": "OK",
                "duration_ms": 0,
            },
            {
                "operation_name": "invoke_agent",
                "trace_id": trace_id("a2"),
                "span_id": span_id("10"),
                "status": "UNSET",
                "duration_ms": 1,
            },
        ],
        "spans_feedback": [],
    }


async def test_equal_starts_are_ordered_by_span_id(client: Client) -> None:
    await client.send(said("b", start=1), said("a", trace="a2", start=1), said("9", start=1), said("c", start=0))
    assert await shown(client, "c1") == [["c", "9", "a", "b"]]


async def test_each_conversation_keeps_its_last_200_spans(client: Client) -> None:
    await client.send(*(said(f"{n:x}", start=n, trace=f"a{n % 3}") for n in range(1, 251)))
    await client.send(*(said(f"{n:x}", conversation="c2", trace="b1", start=n) for n in range(1, 201)))
    first, second = await shown(client, "c1", "c2")
    assert first == [f"{n:x}" for n in range(51, 251)]
    assert second == [f"{n:x}" for n in range(1, 201)]


@pytest.mark.parametrize(
    ("start_us", "end_us", "duration_ms"),
    [
        (0, 0, 0),
        (0, 999, 0),
        (0, 1000, 1),
        (999, 1000, 1),
        (900, 1100, 1),
        (100, 1900, 1),
        (999, 2001, 2),
        (1000, 500, 0),
    ],
)
async def test_each_end_is_cut_to_milliseconds_before_the_difference(
    client: Client, start_us: int, end_us: int, duration_ms: int
) -> None:
    await client.send(said("10", start=start_us / 1000, end=end_us / 1000))
    [minimap] = await client.spans(["c1"])
    assert minimap["spans"][0]["duration_ms"] == duration_ms


@pytest.mark.parametrize("code", [7, -1])
async def test_an_odd_status_is_unset(client: Client, code: int) -> None:
    request = export_request([said("10")])
    request.resource_spans[0].scope_spans[0].spans[0].status.code = code  # type: ignore[assignment]
    await client.export(request.SerializeToString())
    [minimap] = await client.spans(["c1"])
    assert minimap["spans"][0]["status"] == "UNSET"


# -- the window -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "labels"),
    [
        ({"started_after": "2026-01-01T00:00:01Z"}, ["20", "30"]),
        ({"started_after": "2026-01-01T00:00:01.000001Z"}, ["30"]),
        ({"started_before": "2026-01-01T00:00:01Z"}, ["10"]),
        ({"started_before": "2026-01-01T00:00:01.000001Z"}, ["10", "20"]),
        ({"started_after": "2026-01-01T00:00:01Z", "started_before": "2026-01-01T00:00:02Z"}, ["20"]),
        ({"started_after": "2026-01-01T02:00:01+02:00"}, ["20", "30"]),
        ({"started_after": "2025-12-31T19:00:01-05:00"}, ["20", "30"]),
        ({"started_after": T0_S + 1}, ["20", "30"]),
        ({"started_after": T0_S + 1.5}, ["30"]),
        ({"started_before": str(T0_S + 1)}, ["10"]),
        ({"started_after": (T0_S + 1) * 1000}, ["20", "30"]),
        ({"started_after": 0, "started_before": -1}, []),
        ({"started_after": None, "started_before": None}, ["10", "20", "30"]),
        ({"started_after": "2026-01-01T00:00:02Z", "started_before": "2026-01-01T00:00:01Z"}, []),
        ({"started_before": "9999-12-31T23:59:59.999999-14:00"}, ["10", "20", "30"]),
        ({"started_after": "0001-01-01T00:00:00+14:00"}, ["10", "20", "30"]),
    ],
    ids=str,
)
async def test_the_window_holds_starts_from_after_to_just_before(
    client: Client, window: dict[str, Any], labels: list[str]
) -> None:
    await client.send(*(said(f"{n}0", trace=f"a{n}", start=1000 * (n - 1), end=9000) for n in (1, 2, 3)))
    assert await shown(client, "c1", **window) == [labels]


async def test_the_window_goes_before_the_cap(client: Client) -> None:
    await client.send(*(said(f"{n:x}", start=n) for n in range(1, 251)))
    [labels] = await shown(client, "c1", started_before="2026-01-01T00:00:00.221Z")
    assert labels == [f"{n:x}" for n in range(21, 221)]


# -- markers ----------------------------------------------------------------------------------------------------------


async def test_markers_on_the_conversation_come_before_those_on_turns_oldest_first(client: Client) -> None:
    await client.send(said("10", trace="a1", start=1), said("20", trace="a2", start=2))
    for tag, target in (
        ("1", {"traceId": trace_id("a2")}),
        ("2", {"conversationId": "c1"}),
        ("3", {"traceId": trace_id("a1")}),
        ("4", {"conversationId": "c1"}),
        ("5", {"traceId": trace_id("a2")}),
    ):
        await mark(client, tag, **target)
    assert await markers(client, "c1", "c2") == [[(None, "2"), (None, "4"), ("a2", "1"), ("a1", "3"), ("a2", "5")], []]


async def test_only_feedback_of_users_and_monitors_marks_and_never_that_on_spans(client: Client) -> None:
    await client.send(said("10"))
    await mark(client, "user", conversationId="c1")
    await mark(client, "monitor", "wandb.agent_monitor", traceId=trace_id("a1"))
    await mark(client, "note", "wandb.note.1", conversationId="c1")
    await mark(client, "reaction", "wandb.reaction.1", traceId=trace_id("a1"))
    await mark(client, "span", spanId=span_id("10"))
    await mark(client, "other", traceId=trace_id("a9"))
    [minimap] = await client.spans(["c1"])
    assert minimap["spans_feedback"] == [
        {"trace_id": None, "feedback_type": "wandb.agent_user_feedback", "tags": ["user"], "ratings": []},
        {"trace_id": trace_id("a1"), "feedback_type": "wandb.agent_monitor", "tags": ["monitor"], "ratings": []},
    ]


async def test_turns_are_marked_where_their_spans_are_shown_the_conversation_always(client: Client) -> None:
    await client.send(said("10", trace="a1", start=1000), said("20", trace="a2", start=2000))
    await mark(client, "one", traceId=trace_id("a1"))
    await mark(client, "two", traceId=trace_id("a2"))
    await mark(client, "all", conversationId="c1")
    first_only = {"started_before": "2026-01-01T00:00:02Z"}
    assert await markers(client, "c1", **first_only) == [[(None, "all"), ("a1", "one")]]
    assert await markers(client, "c1", started_after="2027-01-01T00:00:00Z") == [[(None, "all")]]


async def test_a_turn_that_fell_to_the_cap_is_not_marked(client: Client) -> None:
    await client.send(said("1", trace="a1"), *(said(f"{n:x}", trace="a2", start=n) for n in range(2, 202)))
    await mark(client, "one", traceId=trace_id("a1"))
    await mark(client, "two", traceId=trace_id("a2"))
    assert await markers(client, "c1") == [[("a2", "two")]]


async def test_a_trace_that_conversations_share_marks_the_first_that_was_asked_for(client: Client) -> None:
    await client.send(said("10"), said("20", conversation="c2"), said("30", conversation="c2", trace="a2"))
    await mark(client, "shared", traceId=trace_id("a1"))
    await mark(client, "own", traceId=trace_id("a2"))
    assert await markers(client, "c1", "c2") == [[("a1", "shared")], [("a2", "own")]]
    assert await markers(client, "c2", "c1") == [[("a1", "shared"), ("a2", "own")], []]
    assert await markers(client, "c2", "c2") == [[("a1", "shared"), ("a2", "own")]] * 2
    assert await markers(client, "c1") == [[("a1", "shared")]]


async def test_a_conversation_without_spans_is_marked_all_the_same(client: Client) -> None:
    await mark(client, "early", conversationId="c1")
    assert await client.spans(["c1"]) == [
        {
            "conversation_id": "c1",
            "spans": [],
            "spans_feedback": [
                {"trace_id": None, "feedback_type": "wandb.agent_user_feedback", "tags": ["early"], "ratings": []}
            ],
        }
    ]


async def test_tags_are_shown_without_skin_tone_and_empty_ones_left_out(client: Client) -> None:
    tags = ["👍🏽", "👍", "", "👩🏿‍🚀", "plain 🏻 text", "🏾"]
    await client.feedback({"conversationId": "c1"}, "wandb.agent_user_feedback", tags=tags)
    [minimap] = await client.spans(["c1"])
    assert minimap["spans_feedback"][0]["tags"] == ["👍", "👍", "👩‍🚀", "plain  text"]


async def test_ratings_are_shown_with_what_was_given(client: Client) -> None:
    ratings = [
        {"name": "helpful", "value": 1, "reason": "It helped.", "confidence": 0.25},
        {"name": "polite", "value": -0.5},
        {"name": "", "value": 0, "reason": "", "confidence": 0},
    ]
    await client.feedback({"conversationId": "c1"}, "wandb.agent_monitor", ratings=ratings)
    [minimap] = await client.spans(["c1"])
    assert minimap["spans_feedback"] == [
        {
            "trace_id": None,
            "feedback_type": "wandb.agent_monitor",
            "tags": [],
            "ratings": [
                {"name": "helpful", "value": 1.0, "reason": "It helped.", "confidence": 0.25},
                {"name": "polite", "value": -0.5, "reason": None, "confidence": None},
                {"name": "", "value": 0.0, "reason": None, "confidence": 0.0},
            ],
        }
    ]


# -- refused ----------------------------------------------------------------------------------------------------------


def problem(type_: str, loc: list[str | int], msg: str, given: object, **ctx: object) -> dict[str, Any]:
    found = {"type": type_, "loc": loc, "msg": msg, "input": given}
    return found | ({"ctx": ctx} if ctx else {})


NO_ZONE = "Input should have timezone info"
NO_OBJECT = "Input should be a valid dictionary or object to extract fields from"


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        ({}, [problem("missing", ["body", "project_id"], "Field required", {})]),
        (
            {"project_id": None},
            [problem("string_type", ["body", "project_id"], "Input should be a valid string", None)],
        ),
        (
            {"project_id": PROJECT, "conversation_ids": "c1"},
            [problem("list_type", ["body", "conversation_ids"], "Input should be a valid list", "c1")],
        ),
        (
            {"project_id": PROJECT, "conversation_ids": ["c1", 7, None]},
            [
                problem("string_type", ["body", "conversation_ids", 1], "Input should be a valid string", 7),
                problem("string_type", ["body", "conversation_ids", 2], "Input should be a valid string", None),
            ],
        ),
        (
            {"project_id": PROJECT, "started_after": "2026-01-01T00:00:00", "started_before": "2026-01-01"},
            [
                problem("timezone_aware", ["body", "started_after"], NO_ZONE, "2026-01-01T00:00:00"),
                problem("timezone_aware", ["body", "started_before"], NO_ZONE, "2026-01-01"),
            ],
        ),
        (
            {"project_id": PROJECT, "started_after": True},
            [problem("datetime_type", ["body", "started_after"], "Input should be a valid datetime", True)],
        ),
        (
            [],
            [
                problem(
                    "model_attributes_type",
                    ["body"],
                    NO_OBJECT,
                    [],
                )
            ],
        ),
        ("x", [problem("model_attributes_type", ["body"], NO_OBJECT, "x")]),
    ],
    ids=str,
)
async def test_a_body_that_does_not_fit_is_explained_member_by_member(
    client: Client, body: Any, problems: list[dict[str, Any]]
) -> None:
    response = await client.http.post(PATH, json=body)
    assert (response.status_code, response.json()) == (422, {"detail": problems})


async def test_more_than_ten_thousand_ids_are_refused(client: Client) -> None:
    response = await client.http.post(PATH, json={"project_id": PROJECT, "conversation_ids": ["c"] * 10_001})
    assert response.status_code == 422
    [found] = response.json()["detail"]
    assert (found["loc"], found["type"]) == (["body", "conversation_ids"], "too_long")


@pytest.mark.parametrize(
    ("content", "problems"),
    [
        (b"", [problem("missing", ["body"], "Field required", None)]),
        (
            b"{",
            [
                problem(
                    "json_invalid",
                    ["body", 1],
                    "JSON decode error",
                    {},
                    error="Expecting property name enclosed in double quotes",
                )
            ],
        ),
        (
            b'{"project_id": "a/b", "started_after": NaN}',
            [{"type": "datetime_parsing", "loc": ["body", "started_after"]}],
        ),
        (
            b'{"project_id": "a/b", "started_after": "\\ud800"}',
            [{"type": "string_unicode", "loc": ["body", "started_after"]}],
        ),
    ],
    ids=["empty", "broken", "nan", "surrogate"],
)
async def test_a_body_that_is_no_proper_json_is_explained(
    client: Client, content: bytes, problems: list[dict[str, Any]]
) -> None:
    """NaN and lone surrogates cannot be repeated in the answer: it was a 500 once."""
    response = await client.http.post(PATH, content=content, headers={"content-type": "application/json"})
    assert response.status_code == 422
    found = response.json()["detail"]
    assert [{name: item[name] for name in expected} for item, expected in zip(found, problems, strict=True)] == problems


@pytest.mark.parametrize("project", ["acme", "", "/x", "x/", "a/b/c", "a\0/b"])
async def test_a_malformed_project_id_is_refused_with_a_reason(client: Client, project: str) -> None:
    response = await client.http.post(PATH, json={"project_id": project, "conversation_ids": ["c1"]})
    assert (response.status_code, response.json()) == (
        400,
        {"reason": f"A project id has the form entity/project, got {project!r}."},
    )


async def test_only_post_is_answered(client: Client) -> None:
    response = await client.http.get(PATH)
    assert (response.status_code, response.json()) == (405, {"reason": "Method Not Allowed"})
    assert response.headers["allow"] == "POST"


async def test_members_that_the_contract_does_not_know_are_passed_over(client: Client) -> None:
    await client.send(said("10"))
    assert await shown(client, "c1", brand_new={"x": json.dumps(1)}) == [["10"]]


async def test_a_question_is_one_statement_per_level_however_many_conversations(
    client: Client, queries: Queries
) -> None:
    await client.send(*(said(f"{n:x}", conversation=f"c{n}", trace=f"a{n:x}") for n in range(1, 31)))
    counts = []
    for ids in (["c1"], [f"c{n}" for n in range(1, 31)]):
        queries.statements.clear()
        await client.spans(ids)
        counts.append(len(queries.statements))
    # The project, conversations, spans, and feedback on both levels.
    assert counts == [5, 5]
