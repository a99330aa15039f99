"""The demo: recordings of real SDKs, stored as if they had just happened; GraphiQL's examples answer on them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app import demo
from app.demo import CONVERSATION_ID, PROJECT_ID, load_demo, recordings, requests_of
from db.engine import Database
from domain.otlp import BodyFormat, decode_traces
from tests.client import Client
from tests.examples import EXAMPLES, Example

FOLDER = Path(demo.__file__).parent

CONVERSATIONS = """
conversations {
  totalCount
  edges { node {
    conversationId name startedAt lastActivityAt turnCount spanCount messageCount errorCount agents
    usage { inputTokens } cost { totalUsd } feedback { creator tags }
    turns { edges { node { startedAt endedAt feedback { creator tags } messages { kind } } } }
  } }
}
"""


async def conversations(client: Client) -> list[dict[str, Any]]:
    found = await client.in_project(CONVERSATIONS, PROJECT_ID)
    assert found["conversations"]["totalCount"] == len(found["conversations"]["edges"])
    return [edge["node"] for edge in found["conversations"]["edges"]]


def seconds_ago(instant: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(instant)).total_seconds()


@pytest.fixture
async def demo_data(database: Database) -> None:
    await load_demo(database)


@pytest.mark.usefixtures("demo_data")
async def test_every_recording_makes_a_conversation_with_turns_and_messages(client: Client) -> None:
    found = await conversations(client)
    assert len(found) >= len(recordings())
    for conversation in found:
        assert conversation["turnCount"] >= 1
        assert conversation["messageCount"] >= 2
        kinds = {message["kind"] for edge in conversation["turns"]["edges"] for message in edge["node"]["messages"]}
        assert {"USER_MESSAGE", "ASSISTANT_MESSAGE"} <= kinds, conversation["conversationId"]


@pytest.mark.usefixtures("demo_data")
async def test_the_demo_happened_within_the_last_hours_and_ends_a_few_minutes_ago(client: Client) -> None:
    found = await conversations(client)
    assert 180 < seconds_ago(found[0]["lastActivityAt"]) < 300
    for conversation in found:
        assert seconds_ago(conversation["startedAt"]) < timedelta(hours=6).total_seconds()
        assert seconds_ago(conversation["lastActivityAt"]) > 60
    assert [one["lastActivityAt"] for one in found] == sorted((one["lastActivityAt"] for one in found), reverse=True)


@pytest.mark.usefixtures("demo_data")
async def test_each_recording_ends_as_long_ago_as_its_entry_says(client: Client) -> None:
    ages = sorted(round(seconds_ago(one["lastActivityAt"]) / 60) for one in await conversations(client))
    assert {entry["minutes_ago"] for entry in recordings()} <= set(ages)


@pytest.mark.usefixtures("demo_data")
async def test_the_demo_shows_tokens_costs_and_feedback(client: Client) -> None:
    found = {conversation["conversationId"]: conversation for conversation in await conversations(client)}
    used = [one["conversationId"] for one in found.values() if one["usage"]["inputTokens"] > 0]
    priced = [one["conversationId"] for one in found.values() if one["cost"] and one["cost"]["totalUsd"] > 0]
    assert used == priced
    assert len(used) >= len(recordings())
    assert found[CONVERSATION_ID]["feedback"] == [{"creator": "demo", "tags": ["resolved"]}]
    first_turn = found[CONVERSATION_ID]["turns"]["edges"][0]["node"]
    assert first_turn["feedback"] == [{"creator": "demo", "tags": ["\N{THUMBS UP SIGN}"]}]


def without_times(found: Any) -> Any:
    if isinstance(found, dict):
        return {name: without_times(value) for name, value in found.items() if not name.endswith("At")}
    return [without_times(item) for item in found] if isinstance(found, list) else found


@pytest.mark.usefixtures("demo_data")
async def test_loading_the_demo_again_adds_nothing_and_moves_it_to_the_present(
    client: Client, database: Database
) -> None:
    before = await conversations(client)
    await load_demo(database)
    after = await conversations(client)
    assert without_times(after) == without_times(before)
    assert min(one["lastActivityAt"] for one in after) > min(one["lastActivityAt"] for one in before)


@pytest.mark.usefixtures("demo_data")
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
async def test_the_examples_that_graphiql_opens_with_answer_on_the_demo(client: Client, example: Example) -> None:
    answer = await client.ask(example.query, **example.variables)
    assert "null" not in [str(value) for value in answer.values()]
    match example.name:
        case "NewestConversations":
            assert len(answer["project"]["conversations"]["edges"]) >= 4
        case "TurnsAndMessages":
            [edge] = answer["project"]["conversations"]["edges"]
            assert edge["node"]["turns"]["edges"][0]["node"]["messages"]
        case "SpanMinimap":
            [edge] = answer["project"]["conversations"]["edges"]
            assert edge["node"]["spans"]
        case _:
            found = await client.in_project(
                f'conversation(id: "{CONVERSATION_ID}") {{ feedback {{ id tags }} }}', PROJECT_ID
            )
            feedback = found["conversation"]["feedback"][-1]
            assert feedback == {"id": answer["createFeedback"]["id"], "tags": ["helpful"]}


# -- the recordings ---------------------------------------------------------------------------------------------------


def test_every_recorded_file_is_listed_once() -> None:
    listed = [name for recording in recordings() for name in recording["files"]]
    assert sorted(listed) == sorted(path.name for path in FOLDER.glob("*.bin"))


@pytest.mark.parametrize("recording", recordings(), ids=lambda recording: recording["files"][0])
def test_a_recording_names_its_sdk_its_version_and_its_licence(recording: demo.Recording) -> None:
    assert set(recording) == {"files", "content_encoding", "sdk", "version", "licence", "minutes_ago"}
    assert recording["sdk"]
    assert recording["version"][0].isdigit()
    assert recording["licence"] in {"Apache-2.0", "MIT", "BSD-3-Clause"}


@pytest.mark.parametrize("recording", recordings(), ids=lambda recording: recording["files"][0])
def test_a_recording_is_readable_and_nothing_in_it_is_rejected(recording: demo.Recording) -> None:
    for request in requests_of(recording):
        decoded = decode_traces(request.SerializeToString(), BodyFormat.PROTOBUF)
        assert (decoded.rejected, bool(decoded.spans)) == (0, True)


def test_no_recording_holds_a_credential_or_a_persons_path() -> None:
    for recording in recordings():
        for request in requests_of(recording):
            body = request.SerializeToString().lower()
            for secret in (b"sk-", b"api_key", b"authorization", b"bearer ", b"/home/", b"/users/"):
                assert secret not in body, (recording["files"], secret)
