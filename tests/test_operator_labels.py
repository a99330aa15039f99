"""Conversations that operators rename and tag."""

from typing import Any

import pytest

from app import reproject
from app.reproject import traces_left
from db.engine import Database
from tests.client import PROJECT, Client, said

SHOWN = "conversation(id: $c) { name tags }"


async def shown(client: Client, conversation_id: str = "c1") -> Any:
    found = await client.ask(
        f"query($id: ID!, $c: ID!) {{ project(id: $id) {{ {SHOWN} }} }}", id=PROJECT, c=conversation_id
    )
    return found["project"]["conversation"]


async def rename(client: Client, name: str | None, conversation_id: str = "c1") -> Any:
    answer = await client.graphql(
        "mutation($i: RenameConversationInput!) { renameConversation(input: $i) { conversation { name } } }",
        i={"projectId": PROJECT, "conversationId": conversation_id, "name": name},
    )
    return answer if answer.get("errors") else answer["data"]["renameConversation"]["conversation"]["name"]


async def tag(client: Client, *tags: str, mutation: str = "tagConversation", conversation_id: str = "c1") -> Any:
    answer = await client.graphql(
        f"mutation($i: TagConversationInput!) {{ {mutation}(input: $i) {{ conversation {{ tags }} }} }}",
        i={"projectId": PROJECT, "conversationId": conversation_id, "tags": list(tags)},
    )
    return answer if answer.get("errors") else answer["data"][mutation]["conversation"]["tags"]


def problem(answer: Any) -> tuple[str, str]:
    [error] = answer["errors"]
    return error["extensions"]["code"], error["message"]


NAMED = {"gen_ai.conversation.name": "from spans"}


async def test_a_given_name_counts_for_more_than_that_of_spans_whatever_comes(
    client: Client, database: Database
) -> None:
    await client.send(said("10", "hello", attributes=NAMED))
    assert await rename(client, "  by hand ") == "by hand"
    await client.send(said("20", "more", trace="a2", start=500, attributes={"gen_ai.conversation.name": "newer"}))
    assert (await shown(client))["name"] == "by hand"
    left = await traces_left(database, PROJECT, every=True)
    await reproject.reproject(database, left, every=True, on_progress=lambda _: None)
    assert (await shown(client))["name"] == "by hand"
    listed = await client.in_project(
        'conversations { edges { node { name } } } conversationsByIds(ids: ["c1"]) { name }'
    )
    assert listed["conversations"]["edges"] == [{"node": {"name": "by hand"}}]
    assert listed["conversationsByIds"] == [{"name": "by hand"}]


@pytest.mark.parametrize("nothing", [None, "", "  "])
async def test_a_name_is_taken_back_by_giving_none(client: Client, nothing: str | None) -> None:
    await client.send(said("10", "hello", attributes=NAMED))
    await rename(client, "by hand")
    assert await rename(client, nothing) == "from spans"


async def test_tags_are_added_and_taken_away_each_once_and_stay(client: Client) -> None:
    await client.send(said("10", "hello"))
    assert await tag(client, "vip", "bug 🐛", " vip ") == ["bug 🐛", "vip"]
    assert await tag(client, "angry", "vip") == ["angry", "bug 🐛", "vip"]
    await client.send(said("20", "more", trace="a2", start=500))
    assert (await shown(client))["tags"] == ["angry", "bug 🐛", "vip"]
    assert await tag(client, "vip", "unknown", mutation="untagConversation") == ["angry", "bug 🐛"]
    listed = await client.in_project('conversationsByIds(ids: ["c1", "none"]) { tags erasedAt }')
    assert listed["conversationsByIds"] == [
        {"tags": ["angry", "bug 🐛"], "erasedAt": None},
        {"tags": [], "erasedAt": None},
    ]


async def tagged(client: Client, tag: str, more: str = "") -> list[str]:
    """Conversations that a filter by a tag finds."""
    found = await client.ask(
        f"query($id: ID!, $tag: String!) {{ project(id: $id) {{ conversations(filter: {{ tag: $tag {more} }}) "
        "{ totalCount edges { node { conversationId } } } } }",
        id=PROJECT,
        tag=tag,
    )
    page = found["project"]["conversations"]
    ids = [edge["node"]["conversationId"] for edge in page["edges"]]
    assert page["totalCount"] == len(ids)
    return ids


async def test_conversations_are_found_by_their_tags_whatever_comes(client: Client, database: Database) -> None:
    await client.send(said("10", "hello"), said("11", "hi", conversation="c2", trace="a2", start=500))
    await client.send(said("10", "elsewhere"), project="my-team/other")
    await tag(client, "vip", "bug 🐛")
    await tag(client, "vip", conversation_id="c2")
    assert await tagged(client, "vip") == ["c2", "c1"]
    assert await tagged(client, "bug 🐛") == ["c1"]
    assert await tagged(client, "Vip") == []
    assert await tagged(client, "vip", 'not: { tag: "bug 🐛" }') == ["c2"]

    await client.send(said("20", "more", trace="a3", start=900))
    left = await traces_left(database, PROJECT, every=True)
    await reproject.reproject(database, left, every=True, on_progress=lambda _: None)
    assert await tagged(client, "vip") == ["c1", "c2"]
    await tag(client, "vip", mutation="untagConversation")
    assert await tagged(client, "vip") == ["c2"]
    stats = await client.in_project(
        'stats(window: { after: "2026-01-01T00:00:00Z", before: "2026-01-02T00:00:00Z" }, filter: { tag: "vip" }) '
        "{ total { numbers { conversations } } }"
    )
    assert stats["stats"]["total"]["numbers"]["conversations"] == 1


async def test_a_conversation_that_is_not_there_gets_no_name_and_no_tag(client: Client, database: Database) -> None:
    await client.send(said("10", "hello"))
    for answer in (await rename(client, "x", "none"), await tag(client, "x", conversation_id="")):
        code, message = problem(answer)
        assert code == "UNKNOWN_CONVERSATION"
        assert "`conversations` lists" in message
    async with database.read() as reader:
        assert await reader.fetchval("select count(*) from conversation") == 1


async def test_names_and_tags_are_bounded(client: Client) -> None:
    await client.send(said("10", "hello"))
    assert problem(await rename(client, "x" * 201)) == (
        "INVALID_LABEL",
        "A name has at most 200 characters, got 201.",
    )
    for tags, said_of_it in (
        ([], "got 0"),
        ([""], "got 0"),
        (["x" * 101], "got 101"),
        ([*map(str, range(51))], "got 51"),
    ):
        code, message = problem(await tag(client, *tags))
        assert (code, said_of_it in message) == ("INVALID_LABEL", True)
    await tag(client, *map(str, range(40)))
    code, message = problem(await tag(client, *map(str, range(30, 60))))
    assert (code, "would have 60" in message) == ("INVALID_LABEL", True)
    assert len((await shown(client))["tags"]) == 40
