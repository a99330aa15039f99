"""The door to the graph: POST /graphql, and GraphiQL for whoever opens it in a browser."""

from collections.abc import Mapping

import orjson
from fastapi import Request
from fastapi.responses import HTMLResponse
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocketDisconnect
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.fastapi import GraphQLRouter
from strawberry.http.exceptions import WebSocketDisconnected

from app.demo import PROJECT_ID
from app.routes.pages import graphiql_page
from app.state import database_of, placing_of
from graphql_schema.context import Context
from graphql_schema.execution import Everything
from graphql_schema.schema import build_schema

PATH = "/graphql"


class _WebSocketAdapter(ASGIWebSocketAdapter):
    async def send_json(self, message: Mapping[str, object]) -> None:
        # The protocol speaks in text frames; strawberry would send what encode_json gives, bytes, as binary ones.
        try:
            await self.ws.send_text(orjson.dumps(message).decode())
        except WebSocketDisconnect as error:
            raise WebSocketDisconnected from error


class _Router(GraphQLRouter[Context, None]):
    websocket_adapter_class = _WebSocketAdapter

    def encode_json(self, data: object) -> bytes:
        return orjson.dumps(data)

    def decode_json(self, data: str | bytes) -> object:
        return orjson.loads(data)

    async def render_graphql_ide(self, request: Request) -> HTMLResponse:
        return graphiql_page(endpoint=PATH, project=PROJECT_ID, base_url=str(request.base_url))


async def _context(connection: HTTPConnection) -> Context:
    return Context(database_of(connection), splices=Everything(), on_settings_changed=placing_of(connection).start)


def graphql_router() -> GraphQLRouter[Context, None]:
    return _Router(
        build_schema(),
        path=PATH,
        context_getter=_context,
        tags=["GraphQL"],
    )
