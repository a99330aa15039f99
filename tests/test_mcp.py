"""What coding agents may ask by the Model Context Protocol: each tool, its bounds, and who is let in."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp.shared.exceptions import MCPError
from pydantic import SecretStr

from app.main import create_app
from app.mcp.bounded import MAX_ANSWER_BYTES, as_many_as_fit, cut, size_of
from app.mcp.tools import TOOLS
from app.settings import Settings
from db.engine import Database
from domain.access import KeyScope
from graphql_schema.schema import build_schema
from tests.api_keys import OPERATOR_KEY, bearer, made
from tests.client import PROJECT, Client, Sent, said, span_id, trace_id
from tests.listening import listening
from tests.mcp_client import Agent, Refused
from tests.searched import index_all

CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "list_projects"}}
ACCEPT = {"accept": "application/json, text/event-stream"}


@pytest.fixture
async def port(settings: Settings, database: Database) -> AsyncIterator[int]:
    async with listening(create_app(settings, database), settings) as port:
        yield port


@pytest.fixture
async def client(port: int) -> AsyncIterator[Client]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        yield Client(http)


@pytest.fixture
def coder(port: int) -> Agent:
    return Agent(port)


def asked(text: str, **fields: Any) -> Sent:
    """A call of a model in the conversation c1, with what the user asked and an answer."""
    attributes = {
        "gen_ai.conversation.id": "c1",
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-5-mini",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.input.messages": json.dumps([{"role": "user", "content": text}]),
        "gen_ai.output.messages": f"answer to {text}",
    }
    return Sent(name="chat", attributes=attributes | fields.pop("attributes", {}), **fields)


def tool_call(span: str, trace: str, arguments: str = '{"id": 1}', **fields: Any) -> Sent:
    attributes = {
        "gen_ai.conversation.id": "c1",
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "lookup",
        "gen_ai.tool.call.arguments": arguments,
        "gen_ai.tool.call.result": "nothing",
    }
    return Sent(span, "execute_tool lookup", trace=trace, attributes=attributes, **fields)


async def talk(client: Client) -> None:
    """Two turns of c1, the second with a tool that failed, and a turn of c2."""
    await client.send(
        asked("first question", span="10", trace="a1"),
        Sent("20", "invoke_agent helper", trace="a2", start=1000, attributes={"gen_ai.conversation.id": "c1"}),
        asked("second question", span="21", trace="a2", parent="20", start=1000),
        tool_call("22", "a2", parent="20", start=1050, status="ERROR", status_message="out of order"),
        said("30", "elsewhere", conversation="c2", trace="b1", start=500),
    )


# -- the tools --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_an_agent_of_either_handshake_finds_the_tools_and_their_arguments(port: int, mode: str) -> None:
    coder = Agent(port, mode=mode)
    async with coder.connected() as client:
        listed = (await client.list_tools()).tools
    assert await coder.call("list_projects") == {"projects": []}
    assert [tool.name for tool in listed] == list(TOOLS)
    for tool in listed:
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint is True
        assert len(tool.description or "") > 40
        assert all("description" in told for told in tool.input_schema["properties"].values())
    found = next(tool for tool in listed if tool.name == "find_conversations")
    assert found.input_schema["required"] == ["project"]
    assert found.input_schema["properties"]["first"]["maximum"] == 50


def test_each_tool_is_on_the_page_for_those_who_set_agents_up() -> None:
    page = (Path(__file__).resolve().parent.parent / "docs" / "mcp.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == list(TOOLS)
    assert f"{MAX_ANSWER_BYTES:,} bytes" in page


async def test_list_projects_names_what_was_stored(client: Client, coder: Agent) -> None:
    await talk(client)
    assert await coder.call("list_projects") == {"projects": [PROJECT]}


async def test_find_conversations_gives_pages_in_the_order_that_is_asked_for(client: Client, coder: Agent) -> None:
    await talk(client)
    page = await coder.ask("find_conversations", first=1)
    assert page["totalCount"] == 2
    assert [one["conversationId"] for one in page["conversations"]] == ["c1"]
    rest = await coder.ask("find_conversations", first=1, after=page["next"])
    assert [one["conversationId"] for one in rest["conversations"]] == ["c2"]
    assert "next" not in rest
    oldest = await coder.ask("find_conversations", orderBy="TURNS", ascending=True)
    assert [(one["conversationId"], one["turnCount"]) for one in oldest["conversations"]] == [("c2", 1), ("c1", 2)]


@pytest.mark.parametrize(
    "conditions",
    [
        {"hasError": True},
        {"model": "gpt-5-mini"},
        {"tool": "lookup", "text": "second"},
        {"tag": "vip"},
        {"feedbackTag": "bad"},
        {"activeAfter": "2026-01-01T00:00:00.600Z"},
        {"minCostUsd": 0.00001},
    ],
    ids=lambda conditions: next(iter(conditions)),
)
async def test_find_conversations_takes_conditions(client: Client, coder: Agent, conditions: dict[str, Any]) -> None:
    await talk(client)
    await client.feedback({"conversationId": "c1"}, "review", tags=["bad"])
    await client.ask(
        "mutation($i: TagConversationInput!) { tagConversation(input: $i) { conversation { tags } } }",
        i={"projectId": PROJECT, "conversationId": "c1", "tags": ["vip"]},
    )
    found = await coder.ask("find_conversations", **conditions)
    assert [one["conversationId"] for one in found["conversations"]] == ["c1"]


async def test_get_conversation_shows_the_newest_turns_and_where_older_ones_are(client: Client, coder: Agent) -> None:
    await talk(client)
    newest = await coder.ask("get_conversation", conversationId="c1", turns=1)
    assert (newest["turnCount"], newest["errorCount"]) == (2, 1)
    [turn] = newest["turns"]
    assert turn["traceId"] == trace_id("a2")
    assert [message["kind"] for message in turn["messages"]] == ["USER_MESSAGE", "ASSISTANT_MESSAGE", "TOOL_CALL"]
    older = await coder.ask("get_conversation", conversationId="c1", turns=1, before=newest["older"])
    assert [turn["traceId"] for turn in older["turns"]] == [trace_id("a1")]
    assert "older" not in older


async def test_get_turn_shows_the_tools_and_why_a_span_failed(client: Client, coder: Agent) -> None:
    await talk(client)
    turn = await coder.ask("get_turn", conversationId="c1", traceId=trace_id("a2"))
    [called] = [message for message in turn["messages"] if message["kind"] == "TOOL_CALL"]
    assert (called["toolName"], called["arguments"], called["result"]) == ("lookup", '{"id": 1}', "nothing")
    assert turn["failedSpans"] == [
        {"spanId": span_id("22"), "name": "execute_tool lookup", "status": "ERROR", "statusMessage": "out of order"}
    ]
    assert turn["usage"]["inputTokens"] == 100


async def test_search_messages_marks_what_was_looked_for(client: Client, coder: Agent, database: Database) -> None:
    await talk(client)
    await index_all(database)
    found = await coder.ask("search_messages", text="question", kinds=["USER_MESSAGE"], first=1)
    [hit] = found["hits"]
    assert (hit["traceId"], hit["snippets"]) == (trace_id("a2"), ["second «question»"])
    more = await coder.ask("search_messages", text="question", kinds=["USER_MESSAGE"], first=1, after=found["next"])
    assert [hit["snippets"] for hit in more["hits"]] == [["first «question»"]]


WINDOW = {"after": "2025-12-30T00:00:00Z", "before": "2026-01-03T00:00:00Z"}


async def test_stats_leave_out_days_without_turns(client: Client, coder: Agent) -> None:
    await talk(client)
    stats = await coder.ask("stats", **WINDOW, groupBy="MODEL")
    assert (stats["total"]["turns"], stats["total"]["modelCalls"]) == (3, 3)
    assert [bucket["startsAt"] for bucket in stats["buckets"]] == ["2026-01-01T00:00:00Z"]
    assert [(group["name"], group["turns"]) for group in stats["groups"]] == [("gpt-5-mini", 2)]


@pytest.mark.parametrize(("of", "name"), [("models", "gpt-5-mini"), ("tools", "lookup")])
async def test_rank_tells_of_one_kind(client: Client, coder: Agent, of: str, name: str) -> None:
    await talk(client)
    found = await coder.ask("rank", of=of, orderBy="FAILURES", **WINDOW)
    assert list(found) == [of]
    assert found[of][0]["name"] == name


async def test_an_agent_writes_a_query_of_its_own_by_the_schema(client: Client, coder: Agent) -> None:
    await talk(client)
    told = await coder.call("graphql_type", type="Cost")
    assert "totalUsd: Float!" in told["definition"]
    query = "query($id: ID!) { project(id: $id) { conversation(id: $id) { name } conversations { totalCount } } }"
    answer = await coder.call("query_graphql", query=query, variables={"id": PROJECT})
    assert answer == {"data": {"project": {"conversation": None, "conversations": {"totalCount": 2}}}}


async def test_the_schema_is_a_resource(coder: Agent) -> None:
    async with coder.connected() as client:
        [resource] = (await client.list_resources()).resources
        [content] = (await client.read_resource(resource.uri)).contents
    assert content.model_dump()["text"] == build_schema().as_str() + "\n"


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tool", "arguments", "told"),
    [
        (
            "query_graphql",
            {"query": "mutation { revokeApiKey(input: {keyId: 1}) { apiKey { keyId } } }"},
            "Only queries",
        ),
        (
            "query_graphql",
            {"query": f'subscription {{ conversationUpdated(projectId: "{PROJECT}") {{ cursor }} }}'},
            "Only queries",
        ),
        ("query_graphql", {"query": ""}, "empty"),
        ("query_graphql", {"query": "{ nothing }"}, "Cannot query field 'nothing'"),
        ("query_graphql", {"query": "{ __typename " * 30 + "}" * 30}, "QUERY_TOO_DEEP"),
        ("find_conversations", {"project": PROJECT, "first": 51}, "first: Input should be less than or equal to 50"),
        ("find_conversations", {"project": PROJECT, "where": "x"}, "where: Extra inputs are not permitted"),
        ("find_conversations", {"project": PROJECT, "after": "x"}, "INVALID_CURSOR"),
        ("find_conversations", {"project": "odd"}, "INVALID_PROJECT_ID"),
        ("find_conversations", {"project": "acme/none"}, "list_projects"),
        ("get_conversation", {"project": PROJECT, "conversationId": "none"}, "find_conversations"),
        ("get_turn", {"project": PROJECT, "conversationId": "c1", "traceId": trace_id("ff")}, "get_conversation"),
        ("get_turn", {"project": PROJECT, "conversationId": "c1", "traceId": "", "fromPosition": -1}, "fromPosition"),
        ("search_messages", {"project": PROJECT, "text": "%"}, "INVALID_SEARCH"),
        ("stats", {"project": PROJECT, "timeZone": "Mars"}, "UNKNOWN_TIME_ZONE"),
        ("graphql_type", {"type": "Nothing"}, "ConversationFilter"),
    ],
)
async def test_what_a_tool_cannot_do_is_told_with_what_can_be_done(
    client: Client, coder: Agent, tool: str, arguments: dict[str, Any], told: str
) -> None:
    await talk(client)
    with pytest.raises(Refused, match=told):
        await coder.call(tool, **arguments)


async def test_unknown_tools_and_resources_are_errors_of_the_protocol(coder: Agent) -> None:
    async with coder.connected() as client:
        with pytest.raises(MCPError, match="There are: list_projects"):
            await client.call_tool("drop_tables")
        with pytest.raises(MCPError, match=r"There is turngraph://schema\.graphql"):
            await client.read_resource("file:///etc/passwd")


async def test_what_breaks_in_the_server_is_told_by_its_id_alone(
    coder: Agent, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise KeyError("a secret")

    monkeypatch.setattr(TOOLS["list_projects"], "answer", broken)
    with pytest.raises(Refused) as refused:
        await coder.call("list_projects")
    assert "a secret" not in str(refused.value)
    [record] = [record for record in caplog.records if record.name == "turngraph.mcp"]
    assert record.__dict__["fields"]["error_id"] in str(refused.value)


class TestInTime:
    @pytest.fixture
    def settings(self) -> Settings:
        return Settings(request_timeout=2)

    async def test_a_tool_that_takes_too_long_is_ended_as_any_request_is(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ended = asyncio.Event()

        async def endless(*_: object) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        monkeypatch.setattr(TOOLS["list_projects"], "answer", endless)
        answer = await client.http.post("/mcp", json=CALL, headers=ACCEPT, timeout=60)
        assert answer.status_code == 504
        async with asyncio.timeout(30):
            await ended.wait()


# -- bounds -----------------------------------------------------------------------------------------------------------


async def test_a_large_conversation_is_told_in_answers_that_fit(client: Client, coder: Agent) -> None:
    """20 turns, each with 40 tool calls whose arguments are 10,000 characters long, and one of 200,000."""
    long = "e" * 10_000
    for turn in range(20):
        trace = f"{turn + 1:x}"
        calls = [tool_call(f"{turn + 1:x}{n:02x}", trace, long, start=turn * 1000 + n, parent="10") for n in range(40)]
        root = asked("what?", span="10", trace=trace, start=turn * 1000)
        await client.send(root, *calls)
    await client.send(tool_call("900", "14", "é" * 200_000, start=19_500, parent="10"))

    seen: list[str] = []
    before: dict[str, str] = {}
    while True:
        text = await coder.text("get_conversation", project=PROJECT, conversationId="c1", turns=20, **before)
        assert len(text.encode()) <= MAX_ANSWER_BYTES
        page = json.loads(text)
        seen = [turn["traceId"] for turn in page["turns"]] + seen
        assert all(turn["messagesLeftOut"] > 10 for turn in page["turns"])
        if "older" not in page:
            break
        before = {"before": page["older"]}
    assert seen == [trace_id(f"{turn + 1:x}") for turn in range(20)]

    positions: list[int] = []
    whole = {"project": PROJECT, "conversationId": "c1", "traceId": trace_id("14"), "maxChars": 20_000}
    start, is_cut = 0, False
    while True:
        text = await coder.text("get_turn", **whole, fromPosition=start)
        assert len(text.encode()) <= MAX_ANSWER_BYTES
        page = json.loads(text)
        positions += [message["position"] for message in page["messages"]]
        is_cut = is_cut or " of 200,000 characters left out]" in text
        if "nextPosition" not in page:
            break
        start = page["nextPosition"]
    assert positions == sorted(set(positions))
    assert len(positions) >= 42
    assert is_cut


async def test_a_conversation_with_very_many_tags_can_be_read(client: Client, coder: Agent) -> None:
    await talk(client)
    for start in range(0, 2_000, 100):
        tags = [f"{start + number} {'t' * 60}" for number in range(100)]
        await client.feedback({"conversationId": "c1"}, "review", tags=tags)
    summary = (await coder.ask("get_conversation", conversationId="c1"))["feedbackSummary"]
    assert (summary["count"], len(summary["tags"])) == (20, 20)


async def test_a_query_whose_answer_is_too_large_is_refused_with_the_way_under_it(client: Client, coder: Agent) -> None:
    await client.send(*(asked("e" * 5_000, span=f"{n:x}", trace=f"{n:x}", start=n) for n in range(1, 21)))
    turns = "turns { edges { node { messages { ... on UserMessage { text } } } } }"
    query = f'query($p: ID!) {{ project(id: $p) {{ conversation(id: "c1") {{ {turns} }} }} }}'
    with pytest.raises(Refused, match=r"ANSWER_TOO_LARGE: .* fewer fields or fewer elements"):
        await coder.call("query_graphql", query=query, variables={"p": PROJECT})


def test_texts_say_how_much_of_them_is_missing() -> None:
    assert cut("four", 4) == "four"
    assert cut("abcdefgh", 3) == "abc… [5 of 8 characters left out]"


def test_the_first_item_is_cut_until_it_fits_and_the_rest_ends_where_there_is_no_room() -> None:
    shown = as_many_as_fit([{"text": "x" * 5_000}, {"text": "y" * 10}, {"text": "z" * 900}], chars=4_000, room=700)
    assert [one["text"][0] for one in shown] == ["x", "y"]
    assert size_of(shown[0]) <= 700


# -- who is let in ----------------------------------------------------------------------------------------------------


class TestWithKeys:
    @pytest.fixture
    def settings(self) -> Settings:
        return Settings(api_key=SecretStr(OPERATOR_KEY), cors_origins="https://app.example.com")

    async def test_a_key_of_one_project_sees_nothing_of_another(self, port: int, database: Database) -> None:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=bearer(OPERATOR_KEY)) as http:
            for project in (PROJECT, "acme/other"):
                await Client(http).send(asked("mine?", span="10"), project=project)
        key = await made(database, [KeyScope.READ], PROJECT)
        coder = Agent(port, key)
        assert await coder.call("list_projects") == {"projects": [PROJECT]}
        assert (await coder.ask("find_conversations"))["totalCount"] == 1
        for project in ("acme/other", "acme/none"):
            with pytest.raises(Refused, match="There is no such project, or the key does not reach it"):
                await coder.call("find_conversations", project=project)
        query = '{ project(id: "acme/other") { projectId } }'
        assert await coder.call("query_graphql", query=query) == {"data": {"project": None}}

    async def test_without_a_good_key_and_its_scope_there_is_no_answer(self, port: int, database: Database) -> None:
        feedback = await made(database, [KeyScope.FEEDBACK])
        statuses = {}
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=ACCEPT) as http:
            for name, key in {"none": "", "wrong": "x", "feedback": feedback, "operator": OPERATOR_KEY}.items():
                statuses[name] = (await http.post("/mcp", json=CALL, headers=bearer(key))).status_code
            basic = await http.post("/mcp", json=CALL, auth=("api", OPERATOR_KEY))
        assert statuses == {"none": 401, "wrong": 401, "feedback": 403, "operator": 200}
        assert basic.status_code == 200

    @pytest.mark.parametrize(
        ("origin", "status"),
        [
            ("https://app.example.com", 200),
            ("http://127.0.0.1:8000", 403),
            ("https://evil.example", 403),
            ("null", 403),
        ],
    )
    async def test_a_page_may_ask_only_where_its_origin_is_named(self, port: int, origin: str, status: int) -> None:
        headers = ACCEPT | bearer(OPERATOR_KEY) | {"origin": origin}
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
            answer = await http.post("/mcp", json=CALL, headers=headers)
        assert answer.status_code == status
        assert "TURNGRAPH_CORS_ORIGINS" in answer.text or status == 200


class TestSwitches:
    @pytest.fixture
    def settings(self) -> Settings:
        return Settings(introspection=False, documents="registered", max_json_bytes=10_000)

    async def test_an_agent_is_told_no_more_than_other_clients(self, coder: Agent) -> None:
        async with coder.connected() as client:
            assert (await client.list_resources()).resources == []
            with pytest.raises(MCPError, match="switched off"):
                await client.read_resource("turngraph://schema.graphql")
        with pytest.raises(Refused, match="switched off"):
            await coder.call("graphql_type")
        with pytest.raises(Refused, match="DOCUMENT_NOT_REGISTERED"):
            await coder.call("query_graphql", query="{ projects { projectId } }")
        assert await coder.call("list_projects") == {"projects": []}

    async def test_a_body_has_the_bound_of_other_doors(self, port: int) -> None:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=ACCEPT) as http:
            answer = await http.post("/mcp", json=CALL | {"more": "x" * 10_000})
        assert answer.status_code == 413
        assert "TURNGRAPH_MAX_JSON_BYTES" in answer.json()["reason"]


async def test_there_are_no_sessions_to_open_or_end(client: Client) -> None:
    for method in ("GET", "DELETE"):
        assert (await client.http.request(method, "/mcp", headers=ACCEPT)).status_code == 405
    answer = await client.http.post("/mcp", json=CALL, headers=ACCEPT)
    assert "mcp-session-id" not in answer.headers
