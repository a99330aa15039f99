"""POST /agents/conversations/chat with include_model_tool_calls: what inputs tell, and what followed from what."""

from typing import Any

import pytest

from tests.chat_view import C1, asks, line, message, of_span
from tests.client import Client, Sent
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

# -- inputs -----------------------------------------------------------------------------------------------------------


HISTORY = [
    of("user", text("Earlier?")),
    of("assistant", call("old")),
    of("tool", result("old")),
    of("user", text("Now?")),
]


@pytest.mark.parametrize("role", ["tool", "user"])
async def test_a_later_input_tells_the_result_of_an_earlier_request(client: Client, role: str) -> None:
    asked = [*HISTORY, of("assistant", call("a")), of(role, result("a", {"at": 1}))]
    await client.send(
        model("10", reads(*HISTORY) | answers(call("a"))),
        model("11", reads(*asked) | answers(call("b")), 20),
        model("12", reads(*asked, of("assistant", call("b"))) | answers(text("Done.")), 40),
    )
    user, first, second, _ = await messages(client)
    assert line(user) == "User: Now?"
    assert first["tool_call"] == requested("look", "{}", '{"at": 1}')
    assert (first["started_at"], first["status_code"]) == ("2026-01-01T00:00:00.010000Z", None)
    assert second["tool_call"] == requested("look", "{}")


async def test_the_first_result_that_is_told_stays(client: Client) -> None:
    def told(response: str) -> dict[str, str]:
        return reads(of("assistant", call("a")), of("tool", result("a", response)))

    await client.send(
        model("10", answers(call("a"))),
        model("11", told(""), 20),
        model("12", told("x"), 40),
        model("13", told("y"), 60),
    )
    assert await calls(client) == [("10", "look", "x")]


async def test_a_call_that_only_an_input_tells_of_has_no_start(client: Client) -> None:
    told = reads(
        *HISTORY, of("assistant", call("a", arguments={"q": 1})), of("tool", result("a")), of("assistant", call("c"))
    )
    await client.send(model("10", told | answers(call("b")) | {"gen_ai.agent.name": "Bot"}))
    user, first, second = await messages(client)
    assert line(user) == "User: Now?"
    assert first == message(
        "tool_call", requested("look", '{"q": 1}', "found"), **of_span("10", "Bot", status_code=None, started_at=None)
    )
    assert second["tool_call"] == requested("look", "{}")


async def test_calls_told_by_an_input_stand_after_its_user_and_before_its_answer(client: Client) -> None:
    told = reads(
        of("user", text("Now?")),
        of("assistant", text("Let me see."), call("a", "one"), call("b", "two")),
        of("tool", result("b"), result("a")),
    )
    await client.send(model("9", asks("Now?")), model("10", told | answers(text("Done.")), 20))
    assert await timeline(client) == ["User: Now?", "- calls one", "- calls two", "-: Done."]


async def test_without_a_user_message_the_whole_input_counts(client: Client) -> None:
    await client.send(model("10", reads(of("system", text("S")), of("assistant", call("a")), of("tool", result("a")))))
    assert await calls(client) == [("10", "look", "found")]


async def test_histories_that_repeat_calls_show_them_once_and_executed_ones_never(client: Client) -> None:
    told = reads(of("assistant", call("a"), call("b")), of("tool", result("a"), result("b")))
    await client.send(model("10", told), model("11", told, 20), model("12", told | answers(text("Done.")), 40))
    await client.send(execution("13", "b", 60))
    assert await calls(client) == [("13", "13", "ran"), ("10", "look", "found")]


async def test_inputs_of_agents_and_wrappers_and_responses_without_their_calls_tell_nothing(client: Client) -> None:
    told = reads(of("assistant", call("a")), of("tool", result("a")))
    await client.send(
        Sent("1", "invoke_agent Bot", end=900, attributes=C1 | told),
        Sent("2", "workflow", parent="1", end=800, attributes=C1 | told),
        model("10", reads(of("tool", result("a")), of("tool", result(""))) | answers(text("x")), parent="2"),
    )
    assert await timeline(client) == ["Bot starts", "Bot: x"]


# -- order ------------------------------------------------------------------------------------------------------------


def loop(tool_start: float, **fields: Any) -> list[Sent]:
    """A model asks for a tool at 100, the tool runs by a clock of its own, the model goes on at 300."""
    return [
        model("10", answers(text("asks"), call("a")), 100, **fields),
        execution("11", "a", tool_start, **fields),
        model(
            "12", reads(of("assistant", call("a")), of("tool", result("a"))) | answers(text("goes on")), 300, **fields
        ),
    ]


@pytest.mark.parametrize("tool_start", [0, 200, 90_000])
@pytest.mark.parametrize("parent", ["", "1"])
async def test_an_execution_stands_between_its_request_and_what_was_told_of_it(
    client: Client, tool_start: float, parent: str
) -> None:
    root = [Sent("1", "workflow", end=None, attributes=C1)] if parent else []
    await client.send(*root, *loop(tool_start, parent=parent))
    assert await timeline(client) == ["-: asks", "- calls 11", "-: goes on"]


@pytest.mark.parametrize(
    ("tool_start", "other_start", "expected"),
    [
        (90_000, 400, ["asks", "11", "goes on", "other"]),
        (0, 50, ["other", "asks", "11", "goes on"]),
        (250, 150, ["asks", "other", "11", "goes on"]),
        (0, 150, ["asks", "11", "other", "goes on"]),
        (90_000, 150, ["asks", "other", "11", "goes on"]),
    ],
)
async def test_what_depends_on_nothing_stays_where_its_clock_puts_it(
    client: Client, tool_start: float, other_start: float, expected: list[str]
) -> None:
    await client.send(*loop(tool_start), model("15", answers(text("other")), other_start))
    found = [item.removeprefix("-: ").removeprefix("- calls ") for item in await timeline(client)]
    assert found == expected


async def test_executions_of_one_request_keep_their_order(client: Client) -> None:
    await client.send(
        execution("21", "b", 0), execution("22", "a", 1), model("10", answers(text("asks"), call("a"), call("b")), 100)
    )
    assert await timeline(client) == ["-: asks", "- calls 21", "- calls 22"]


async def test_without_an_execution_a_model_follows_the_request_whose_result_it_was_told(client: Client) -> None:
    await client.send(
        model("12", reads(of("tool", result("a"))) | answers(text("goes on")), 0),
        model("10", answers(text("asks"), call("a")), 100),
    )
    assert await timeline(client) == ["-: asks", "- calls look", "-: goes on"]


async def test_an_agent_that_runs_as_a_tool_follows_its_request(client: Client) -> None:
    ran = Sent("11", "invoke_agent Sub", attributes=C1 | {"gen_ai.tool.call.id": "a"})
    await client.send(ran, model("10", answers(text("asks"), call("a")), 100))
    assert await timeline(client) == ["-: asks", "Sub starts"]


async def test_ids_that_could_mean_several_spans_order_nothing(client: Client) -> None:
    await client.send(
        execution("11", "a", 0),
        model("10", answers(text("asks"), call("a")), 100),
        model("13", answers(text("asks again"), call("a")), 200),
        model("14", reads(of("tool", result("b"))) | answers(text("goes on")), 300),
        execution("15", "b", 400),
        execution("16", "b", 500),
    )
    assert await timeline(client) == [
        "- calls 11",
        "-: asks",
        "-: asks again",
        "-: goes on",
        "- calls 15",
        "- calls 16",
    ]


async def test_a_circle_keeps_the_order_of_the_clocks(client: Client) -> None:
    await client.send(
        model("10", reads(of("tool", result("c"))) | answers(text("1"), call("a")), 1),
        model("11", reads(of("tool", result("a"))) | answers(text("2"), call("b")), 2),
        model("12", reads(of("tool", result("b"))) | answers(text("3"), call("c")), 3),
        execution("9", "c", 0),
    )
    assert [item for item in await timeline(client) if item.startswith("-:")] == ["-: 1", "-: 2", "-: 3"]
    assert (await timeline(client))[0] == "- calls 9"


async def test_a_call_that_is_told_its_own_id_stays(client: Client) -> None:
    await client.send(
        model("9", answers(text("first")), 0), model("10", reads(of("tool", result("a"))) | answers(call("a")), 1)
    )
    assert await timeline(client) == ["-: first", "- calls look"]
