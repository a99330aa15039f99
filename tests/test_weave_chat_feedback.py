"""POST /agents/conversations/chat: feedback on the conversation, its turns and their spans."""

from typing import Any

from tests.client import Client, Sent, said, span_id, trace_id


async def send_judged(client: Client) -> None:
    """A turn with an agent that answers itself, and a user message."""
    agent = {
        "gen_ai.conversation.id": "c1",
        "gen_ai.input.messages": "Hi",
        "gen_ai.output.messages": "Hello.",
    }
    await client.send(Sent("10", "invoke_agent Bot", attributes=agent), said("20", "Bye.", trace="a2", start=1))


def shown_feedback(answer: dict[str, Any]) -> dict[str, Any]:
    """The types of feedback at each place: the answer, each turn, each message."""

    def types(rows: list[dict[str, Any]] | None) -> Any:
        return rows if rows is None else [row["feedback_type"] for row in rows]

    return {
        "conversation": types(answer["feedback"]),
        "turns": [types(turn["feedback"]) for turn in answer["turns"]],
        "messages": [[types(message["feedback"]) for message in turn["messages"]] for turn in answer["turns"]],
    }


async def test_feedback_is_null_everywhere_unless_asked_for(client: Client) -> None:
    await send_judged(client)
    for target in ({"conversationId": "c1"}, {"traceId": trace_id("a1")}, {"spanId": span_id("10")}):
        await client.feedback(target, "any.type")
    asked: tuple[dict[str, Any], ...] = ({}, {"include_feedback": False})
    for members in asked:
        assert shown_feedback(await client.chat("c1", **members)) == {
            "conversation": None,
            "turns": [None, None],
            "messages": [[None, None, None], [None]],
        }


async def test_without_feedback_lists_are_empty_and_messages_null(client: Client) -> None:
    await send_judged(client)
    assert shown_feedback(await client.chat("c1", include_feedback=True)) == {
        "conversation": [],
        "turns": [[], []],
        "messages": [[None, None, None], [None]],
    }


async def test_feedback_of_every_type_is_shown_where_it_was_given(client: Client) -> None:
    """Messages of one span share its feedback; a user message is of no span."""
    await send_judged(client)
    await client.feedback({"conversationId": "c1"}, "wandb.note.1")
    await client.feedback({"conversationId": "c1"}, "wandb.agent_user_feedback")
    await client.feedback({"traceId": trace_id("a1").upper()}, "wandb.agent_monitor")
    await client.feedback({"spanId": span_id("10")}, "custom")
    await client.feedback({"spanId": span_id("10")}, "wandb.reaction.1")
    await client.feedback({"conversationId": "c2"}, "elsewhere")
    await client.feedback({"traceId": trace_id("a9")}, "elsewhere")
    answer = await client.chat("c1", include_feedback=True)
    assert [message["type"] for message in answer["turns"][0]["messages"]] == [
        "user_message",
        "agent_start",
        "assistant_message",
    ]
    assert shown_feedback(answer) == {
        "conversation": ["wandb.note.1", "wandb.agent_user_feedback"],
        "turns": [["wandb.agent_monitor"], []],
        "messages": [[None, ["custom", "wandb.reaction.1"], ["custom", "wandb.reaction.1"]], [None]],
    }


async def test_a_row_of_feedback_has_the_members_that_clients_know(client: Client) -> None:
    await client.send(said("10", conversation="c 1/ä"))
    ids = [
        await client.feedback(
            {"conversationId": "c 1/ä"},
            "wandb.agent_user_feedback",
            tags=["👍🏽", ""],
            ratings=[
                {"name": "helpful", "value": 0.5, "reason": "Fast.", "confidence": 0.9},
                {"name": "kind", "value": 1, "reason": "", "confidence": 0},
                {"name": "right", "value": 2},
            ],
            payload={"a": [1, None, {"b": "ä"}]},
            creator="ann",
        ),
        await client.feedback({"traceId": trace_id("a1")}, "wandb.note.1"),
        await client.feedback({"spanId": span_id("10")}, "t"),
    ]
    answer = await client.chat("c 1/ä", include_feedback=True)
    [row] = answer["feedback"]
    assert row.pop("created_at").endswith("Z")
    assert row == {
        "id": ids[0],
        "feedback_type": "wandb.agent_user_feedback",
        "weave_ref": "weave:///acme/support/agent_conversation/c%201%2F%C3%A4",
        "payload": {"a": [1, None, {"b": "ä"}]},
        "creator": "ann",
        "wb_user_id": None,
        "runnable_ref": None,
        "call_ref": None,
        "trigger_ref": None,
        "annotation_ref": None,
        "scorer_tags": ["👍🏽", ""],
        "scorer_tag_reasons": {},
        "scorer_tag_confidences": {},
        "scorer_ratings": {"helpful": 0.5, "kind": 1.0, "right": 2.0},
        "scorer_rating_reasons": {"helpful": "Fast."},
        "scorer_rating_confidences": {"helpful": 0.9, "kind": 0.0},
    }
    [turn] = answer["turns"]
    [row] = turn["feedback"]
    assert (row["id"], row["weave_ref"]) == (ids[1], f"weave:///acme/support/agent_turn/{trace_id('a1')}")
    assert (row["payload"], row["creator"], row["scorer_tags"], row["scorer_ratings"]) == ({}, None, [], {})
