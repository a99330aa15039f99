"""A user of the server: sends spans over OTLP/HTTP, asks the two REST routes and the graph."""

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from httpx import AsyncClient, Response
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.otlp_requests import key_values

PROJECT = "acme/support"
T0_NS = 1_767_225_600 * 10**9
"""2026-01-01T00:00:00Z, from which tests count their milliseconds."""

STATUS = {"UNSET": 0, "OK": 1, "ERROR": 2}


def json_value(value: object) -> dict[str, Any]:
    """A value as OTLP/JSON has it: 64-bit integers are strings."""
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case str():
            return {"stringValue": value}
        case list():
            return {"arrayValue": {"values": [json_value(item) for item in value]}}
        case dict():
            return {"kvlistValue": {"values": json_key_values(value)}}
        case _:
            raise TypeError(f"no OTLP value for {value!r}")


def json_key_values(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": json_value(value)} for key, value in attributes.items()]


@dataclass(frozen=True)
class Sent:
    """One span to send. Ids are short hex labels; times are milliseconds after 2026-01-01, end None is still open."""

    span: str
    name: str = "span"
    trace: str = "a1"
    parent: str = ""
    start: float = 0
    end: float | None = 100
    status: str = "UNSET"
    status_message: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    kind: int = 0
    events: Sequence[tuple[str, float, dict[str, Any]]] = ()
    """Name, time in milliseconds, attributes."""

    def proto(self) -> Span:
        return Span(
            trace_id=bytes.fromhex(trace_id(self.trace)),
            span_id=bytes.fromhex(span_id(self.span)),
            parent_span_id=bytes.fromhex(span_id(self.parent)) if self.parent else b"",
            name=self.name,
            start_time_unix_nano=T0_NS + round(self.start * 10**6),
            end_time_unix_nano=0 if self.end is None else T0_NS + round(self.end * 10**6),
            attributes=key_values(self.attributes),
            kind=self.kind,  # type: ignore[arg-type]
            events=[
                Span.Event(
                    name=name, time_unix_nano=T0_NS + round(time * 10**6), attributes=key_values(event_attributes)
                )
                for name, time, event_attributes in self.events
            ],
            status=Status(code=STATUS[self.status], message=self.status_message),  # type: ignore[arg-type]
        )

    def json(self) -> dict[str, Any]:
        return {
            "traceId": trace_id(self.trace),
            "spanId": span_id(self.span),
            "parentSpanId": span_id(self.parent) if self.parent else "",
            "name": self.name,
            "startTimeUnixNano": str(T0_NS + round(self.start * 10**6)),
            "endTimeUnixNano": "0" if self.end is None else str(T0_NS + round(self.end * 10**6)),
            "attributes": json_key_values(self.attributes),
            "status": {"code": STATUS[self.status], "message": self.status_message},
        }


def said(span: str, text: str = "", *, conversation: str = "c1", name: str = "chat m", **fields: Any) -> Sent:
    """An LLM call with a text as its output, in a conversation; more attributes come after these."""
    own = {"gen_ai.conversation.id": conversation} if conversation else {}
    output = {"gen_ai.output.messages": text} if text else {}
    return Sent(span, name, attributes=own | output | fields.pop("attributes", {}), **fields)


def trace_id(label: str) -> str:
    return label.zfill(32)


def span_id(label: str) -> str:
    return label.zfill(16)


def export_request(spans: Iterable[Sent], resource: dict[str, Any] | None = None) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.extend(key_values({"service.name": "test", **(resource or {})}))
    group.scope_spans.add(spans=[span.proto() for span in spans])
    return request


def json_request(spans: Iterable[Sent], resource: dict[str, Any] | None = None) -> bytes:
    """The same in OTLP/JSON; lone surrogates in texts travel as escapes."""
    attributes = json_key_values({"service.name": "test", **(resource or {})})
    scope_spans = [{"spans": [span.json() for span in spans]}]
    request = {"resourceSpans": [{"resource": {"attributes": attributes}, "scopeSpans": scope_spans}]}
    return json.dumps(request).encode()


class GraphQLErrors(AssertionError):
    """The answer had errors."""


class Client:
    def __init__(self, http: AsyncClient) -> None:
        self.http = http

    async def export(
        self, body: bytes, project: str | None = PROJECT, path: str = "/v1/traces", **headers: str
    ) -> Response:
        """Send a request body as it is, as protobuf unless a content_type header is given."""
        given = {"content-type": "application/x-protobuf"} | {k.replace("_", "-"): v for k, v in headers.items()}
        if project is not None:
            given["project_id"] = project
        return await self.http.post(path, content=body, headers=given)

    async def send(self, *spans: Sent, project: str = PROJECT) -> int:
        """Send spans in one request; how many were rejected."""
        response = await self.export(export_request(spans).SerializeToString(), project)
        assert response.status_code == 200, response.text
        return ExportTraceServiceResponse.FromString(response.content).partial_success.rejected_spans

    async def ask(self, query: str, **variables: object) -> Any:
        """The data of a GraphQL answer without errors."""
        answer = await self.graphql(query, **variables)
        if answer.get("errors"):
            raise GraphQLErrors(answer["errors"])
        return answer["data"]

    async def graphql(self, query: str, **variables: object) -> Any:
        """A whole GraphQL answer."""
        response = await self.http.post("/graphql", json={"query": query, "variables": variables})
        assert response.status_code == 200, response.text
        return response.json()

    async def in_project(self, fields: str, project: str = PROJECT) -> Any:
        """What the fields of a project say."""
        data = await self.ask(f"query($id: ID!) {{ project(id: $id) {{ {fields} }} }}", id=project)
        return data["project"]

    async def error(self, query: str, **variables: object) -> tuple[str | None, str]:
        """The code and the message of an answer with one error."""
        [error] = (await self.graphql(query, **variables))["errors"]
        return error.get("extensions", {}).get("code"), error["message"]

    async def error_in_project(self, fields: str, project: str = PROJECT) -> tuple[str | None, str]:
        return await self.error(f"query($id: ID!) {{ project(id: $id) {{ {fields} }} }}", id=project)

    async def chat(self, conversation_id: str, project: str = PROJECT, **members: object) -> Any:
        body = {"project_id": project, "conversation_id": conversation_id, **members}
        response = await self.http.post("/agents/conversations/chat", json=body)
        assert response.status_code == 200, response.text
        return response.json()

    async def spans(self, ids: Sequence[str], project: str = PROJECT, **members: object) -> Any:
        body = {"project_id": project, "conversation_ids": list(ids), **members}
        response = await self.http.post("/agents/conversations/spans", json=body)
        assert response.status_code == 200, response.text
        return response.json()["conversations"]

    async def feedback(self, target: dict[str, str], feedback_type: str, **fields: object) -> str:
        """Give feedback; its id."""
        given = {"projectId": PROJECT, "target": target, "feedbackType": feedback_type, **fields}
        data = await self.ask("mutation($i: CreateFeedbackInput!) { createFeedback(input: $i) { id } }", i=given)
        return str(data["createFeedback"]["id"])

    async def price(
        self, model: str, *usd_per_token: float, project: str = PROJECT, effective_at: str | None = None
    ) -> None:
        """Set a price, input, output, cache read, cache write, and wait until lists follow it."""
        names = ("inputUsdPerToken", "outputUsdPerToken", "cacheReadUsdPerToken", "cacheWriteUsdPerToken")
        given = {"projectId": project, "model": model, **dict(zip(names, usd_per_token, strict=True))}
        if effective_at is not None:
            given["effectiveAt"] = effective_at
        await self.ask("mutation($i: SetModelPriceInput!) { setModelPrice(input: $i) { model } }", i=given)
        await self.priced(project)

    async def priced(self, project: str = PROJECT) -> None:
        """Wait until the server is done with what a changed price leaves it to do."""
        async with asyncio.timeout(60):
            while not (await self.in_project("costsFollowPrices", project))["costsFollowPrices"]:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
