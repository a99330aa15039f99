"""Where reading starts: projects, a conversation, turns and spans one by one, and every node by its id."""

import base64
from typing import Any

import pytest

from tests.client import PROJECT, Client, Sent, span_id, trace_id

TRACE, SPAN = trace_id("a1"), span_id("10")

NODE = "query($id: ID!) { node(id: $id) { __typename id } }"


def node_id(text: str | bytes) -> str:
    return base64.urlsafe_b64encode(text if isinstance(text, bytes) else text.encode()).decode().rstrip("=")


async def send_one(client: Client, conversation_id: str = "c1", project: str = PROJECT) -> None:
    await client.send(Sent("10", "chat m", attributes={"gen_ai.conversation.id": conversation_id}), project=project)


async def test_before_anything_was_sent_there_is_no_project(client: Client) -> None:
    assert await client.ask('{ projects { projectId } project(id: "acme/support") { id } }') == {
        "projects": [],
        "project": None,
    }


async def test_projects_are_listed_by_entity_and_name_in_byte_order(client: Client) -> None:
    for project in ("beta/x", "acme/b", "acme/B", "acme/a", "acme-1/a"):
        await send_one(client, project=project)
    listed = (await client.ask("{ projects { projectId } }"))["projects"]
    assert [project["projectId"] for project in listed] == ["acme/B", "acme/a", "acme/b", "acme-1/a", "beta/x"]


FIRST_FEEDBACK = """
mutation($id: String!) {
  createFeedback(input: { projectId: $id, target: { conversationId: "c1" }, feedbackType: "x" }) { id }
}"""

FIRST_PRICE = """
mutation($id: String!) {
  setModelPrice(input: { projectId: $id, model: "m", inputUsdPerToken: 1, outputUsdPerToken: 1 }) { model }
}"""


@pytest.mark.parametrize("mutation", [FIRST_FEEDBACK, FIRST_PRICE], ids=["feedback", "price"])
async def test_a_project_is_made_at_its_first_write(client: Client, mutation: str) -> None:
    await client.ask(mutation, id="new/one")
    await client.ask(mutation, id="new/one")
    assert await client.ask("{ projects { projectId } }") == {"projects": [{"projectId": "new/one"}]}


async def test_reading_makes_no_project(client: Client) -> None:
    assert await client.in_project("id", "never/written") is None
    assert await client.ask("{ projects { projectId } }") == {"projects": []}


@pytest.mark.parametrize("project", ["", "acme", "/support", "acme/", "acme/support/x", "a" * 257 + "/b", "a/\0"])
async def test_a_malformed_project_id_is_explained(client: Client, project: str) -> None:
    code, message = await client.error("query($id: ID!) { project(id: $id) { id } }", id=project)
    assert code == "INVALID_PROJECT_ID"
    assert message.startswith("A project id has the form entity/project, got ")
    assert len(message) < 200


async def test_a_conversation_says_what_its_turns_add_up_to(client: Client) -> None:
    await client.send(
        Sent(
            "10",
            "invoke_agent Triage",
            end=900,
            attributes={"gen_ai.conversation.id": "c1", "gen_ai.conversation.name": "Old name"},
        ),
        Sent(
            "11",
            "chat gpt",
            parent="10",
            start=100,
            end=300,
            attributes={
                "gen_ai.request.model": "gpt",
                "gen_ai.usage.input_tokens": 100,
                "gen_ai.usage.output_tokens": 20,
                "gen_ai.usage.cache_read.input_tokens": 30,
                "gen_ai.usage.cache_creation.input_tokens": 5,
                "gen_ai.usage.reasoning.output_tokens": 7,
                "gen_ai.input.messages": '[{"role": "user", "content": "Hi"}]',
                "gen_ai.output.messages": '[{"role": "assistant", "content": "Hello"}]',
            },
        ),
        Sent(
            "20",
            "invoke_agent Billing",
            trace="a2",
            start=2000,
            end=2500,
            status="ERROR",
            attributes={"gen_ai.conversation.id": "c1", "gen_ai.conversation.name": "New name"},
        ),
    )
    found = await client.in_project(
        """conversation(id: "c1") {
            conversationId name startedAt lastActivityAt turnCount spanCount messageCount errorCount agents
            usage { inputTokens outputTokens cacheReadTokens cacheWriteTokens reasoningTokens }
        }"""
    )
    assert found["conversation"] == {
        "conversationId": "c1",
        "name": "New name",
        "startedAt": "2026-01-01T00:00:00Z",
        "lastActivityAt": "2026-01-01T00:00:02.500000Z",
        "turnCount": 2,
        "spanCount": 3,
        "messageCount": 5,
        "errorCount": 1,
        "agents": ["Triage", "Billing"],
        "usage": {
            "inputTokens": 100,
            "outputTokens": 20,
            "cacheReadTokens": 30,
            "cacheWriteTokens": 5,
            "reasoningTokens": 7,
        },
    }


async def test_a_conversation_without_turns_is_null(client: Client) -> None:
    await send_one(client)
    found = await client.in_project('unknown: conversation(id: "c2") { id } empty: conversation(id: "") { id }')
    assert found == {"unknown": None, "empty": None}


async def test_a_turn_shows_the_root_span_and_sums(client: Client) -> None:
    await client.send(
        Sent(
            "10",
            "invoke_agent Triage",
            start=100,
            end=1100.4,
            status="OK",
            attributes={
                "gen_ai.conversation.id": "c1",
                "gen_ai.agent.name": "Triage",
                "gen_ai.agent.version": "7",
                "gen_ai.provider.name": "OpenAI",
            },
        ),
        Sent("11", "chat m", parent="10", start=200, end=1500, status="ERROR"),
    )
    found = await client.in_project(
        f"""turn(conversationId: "c1", traceId: "{TRACE.upper()}") {{
            traceId conversationId conversationIdSource dialect rootSpanId rootSpanName agentName agentVersion status
            provider agents startedAt endedAt lastActivityAt durationMs spanCount messageCount errorCount
            conversation {{ conversationId }}
        }}"""
    )
    assert found["turn"] == {
        "traceId": TRACE,
        "conversationId": "c1",
        "conversationIdSource": "gen_ai.conversation.id",
        "dialect": None,
        "rootSpanId": SPAN,
        "rootSpanName": "Triage",
        "agentName": "Triage",
        "agentVersion": "7",
        "status": "OK",
        "provider": "openai",
        "agents": ["Triage"],
        "startedAt": "2026-01-01T00:00:00.100000Z",
        "endedAt": "2026-01-01T00:00:01.100400Z",
        "lastActivityAt": "2026-01-01T00:00:01.500000Z",
        "durationMs": 1000,
        "spanCount": 2,
        "messageCount": 2,
        "errorCount": 1,
        "conversation": {"conversationId": "c1"},
    }


async def test_an_open_turn_has_no_end(client: Client) -> None:
    await client.send(Sent("10", "work", end=None, attributes={"gen_ai.conversation.id": "c1"}))
    found = await client.in_project(
        f"""turn(conversationId: "c1", traceId: "{TRACE}") {{
            rootSpanName agentName agentVersion provider status endedAt durationMs
        }}
        span(traceId: "{TRACE}", spanId: "{SPAN}") {{ endedAt durationMs }}"""
    )
    assert found == {
        "turn": {
            "rootSpanName": "work",
            "agentName": None,
            "agentVersion": None,
            "provider": None,
            "status": "UNSET",
            "endedAt": None,
            "durationMs": 0,
        },
        "span": {"endedAt": None, "durationMs": 0},
    }


async def test_spans_without_a_conversation_make_a_turn_of_no_conversation(client: Client) -> None:
    await client.send(Sent("10", "work"))
    found = await client.in_project(
        f"""turn(conversationId: "", traceId: "{TRACE}") {{ conversationId conversation {{ id }} spans {{ spanId }} }}
        span(traceId: "{TRACE}", spanId: "{SPAN}") {{ conversationId turn {{ conversationId }} }}
        conversations {{ totalCount edges {{ cursor }} }}"""
    )
    assert found == {
        "turn": {"conversationId": "", "conversation": None, "spans": [{"spanId": SPAN}]},
        "span": {"conversationId": None, "turn": {"conversationId": ""}},
        "conversations": {"totalCount": 0, "edges": []},
    }


async def test_work_without_any_id_makes_a_conversation_of_its_trace(client: Client) -> None:
    await client.send(Sent("10", "chat m", attributes={"gen_ai.output.messages": "hi"}))
    found = await client.in_project(
        f"""conversations {{ edges {{ node {{ conversationId turnCount }} }} }}
        conversation(id: "{TRACE}") {{
            turns {{ edges {{ node {{ traceId conversationId conversationIdSource spans {{ conversationId }} }} }} }}
        }}"""
    )
    assert found == {
        "conversations": {"edges": [{"node": {"conversationId": TRACE, "turnCount": 1}}]},
        "conversation": {
            "turns": {
                "edges": [
                    {
                        "node": {
                            "traceId": TRACE,
                            "conversationId": TRACE,
                            "conversationIdSource": "trace",
                            "spans": [{"conversationId": None}],
                        }
                    }
                ]
            }
        },
    }


async def test_unknown_turns_and_spans_are_null(client: Client) -> None:
    await send_one(client)
    found = await client.in_project(
        f"""other: turn(conversationId: "c2", traceId: "{TRACE}") {{ id }}
        another: turn(conversationId: "c1", traceId: "{trace_id("b2")}") {{ id }}
        span(traceId: "{trace_id("b2")}", spanId: "{SPAN}") {{ id }}"""
    )
    assert found == {"other": None, "another": None, "span": None}


async def test_a_span_is_found_by_ids_in_either_case(client: Client) -> None:
    await client.send(Sent("ab", trace="cd", attributes={"gen_ai.conversation.id": "c1"}))
    found = await client.in_project(
        f'span(traceId: "{trace_id("CD")}", spanId: "{span_id("aB")}") {{ traceId spanId turn {{ conversationId }} }}'
    )
    assert found["span"] == {"traceId": trace_id("cd"), "spanId": span_id("ab"), "turn": {"conversationId": "c1"}}


# -- nodes ------------------------------------------------------------------------------------------------------------


async def test_every_node_is_found_again_by_its_id(client: Client) -> None:
    await send_one(client, "a conversation: 50% / ü")
    found: dict[str, Any] = await client.in_project(
        f"""__typename id
        conversation(id: "a conversation: 50% / ü") {{ __typename id }}
        turn(conversationId: "a conversation: 50% / ü", traceId: "{TRACE}") {{ __typename id }}
        span(traceId: "{TRACE}", spanId: "{SPAN}") {{ __typename id }}"""
    )
    nodes = [{"__typename": found.pop("__typename"), "id": found.pop("id")}, *found.values()]
    assert [node["__typename"] for node in nodes] == ["Project", "Conversation", "Turn", "Span"]
    for node in nodes:
        assert await client.ask(NODE, id=node["id"]) == {"node": node}


async def test_a_node_has_the_fields_of_its_type(client: Client) -> None:
    await send_one(client)
    conversation = (await client.in_project('conversation(id: "c1") { id }'))["conversation"]
    found = await client.ask(
        """query($id: ID!) {
            node(id: $id) { ... on Conversation { conversationId turns { edges { node { traceId } } } } }
        }""",
        id=conversation["id"],
    )
    assert found["node"] == {"conversationId": "c1", "turns": {"edges": [{"node": {"traceId": TRACE}}]}}


async def test_the_id_of_an_empty_conversation_finds_nothing_until_it_has_turns(client: Client) -> None:
    await send_one(client)
    [empty] = (await client.in_project('conversationsByIds(ids: ["later"]) { id }'))["conversationsByIds"]
    assert await client.ask(NODE, id=empty["id"]) == {"node": None}
    await client.send(Sent("20", trace="a2", attributes={"gen_ai.conversation.id": "later"}))
    assert await client.ask(NODE, id=empty["id"]) == {"node": {"__typename": "Conversation", "id": empty["id"]}}


@pytest.mark.parametrize(
    "id_",
    [
        "",
        "é",
        "a",
        "not base64!",
        PROJECT,
        node_id(b"\xff\xfe"),
        node_id("Project"),
        node_id("Project:acme"),
        node_id("Project:other%2Fproject"),
        node_id("Project:acme%2Fsupport:too:many"),
        node_id("Feedback:acme%2Fsupport:c1"),
        node_id("Conversation:acme%2Fsupport"),
        node_id("Conversation:acme%2Fsupport:c2"),
        node_id("Conversation:acme%2Fsupport:%00"),
        node_id("Conversation:acme%2Fsupport:%ff"),
        node_id("Conversation:other%2Fproject:c1"),
        node_id("Turn:acme%2Fsupport:c1"),
        node_id("Turn:acme%2Fsupport:%00:%00"),
        node_id(f"Turn:other%2Fproject:c1:{TRACE}"),
        node_id("Span:acme%2Fsupport:%00:%00"),
        node_id(f"Span:acme%2Fsupport:{TRACE}:{SPAN}:0"),
        node_id(f"Message:acme%2Fsupport:c1:{TRACE}:0"),
    ],
)
async def test_an_id_that_names_nothing_gives_null(client: Client, id_: str) -> None:
    await send_one(client)
    assert await client.graphql(NODE, id=id_) == {"data": {"node": None}}
