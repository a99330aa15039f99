"""The server's key, asked for at every door but the health checks. Without a key set, the server is open."""

import base64
import binascii
import hmac

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from app.http_errors import headers_of, status_of
from domain.errors import Unauthorized

OPEN_PATHS = frozenset({"/healthz", "/readyz"})


def given_key(headers: Headers) -> str:
    """The key a client brings: as a bearer token, as the password of HTTP Basic (user `api`), or in Weave's header."""
    if key := headers.get("wandb-api-key"):
        return key
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(credentials).decode().partition(":")[2]
        except (binascii.Error, ValueError):
            return ""
    return ""


class RequireKey:
    """Lets a request pass if it brings the key. A browser is asked for it by HTTP Basic."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self.app = app
        self.key = key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or scope["path"] in OPEN_PATHS:
            await self.app(scope, receive, send)
            return
        # Compared in constant time: how long a refusal takes says nothing of the key.
        if hmac.compare_digest(given_key(Headers(scope=scope)).encode(), self.key):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await WebSocketClose(code=1008)(scope, receive, send)
        else:
            error = Unauthorized()
            answer = JSONResponse({"reason": str(error)}, status_of(error), headers_of(error))
            await answer(scope, receive, send)
