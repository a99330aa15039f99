"""OTLP/HTTP: traces and logs, protobuf and JSON. Answers after commit, in the format of the request."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request, Response

from app.http_errors import headers_of, status_of
from app.ingest import Outcome
from app.state import ingest_of, settings_of
from domain.errors import BodyTooLarge, TurngraphError, UnsupportedMediaType
from domain.names import parse_project_id
from domain.otlp import BodyFormat, decompress, error_response, joined_errors, logs_response, trace_response

router = APIRouter(tags=["OTLP"])

MEDIA_TYPES = {"application/x-protobuf": BodyFormat.PROTOBUF, "application/json": BodyFormat.JSON}

Ingest = Callable[[bytes, BodyFormat, str], Awaitable[Outcome]]
Answer = Callable[[BodyFormat, int, str], bytes]

_BODY = {
    "requestBody": {
        "required": True,
        "content": {media_type: {"schema": {}} for media_type in MEDIA_TYPES},
    }
}


@router.post("/v1/traces", summary="Send spans", openapi_extra=_BODY)
@router.post("/agents/otel/v1/traces", summary="Send spans, on Weave's path", openapi_extra=_BODY)
async def export_traces(request: Request) -> Response:
    """An OTLP ExportTraceServiceRequest. The project is the resource attributes `wandb.entity` and `wandb.project`,
    else the header `project_id: entity/project`, else the server's default project.
    """
    return await _export(request, ingest_of(request).traces, trace_response)


@router.post("/v1/logs", summary="Send log records", openapi_extra=_BODY)
async def export_logs(request: Request) -> Response:
    """An OTLP ExportLogsServiceRequest. Messages become those of their span, evaluations become feedback; every record
    is kept as received. Projects are found as for spans.
    """
    return await _export(request, ingest_of(request).logs, logs_response)


@router.post("/v1/metrics", summary="Send metrics", openapi_extra=_BODY)
async def export_metrics(request: Request) -> Response:
    """Accepted and not kept: exporters that send all signals to one server need not be told to leave this one out."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body_format = MEDIA_TYPES.get(media_type, BodyFormat.JSON)
    return _response(b"{}" if body_format is BodyFormat.JSON else b"", body_format)


async def _export(request: Request, ingest: Ingest, answer: Answer) -> Response:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body_format = MEDIA_TYPES.get(media_type)
    try:
        if body_format is None:
            raise UnsupportedMediaType
        settings = settings_of(request)
        limit = settings.max_body_bytes
        project_id = request.headers.get("project_id") or settings.default_project
        parse_project_id(project_id)
        packed = await _read(request, limit)
        body = decompress(packed, request.headers.get("content-encoding", ""), max_bytes=limit)
        outcome = await ingest(body, body_format, project_id)
    except TurngraphError as error:
        # OTLP: errors are a Status message in the format of the request.
        content = error_response(body_format or BodyFormat.JSON, str(error))
        return _response(content, body_format or BodyFormat.JSON, status_of(error), headers_of(error))
    return _response(answer(body_format, outcome.rejected, joined_errors(outcome.errors)), body_format)


async def _read(request: Request, limit: int) -> bytes:
    """The body, given up as soon as it passes the limit."""
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        raise BodyTooLarge
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise BodyTooLarge
        chunks.append(chunk)
    return b"".join(chunks)


def _response(
    content: bytes, body_format: BodyFormat, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    media_type = next(name for name, value in MEDIA_TYPES.items() if value is body_format)
    return Response(content, status, headers, media_type)
