"""Demo conversations: recorded requests of real SDKs, sent through the way in with their times moved to the present.

The `.bin` files are OTLP request bodies as those SDKs sent them; recordings.json names SDK, version and licence.
"""

import json
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import TypedDict

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from app.ingest import Ingest
from db import feedback, projects, turns
from db.engine import Database, Writer
from domain.names import parse_project_id
from domain.otlp import BodyFormat, decompress
from domain.records import unix_ms

PROJECT_ID = "demo/agents"

CONVERSATION_ID = "conv-agents-1"
"""The demo conversation that GraphiQL's examples and the demo feedback are about."""

_MAX_BYTES = 16 * 1024 * 1024


class Recording(TypedDict):
    """One client's recorded traffic."""

    files: list[str]
    content_encoding: str
    sdk: str
    version: str
    licence: str
    minutes_ago: int
    """How long before now its last span is made to end."""


def recordings() -> list[Recording]:
    found: list[Recording] = json.loads(files(__name__).joinpath("recordings.json").read_text(encoding="utf-8"))
    return found


def requests_of(recording: Recording) -> list[ExportTraceServiceRequest]:
    return [
        ExportTraceServiceRequest.FromString(
            decompress(files(__name__).joinpath(name).read_bytes(), recording["content_encoding"], max_bytes=_MAX_BYTES)
        )
        for name in recording["files"]
    ]


async def load_demo(database: Database) -> None:
    """Store the demo conversations, the newest activity a few minutes ago. Run again, it moves them to the present."""
    now = datetime.now(UTC)
    for recording in recordings():
        requests = requests_of(recording)
        move_to(requests, now - timedelta(minutes=recording["minutes_ago"]))
        for request in requests:
            await Ingest(database).traces(request.SerializeToString(), BodyFormat.PROTOBUF, PROJECT_ID)
    await database.transact(_add_feedback)


def move_to(requests: Iterable[ExportTraceServiceRequest], end: datetime) -> None:
    """Shift all times by one amount, so that the last span ends at `end`."""
    requests = list(requests)
    latest = max(span.end_time_unix_nano for request in requests for span in _spans(request))
    shift = unix_ms(end) * 1_000_000 - latest
    for request in requests:
        for span in _spans(request):
            span.start_time_unix_nano += shift
            span.end_time_unix_nano += shift
            for event in span.events:
                event.time_unix_nano += shift


def _spans(request: ExportTraceServiceRequest) -> Iterable[Span]:
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            yield from scope_spans.spans


async def _add_feedback(writer: Writer) -> None:
    """A user's thumb and a reviewer's rating, so that minimap and chat have something to show; once."""
    project = await projects.ensure_project(writer, *parse_project_id(PROJECT_ID))
    if await feedback.feedback_by_target(writer, project.project_id, "conversation_id", [CONVERSATION_ID]):
        return
    pages = await turns.turns_by_conversation(writer, project.project_id, [CONVERSATION_ID], limit=1, backward=False)
    trace_id = pages[CONVERSATION_ID][0]["trace_id"]
    quality = {"name": "helpfulness", "value": 0.8, "reason": "Found the order at once.", "confidence": 0.9}
    for target, tags, ratings in (
        ({"conversation_id": CONVERSATION_ID}, ["resolved"], [quality]),
        ({"trace_id": trace_id}, ["\N{THUMBS UP SIGN}"], []),
    ):
        row = {
            "feedback_id": str(uuid.uuid4()),
            "conversation_id": "",
            "trace_id": "",
            "span_id": "",
            "feedback_type": "wandb.agent_user_feedback",
            "tags": tags,
            "ratings": ratings,
            "payload": {},
            "creator": "demo",
        }
        await feedback.insert_feedback(writer, project.project_id, {**row, **target})
