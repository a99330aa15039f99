"""The parts of a span that are read from it as received: groups of plain fields."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

import strawberry
from strawberry.scalars import JSON

from domain import dialects, records
from graphql_schema.scalars import Int64

_PORTS = range(1 << 16)


@strawberry.enum(description="OTLP's span kind.")
class SpanKind(Enum):
    UNSPECIFIED = "UNSPECIFIED"
    INTERNAL = "INTERNAL"
    SERVER = "SERVER"
    CLIENT = "CLIENT"
    PRODUCER = "PRODUCER"
    CONSUMER = "CONSUMER"


@strawberry.enum(description="The type that a custom attribute was sent with.")
class AttributeType(Enum):
    STRING = "string"
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"


@strawberry.type(description="One message of a span's input or output, as normalised: parts are kept as JSON text.")
class SpanMessage:
    role: str = strawberry.field(description="As sent: user, assistant, system, tool, ...")
    content: str = strawberry.field(description="Text, or the JSON text of its parts.")
    finish_reason: str | None = strawberry.field(description="Why the model stopped, where the message says so.")


@strawberry.type(description="An attribute that feeds none of the other fields.")
class CustomAttribute:
    key: str = strawberry.field(description="The key, dots included.")
    type: AttributeType = strawberry.field(description="The type it was sent with.")
    value: JSON = strawberry.field(description="The value: a JSON string, number or boolean.")


@strawberry.type(description="Something that happened during a span.")
class SpanEvent:
    name: str = strawberry.field(description="Its name, such as exception.")
    time: datetime = strawberry.field(description="When it happened.")
    attributes: JSON = strawberry.field(description="Its attributes.")


@strawberry.type(description="The agent that a span names.")
class SpanAgent:
    id: str | None = strawberry.field(description="Its id.")
    name: str | None = strawberry.field(description="Its name.")
    version: str | None = strawberry.field(description="Its version.")
    description: str | None = strawberry.field(description="What it is for.")


@strawberry.type(description="The tool that a span executes, or the tools that a model was offered.")
class SpanTool:
    name: str | None = strawberry.field(description="Its name.")
    type: str | None = strawberry.field(description="Its type, such as function.")
    call_id: str | None = strawberry.field(description="The id that the model gave the call.")
    description: str | None = strawberry.field(description="What it is for.")
    definitions: str | None = strawberry.field(description="The tools offered, as JSON.")
    arguments: str | None = strawberry.field(description="Its arguments, JSON as a rule.")
    result: str | None = strawberry.field(description="Its result, JSON or text.")


@strawberry.type(description="What a model was asked with; null where the span says nothing.")
class SpanRequest:
    model: str | None = strawberry.field(description="The model asked for.")
    temperature: float | None = strawberry.field(description="Sampling temperature.")
    top_p: float | None = strawberry.field(description="Nucleus sampling.")
    frequency_penalty: float | None = strawberry.field(description="Frequency penalty.")
    presence_penalty: float | None = strawberry.field(description="Presence penalty.")
    max_tokens: Int64 | None = strawberry.field(description="The most tokens to write.")
    seed: Int64 | None = strawberry.field(description="The seed.")
    choice_count: Int64 | None = strawberry.field(description="How many answers were asked for.")
    stop_sequences: list[str] = strawberry.field(description="Where to stop.")
    output_type: str | None = strawberry.field(description="As sent: text, json, image, speech, ...")


@strawberry.type(description="What a model answered with.")
class SpanResponse:
    id: str | None = strawberry.field(description="The provider's id of the answer.")
    model: str | None = strawberry.field(description="The model that answered.")
    finish_reasons: list[str] = strawberry.field(description="Why it stopped.")


@strawberry.type(description="The service that was called.")
class SpanServer:
    address: str | None = strawberry.field(description="Host name or address.")
    port: int | None = strawberry.field(description="Port.")


@strawberry.type(description="A shortening of the history.")
class SpanCompaction:
    summary: str | None = strawberry.field(description="What the shortened history says.")
    items_before: Int64 = strawberry.field(description="Messages before.")
    items_after: Int64 = strawberry.field(description="Messages after.")


def messages(found: Iterable[dialects.SpanMessage]) -> list[SpanMessage]:
    return [
        SpanMessage(role=item.role, content=item.content, finish_reason=item.finish_reason or None) for item in found
    ]


def custom_attributes(found: Iterable[dialects.CustomAttribute]) -> list[CustomAttribute]:
    return [CustomAttribute(key=item.key, type=AttributeType(item.type), value=_json(item.value)) for item in found]


def events(found: Iterable[records.SpanEvent]) -> list[SpanEvent]:
    return [
        SpanEvent(
            name=item.name,
            time=records.EPOCH + timedelta(microseconds=item.time_unix_nano // 1000),
            attributes=_json(item.attributes),
        )
        for item in found
    ]


def request(model: str, found: dialects.RequestParameters) -> SpanRequest:
    return SpanRequest(
        model=model or None,
        temperature=found.temperature,
        top_p=found.top_p,
        frequency_penalty=found.frequency_penalty,
        presence_penalty=found.presence_penalty,
        max_tokens=_int64(found.max_tokens),
        seed=_int64(found.seed),
        choice_count=_int64(found.choice_count),
        stop_sequences=list(found.stop_sequences),
        output_type=found.output_type or None,
    )


def tool(name: str, found: dialects.SpanDetails) -> SpanTool:
    return SpanTool(
        name=name or None,
        type=found.tool.type or None,
        call_id=found.tool.call_id or None,
        description=found.tool.description or None,
        definitions=found.tool.definitions or None,
        arguments=found.tool.arguments or None,
        result=found.tool.result or None,
    )


def server(found: dialects.SpanDetails) -> SpanServer:
    """Weave takes any number for a port."""
    port = found.server_port
    return SpanServer(address=found.server_address or None, port=port if port in _PORTS else None)


def compaction(found: dialects.SpanDetails) -> SpanCompaction | None:
    if not found.compaction_summary and found.compaction_items_before <= 0:
        return None
    return SpanCompaction(
        summary=found.compaction_summary or None,
        items_before=Int64(found.compaction_items_before),
        items_after=Int64(found.compaction_items_after),
    )


def _json(value: Any) -> JSON:  # noqa: ANN401 - whatever an attribute holds
    return JSON(value)


def _int64(value: int | None) -> Int64 | None:
    return None if value is None else Int64(value)
