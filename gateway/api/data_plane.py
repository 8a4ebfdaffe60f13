"""The data plane: what applications call."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.api.chat import ChatCompletions
from gateway.api.docs_page import docs_route
from gateway.api.errors import envelope, error_body
from gateway.api.feedback import FeedbackEndpoint
from gateway.api.headers import new_request_id
from gateway.api.load import Load
from gateway.api.models import Models
from gateway.api.openapi import DATA_PLANE_PATHS
from gateway.api.probes import Expose, Readiness, probe_routes
from gateway.api.unknown_keys import UnknownKeys
from gateway.domain.errors import GatewayError, MethodNotAllowedError, UnknownPathError
from gateway.pipeline import Gateway
from gateway.ports import KeyStore, PolicySource


class DataPlane(FastAPI):
    """A FastAPI application whose hot endpoints are looked up before its middleware and router, which cost more than
    all else a request does here (11-16 µs)."""

    def mount_hot(self, endpoints: Mapping[str, ASGIApp]) -> None:
        self._hot = dict(endpoints)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (endpoint := self._hot.get(scope["path"])) is not None:
            await endpoint(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        """The document of the routes FastAPI knows, with the hot endpoints written in."""
        document = super().openapi()
        document["paths"] = {**DATA_PLANE_PATHS, **document["paths"]}
        return document


def build_data_plane(
    gateway: Gateway,
    *,
    keys: KeyStore,
    unknown_keys: UnknownKeys,
    policies: PolicySource,
    feedback: FeedbackEndpoint,
    readiness: Readiness,
    expose: Expose,
    rejected: Callable[[str], None],
    retried: Callable[[], None],
    max_body_bytes: int,
    load: Load,
    keep_alive_s: float,
    created: int,
    version: str,
) -> DataPlane:
    """The application for the data port. `created`: Unix time the gateway started."""
    app = DataPlane(title="Sizewise", version=version, redirect_slashes=False, docs_url=None, redoc_url=None)
    chat = ChatCompletions(
        gateway,
        max_body_bytes=max_body_bytes,
        load=load,
        unknown_keys=unknown_keys,
        rejected=rejected,
        retried=retried,
        keep_alive_s=keep_alive_s,
    )
    models = Models(keys, policies, unknown_keys=unknown_keys, created=created, rejected=rejected)
    served: dict[str, ASGIApp] = {"/chat/completions": chat, "/models": models, "/feedback": feedback}
    app.mount_hot({spelling: endpoint for path, endpoint in served.items() for spelling in _spellings(path)})
    app.router.routes.append(Route("/", _front, methods=["GET"]))
    app.router.routes.extend([*probe_routes(readiness, expose), docs_route(app)])

    @app.exception_handler(HTTPException)
    async def in_openai_shape(request: Request, exc: HTTPException) -> Response:
        error = _translated(request, exc)
        rejected(error.code)
        return Response(
            error_body(error),
            status_code=envelope(error).status,
            headers={"x-request-id": new_request_id(), **(exc.headers or {})},
            media_type="application/json",
        )

    return app


async def _front(request: Request) -> Response:
    """Claude Code asks `HEAD /` whether there is a gateway; there is nothing to get."""
    if request.method != "HEAD":
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return Response()


def _spellings(path: str) -> tuple[str, ...]:
    """With and without `/v1`, with and without a slash at the end: clients write all four."""
    return (f"/v1{path}", path, f"/v1{path}/", f"{path}/")


def _translated(request: Request, exc: HTTPException) -> GatewayError:
    method, path = request.method, request.scope["path"][:200]
    if exc.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return MethodNotAllowedError(f"{method} is not allowed at {path!r}")
    return UnknownPathError(f"there is nothing at {method} {path!r}; the base URL ends in /v1")
