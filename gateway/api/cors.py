"""Web pages that may call the data plane. None may, unless the operator lists their origins."""

from collections.abc import Collection
from typing import Final

from starlette.types import ASGIApp

from gateway.api.asgi import Headers, Message, Receive, Scope, Send

_MAY_SEND: Final[Headers] = [
    (b"access-control-allow-methods", b"GET, POST"),
    (b"access-control-allow-headers", b"authorization, *"),
    (b"access-control-max-age", b"600"),
]


class Cors:
    """An application as its own pages and those of the listed origins see it.

    A browser asks before it sends a key along, without the key: that is answered here. No cookies and no other
    credentials of the browser are ever let through, so a page has to know a key as any client does.
    """

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self._app = app
        self._granted: dict[bytes, Headers] = {
            origin.encode(): [
                (b"access-control-allow-origin", origin.encode()),
                (b"access-control-expose-headers", b"*"),
                (b"vary", b"origin"),
            ]
            for origin in origins
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"]) if scope["type"] == "http" else {}
        granted = self._granted.get(headers.get(b"origin", b""))
        if granted is None:
            await self._app(scope, receive, send)
        elif scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            await send({"type": "http.response.start", "status": 204, "headers": [*granted, *_MAY_SEND]})
            await send({"type": "http.response.body", "body": b""})
        else:
            await self._app(scope, receive, _with(granted, send))


def with_cors(app: ASGIApp, origins: Collection[str]) -> ASGIApp:
    """The application, open to pages of these origins; without any it is the application itself."""
    return Cors(app, origins) if origins else app


def _with(granted: Headers, send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *granted]
        await send(message)

    return sending
