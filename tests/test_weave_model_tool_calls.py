"""POST /agents/conversations/chat with include_model_tool_calls: tool calls that models ask for and no span runs."""

import json
from typing import Any

import pytest

from tests.chat_view import AT_0, C1, asks, line, message, of_span
from tests.client import Client, Sent, json_value, said, span_id, trace_id
from tests.conftest import Queries
from tests.tool_messages import (
    answers,
    call,
    calls,
    execution,
    messages,
    model,
    of,
    reads,
    requested,
    result,
    text,
    timeline,
)

# -- asking for it ----------------------------------------------------------------------------------------------------


async def test_without_the_flag_the_answer_is_the_same_to_the_byte(client: Client) -> None:
    await client.send(
        execution("12", "a"), model("10", asks("Hi") | answers(text("One."), call("a"), call("b"), text("Two.")))
    )
    body = {"project_id": "acme/support", "conversation_id": "c1"}
    answers_ = [
        await client.http.post("/agents/conversations/chat", json=body | members)
        for members in ({}, {"include_model_tool_calls": False}, {"include_model_tool_calls": True})
    ]
    plain, off, on = (answer.content for answer in answers_)
    assert plain == off != on
    assert [line(item) for item in json.loads(plain)["turns"][0]["messages"]] == [
        "User: Hi",
        "-: One.\nTwo.",
        "- calls 12",
    ]


async def test_a_turn_whose_calls_were_all_executed_in_order_is_the_same_with_the_flag(client: Client) -> None:
    await client.price("m", 1.0, 1.0, 1.0, 1.0)
    await client.send(
        Sent("1", "invoke_agent Bot", attributes=C1 | asks("Hi"), end=900),
        model("10", asks("Hi") | answers(text("Let me see."), call("a")), parent="1"),
        execution("11", "a", start=20, parent="1"),
        model(
            "12", reads(of("assistant", call("a")), of("tool", result("a"))) | answers(text("There.")), 40, parent="1"
        ),
    )
    assert await client.chat("c1", include_model_tool_calls=True) == await client.chat("c1")


@pytest.mark.parametrize("value", ["no", None, 3])
async def test_the_flag_is_a_boolean(client: Client, value: object) -> None:
    body = {"project_id": "acme/support", "conversation_id": "c1", "include_model_tool_calls": value}
    response = await client.http.post("/agents/conversations/chat", json=body)
    assert response.status_code == (200 if value == "no" else 422)


async def test_an_unknown_conversation_has_no_turns_with_the_flag_either(client: Client) -> None:
    await client.send(said("10", "x"))
    for project in ("acme/support", "acme/none"):
        answer = await client.chat("nope", project=project, include_model_tool_calls=True)
        assert (answer["turns"], answer["total_turns"]) == ([], 0)


async def test_pages_costs_and_totals_are_those_of_the_plain_answer(client: Client) -> None:
    await client.price("m", 0.5, 0.0, 0.0, 0.0)
    used = {"gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 4}
    await client.send(*(model(f"{n}", answers(text(f"t{n}"), call("a")) | used, n, trace=f"a{n}") for n in range(1, 6)))
    windows: list[dict[str, Any]] = [{"limit": 2}, {"limit": 2, "offset": 4}, {"limit": 0}, {"offset": 9}]
    for window in windows:
        plain = await client.chat("c1", **window)
        full = await client.chat("c1", include_model_tool_calls=True, **window)
        assert [len(turn.pop("messages")) for turn in full["turns"]] == [2 for _ in plain["turns"]]
        assert [len(turn.pop("messages")) for turn in plain["turns"]] == [1 for _ in plain["turns"]]
        assert full == plain


async def test_feedback_is_attached_to_the_calls_of_its_span(client: Client) -> None:
    await client.send(model("10", answers(text("One."), call("a"), text("Two."))))
    id_ = await client.feedback({"spanId": span_id("10")}, "wandb.agent_user_feedback")
    found = [
        (item["type"], [row["id"] for row in item["feedback"]])
        for item in await messages(client, include_feedback=True)
    ]
    assert found == [("assistant_message", [id_]), ("tool_call", [id_]), ("assistant_message", [id_])]


async def test_the_number_of_statements_does_not_grow_with_the_turns(client: Client, queries: Queries) -> None:
    await client.send(*(model(f"{n}", answers(call("a")), n, trace=f"a{n}") for n in range(1, 31)))

    async def cost(**members: Any) -> int:
        before = len(queries.statements)
        await client.chat("c1", **members)
        return len(queries.statements) - before

    plain = await cost(limit=30)
    assert await cost(limit=1, include_model_tool_calls=True) == plain + 2
    assert await cost(limit=30, include_model_tool_calls=True) == plain + 2


# -- requests ---------------------------------------------------------------------------------------------------------


async def test_a_request_without_an_execution_has_its_place_and_nothing_that_nobody_knows(client: Client) -> None:
    own = (
        asks("Hi") | answers(call("a", "look", {"q": "ä"})) | {"gen_ai.agent.name": "Bot", "gen_ai.agent.version": "2"}
    )
    await client.send(model("10", own, start=5, status="OK"))
    user, asked = await messages(client)
    assert line(user) == "User: Hi"
    assert asked == message(
        "tool_call",
        requested("look", '{"q": "\\u00e4"}'),
        **of_span("10", "Bot", agent_version="2", status_code=None, started_at="2026-01-01T00:00:00.015000Z"),
    )


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ("plain", "plain"),
        ('{"a":1}', '{"a":1}'),
        ({"a": 1}, '{"a": 1}'),
        ({}, "{}"),
        ([], "[]"),
        (None, None),
        ("", None),
    ],
)
async def test_arguments_are_text_or_json(client: Client, arguments: object, shown: str | None) -> None:
    await client.send(model("10", answers(call("a", arguments=arguments))))
    assert [item["tool_call"]["tool_arguments"] for item in await messages(client)] == [shown]


async def test_an_open_span_asked_when_it_started(client: Client) -> None:
    await client.send(said("10", end=None, attributes=answers(call("a"))))
    assert [item["started_at"] for item in await messages(client)] == [AT_0]


@pytest.mark.parametrize("how", ["execute_tool", "invoke_agent"])
async def test_a_request_that_a_span_executed_is_shown_by_that_span_alone(client: Client, how: str) -> None:
    ran = Sent("12", f"{how} X", start=20, attributes=C1 | {"gen_ai.tool.call.id": "a"})
    await client.send(model("10", answers(text("One."), call("a"), text("Two."))), ran)
    assert await timeline(client) == ["-: One.\nTwo.", "- calls X" if how == "execute_tool" else "X starts"]


async def test_an_execution_in_another_turn_or_another_conversation_does_not_count(client: Client) -> None:
    other = C1 | {"gen_ai.tool.call.id": "a", "gen_ai.conversation.id": "c2"}
    await client.send(
        model("10", answers(call("a"))),
        execution("20", "a", trace="a2", start=50),
        Sent("11", "execute_tool elsewhere", attributes=other),
    )
    turns = (await client.chat("c1", include_model_tool_calls=True))["turns"]
    assert [[line(item) for item in turn["messages"]] for turn in turns] == [["- calls look"], ["- calls 20"]]


async def test_an_untagged_execution_of_the_trace_counts(client: Client) -> None:
    ran = Sent("11", "execute_tool ran", start=20, attributes={"gen_ai.tool.call.id": "a"})
    await client.send(model("10", answers(call("a"))), ran)
    assert await timeline(client) == ["- calls ran"]


async def test_a_trace_without_a_conversation_shows_its_requests_too(client: Client) -> None:
    await client.send(said("10", conversation="", attributes=answers(call("a"))))
    for conversation in ("", trace_id("a1")):
        [turn] = (await client.chat(conversation, include_model_tool_calls=True))["turns"]
        assert [line(item) for item in turn["messages"]] == ["- calls look"]


async def test_an_id_is_shown_once_per_trace_and_again_in_another(client: Client) -> None:
    await client.send(
        Sent("1", "workflow", end=900, attributes=C1 | answers(call("a"), text("Done."))),
        model("10", answers(call("a")), parent="1"),
        model("11", answers(call("a"), call("a"), call("b")), 20, parent="1"),
        model("20", answers(call("a")), 1000, trace="a2"),
    )
    turns = (await client.chat("c1", include_model_tool_calls=True))["turns"]
    shown = [[(item["type"], item["span_id"].lstrip("0")) for item in turn["messages"]] for turn in turns]
    assert shown == [[("tool_call", "10"), ("tool_call", "11"), ("assistant_message", "1")], [("tool_call", "20")]]


async def test_requests_without_ids_are_all_shown_but_not_what_wrappers_repeat(client: Client) -> None:
    twice = answers(call(None), call(""))
    await client.send(Sent("1", "invoke_agent Bot", end=900, attributes=C1 | twice), model("10", twice, parent="1"))
    assert [span for span, _, _ in await calls(client)] == ["10", "10"]
    await client.send(model("11", twice, 20, parent="1"))
    assert [span for span, _, _ in await calls(client)] == ["10", "10", "11", "11"]


async def test_a_request_without_an_id_is_taken_to_be_executed_where_its_tool_ran(client: Client) -> None:
    ran = Sent("11", "execute_tool look", start=20, attributes=C1)
    await client.send(model("10", answers(call(None, "look"), call(None, "book"))), ran)
    assert await calls(client) == [("10", "book", None), ("11", "look", "")]


@pytest.mark.parametrize(
    "output",
    [
        "[broken JSON",
        "[]",
        [of("assistant", {"type": "tool_call", "id": "a", "name": 42}), of("assistant", call("b", ""))],
        [of("assistant", {"type": "tool_call", "id": "a"}), "text", None, 1],
        [of("tool", call("a")), of("user", call("b")), of("system", call("c"))],
        [of("assistant", call("old")), of("user", text("And now?")), of("assistant", text("Now."))],
        {"role": "assistant", "parts": "tool_call"},
    ],
)
async def test_what_is_no_request_of_the_model_makes_no_call(client: Client, output: Any) -> None:
    await client.send(
        model("10", {"gen_ai.output.messages": output if isinstance(output, str) else json.dumps(output)})
    )
    turns = [await client.chat("c1", include_model_tool_calls=flag) for flag in (True, False)]
    assert turns[0] == turns[1]


@pytest.mark.parametrize(
    "output",
    [
        {
            "role": "assistant",
            "content": "One.",
            "tool_calls": [{"id": "a", "function": {"name": "look", "arguments": "{}"}}],
        },
        {
            "role": "assistant",
            "content": [{"type": "text", "text": "One."}, {"type": "tool_use", "id": "a", "name": "look", "input": {}}],
        },
        {"role": "assistant", "content": json.dumps([text("One."), call("a")])},
        {"role": "model", "parts": [text("One."), call("a")]},
    ],
)
async def test_requests_are_read_in_the_forms_of_providers_too(client: Client, output: dict[str, Any]) -> None:
    await client.send(model("10", {"gen_ai.output.messages": json.dumps([output])}))
    assert await timeline(client) == ["-: One.", "- calls look"]
    assert (await messages(client))[1]["tool_call"] == requested("look", "{}")


async def test_messages_that_are_only_in_log_records_have_their_calls(client: Client) -> None:
    await client.send(said("10"))
    tool_calls = [{"id": "a", "function": {"name": "look"}}]
    choice = {
        "eventName": "gen_ai.choice",
        "traceId": trace_id("a1"),
        "spanId": span_id("10"),
        "body": json_value({"message": {"role": "assistant", "content": "One.", "tool_calls": tool_calls}}),
    }
    body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [choice]}]}]}).encode()
    response = await client.export(body, path="/v1/logs", content_type="application/json")
    assert response.status_code == 200
    assert await timeline(client) == ["-: One.", "- calls look"]


# -- where answers are split ------------------------------------------------------------------------------------------


async def test_an_answer_is_split_where_its_calls_stand_and_the_numbers_are_on_its_first_piece(client: Client) -> None:
    await client.price("m", 0.5, 0.5, 0.0, 0.0)
    used = {
        "gen_ai.request.model": "m",
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.reasoning_tokens": 5,
    }
    parts = [
        call("a"),
        {"type": "reasoning", "content": "Hm."},
        text("One."),
        text("Two."),
        {"type": "uri", "uri": "weave:///e/p/object/cat:d1"},
        call("b"),
        call("c"),
        text("Three."),
        {"type": "uri", "uri": "weave:///e/p/object/dog:d2"},
    ]
    await client.send(model("10", used | answers(*parts), status="OK"))
    found = await messages(client)
    assert [line(item) for item in found] == [
        "- calls look",
        "-: One.\nTwo. [weave:///e/p/object/cat:d1]",
        "- calls look",
        "- calls look",
        "-: Three. [weave:///e/p/object/dog:d2]",
    ]
    first, last = found[1]["assistant_message"], found[4]["assistant_message"]
    assert first | {"text": "", "content_refs": []} == {
        "text": "",
        "model": "m",
        "reasoning_content": "Hm.",
        "reasoning_tokens": 5,
        "input_tokens": 10,
        "output_tokens": 20,
        "input_cost_usd": 5.0,
        "output_cost_usd": 10.0,
        "total_cost_usd": 15.0,
        "duration_ms": 10,
        "status": "OK",
        "content_refs": [],
    }
    numbers = dict.fromkeys(("reasoning_tokens", "input_tokens", "output_tokens", "duration_ms"), 0)
    costs = dict.fromkeys(("input_cost_usd", "output_cost_usd", "total_cost_usd"))
    assert last == first | numbers | costs | {
        "text": "Three.",
        "reasoning_content": "",
        "content_refs": ["weave:///e/p/object/dog:d2"],
    }
    assert [item["status_code"] for item in found] == [None, "OK", None, None, "OK"]


async def test_calls_that_are_executed_or_shown_already_do_not_split_the_text(client: Client) -> None:
    await client.send(
        model("10", answers(call("a"))),
        model("11", answers(text("One."), call("a"), text("Two."), call("b"), text("Three.")), 20),
        execution("12", "b", 40),
    )
    assert await timeline(client) == ["- calls look", "-: One.\nTwo.\nThree.", "- calls 12"]


async def test_pieces_keep_the_paragraphs_between_messages(client: Client) -> None:
    output = [of("assistant", text("One.")), of("assistant", text("Two."), call("a")), of("assistant", text("Three."))]
    await client.send(model("10", {"gen_ai.output.messages": json.dumps(output)}))
    assert await timeline(client) == ["-: One.\n\nTwo.", "- calls look", "-: Three."]


async def test_reasoning_alone_makes_a_piece(client: Client) -> None:
    thoughts = [{"type": "reasoning", "content": f"r{n}"} for n in range(2)]
    await client.send(model("10", answers(thoughts[0], call("a"), thoughts[1], call("b"))))
    found = [
        item["assistant_message"]["reasoning_content"] if item["assistant_message"] else line(item)
        for item in await messages(client)
    ]
    assert found == ["r0", "- calls look", "r1", "- calls look"]


async def test_a_failure_without_text_stays_after_its_calls(client: Client) -> None:
    await client.send(model("10", answers(call("a")), status="ERROR"))
    assert [(item["type"], item["status_code"]) for item in await messages(client)] == [
        ("tool_call", None),
        ("assistant_message", "ERROR"),
    ]


async def test_an_agents_own_output_is_split_and_its_sums_are_on_the_first_piece(client: Client) -> None:
    def used(tokens: int) -> dict[str, int]:
        return {"gen_ai.usage.input_tokens": tokens}

    thought = {"type": "reasoning", "content": "Below."}
    await client.send(
        Sent(
            "1",
            "invoke_agent Bot",
            end=900,
            attributes=C1 | used(1) | answers(call("a"), text("One."), call("b"), text("Two.")),
        ),
        Sent("10", "chat m", parent="1", attributes=C1 | used(2) | answers(thought, call("a"))),
    )
    found = await messages(client)
    assert [line(item) for item in found] == [
        "Bot starts",
        "Bot: ",
        "Bot calls look",
        "Bot: One.",
        "Bot calls look",
        "Bot: Two.",
    ]
    said_ = [found[place]["assistant_message"] for place in (1, 3, 5)]
    assert [(item["input_tokens"], item["reasoning_content"]) for item in said_] == [
        (2, "Below."),
        (3, "Below."),
        (0, ""),
    ]


async def test_an_agent_that_others_answered_for_still_shows_what_only_it_tells(client: Client) -> None:
    await client.send(
        Sent("1", "invoke_agent Bot", end=900, attributes=C1 | answers(call("a"), text("There."))),
        model("10", answers(text("There.")), parent="1"),
    )
    assert await timeline(client) == ["Bot starts", "Bot: There.", "Bot calls look"]


async def test_a_text_that_two_spans_tell_is_shown_once_though_it_is_in_pieces(client: Client) -> None:
    own = answers(text("One."), call("a"), text("Two."))
    await client.send(
        said("1", end=900, attributes=own | {"gen_ai.request.model": "m"}),
        Sent("10", "assistant_text", parent="1", attributes=C1 | own),
    )
    found = await messages(client)
    assert [line(item) for item in found] == ["-: One.", "- calls look", "-: Two."]
    assert [item["span_id"] for item in found] == [span_id("10")] * 3
    assert found[0]["assistant_message"]["model"] == "m"


# -- in the graph -----------------------------------------------------------------------------------------------------

FIELDS = "id position kind spanId startedAt status ... on ToolCall { origin toolName result }"


async def turn(client: Client, fields: str) -> Any:
    return (await client.in_project(f'turn(conversationId: "c1", traceId: "{trace_id("a1")}") {{ {fields} }}'))["turn"]


async def test_the_graph_has_the_same_list_with_positions_and_ids_of_its_own(client: Client) -> None:
    told = reads(of("assistant", call("b", "book")), of("tool", result("b")))
    await client.send(model("10", told | answers(text("One."), call("a"), text("Two.")), start=5))
    view = "messages(view: WEAVE, includeModelToolCalls: true)"
    found = await turn(client, f"weave: messages(view: WEAVE) {{ id position }} with: {view} {{ {FIELDS} }}")
    assert len({item["id"] for item in found["weave"] + found["with"]}) == 5
    shown = [{name: value for name, value in item.items() if name != "id"} for item in found["with"]]
    of_10 = {"spanId": span_id("10"), "status": "UNSET"}
    start, end = "2026-01-01T00:00:00.005000Z", "2026-01-01T00:00:00.015000Z"
    told_, asked = (
        {"origin": "MODEL_INPUT", "toolName": "book", "result": "found"},
        {"origin": "MODEL_REQUEST", "toolName": "look", "result": None},
    )
    assert shown == [
        {"position": 0, "kind": "TOOL_CALL", "startedAt": start} | of_10 | told_,
        {"position": 1, "kind": "ASSISTANT_MESSAGE", "startedAt": start} | of_10,
        {"position": 2, "kind": "TOOL_CALL", "startedAt": end} | of_10 | asked,
        {"position": 3, "kind": "ASSISTANT_MESSAGE", "startedAt": start} | of_10,
    ]


async def test_the_full_view_has_such_calls_anyway(client: Client) -> None:
    await client.send(model("10", answers(text("One."), call("a"))))
    found = await turn(
        client, f"plain: messages {{ {FIELDS} }} with: messages(includeModelToolCalls: true) {{ {FIELDS} }}"
    )
    assert found["plain"] == found["with"]
