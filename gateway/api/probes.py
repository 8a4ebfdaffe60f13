"""Liveness, readiness and metrics: for the platform, not for clients."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Expose = Callable[[], tuple[bytes, str]]
"""The metrics page and its content type."""


class Readiness:
    """Ready from when the policies are loaded until the process drains. Says nothing of databases or upstreams."""

    def __init__(self) -> None:
        self.is_ready = True

    def drain(self) -> None:
        self.is_ready = False


def probe_routes(readiness: Readiness, expose: Expose) -> list[Route]:
    """`/livez`, `/readyz` and `/metrics`."""

    async def livez(_: Request) -> Response:
        return Response("ok\n", media_type="text/plain")

    async def readyz(_: Request) -> Response:
        if readiness.is_ready:
            return Response("ready\n", media_type="text/plain")
        return Response("draining\n", status_code=503, media_type="text/plain")

    async def metrics(_: Request) -> Response:
        page, content_type = expose()
        return Response(page, media_type=content_type)

    pages: dict[str, Callable[[Request], Awaitable[Response]]] = {
        "/livez": livez,
        "/readyz": readyz,
        "/metrics": metrics,
    }
    return [Route(path, page, methods=["GET"]) for path, page in pages.items()]
