"""The admin plane: what operators read and change. A port and credentials of its own; who may what: `access`."""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Protocol

from fastapi import APIRouter, FastAPI, HTTPException, Path, Query
from msgspec import to_builtins

from gateway.api.access import SCHEME, Credentials, Refusals, guard, needs
from gateway.api.admin_errors import Responses, described, handle_errors
from gateway.api.docs_page import docs_route
from gateway.api.key_pages import PRINTABLE
from gateway.api.probes import Expose, Readiness, probe_routes
from gateway.domain.explanation import explain
from gateway.domain.feedback import Feedback, told
from gateway.domain.outline import Outline
from gateway.domain.record import RequestRecord

_OF_THE_WIRE: Final[Responses] = {
    400: {"description": "The request cannot be read; also where it is no valid HTTP"},
    404: {"description": "There is no such thing"},
    408: {"description": "The request did not come whole in time"},
    431: {"description": "The head of the request is too large"},
}
"""What any request may be answered instead."""


class Records(Protocol):
    """The read side of the records; blocking, called on a worker thread."""

    def latest(self, limit: int) -> Sequence[RequestRecord]: ...
    def find(self, request_id: str) -> RequestRecord | None: ...
    def feedback(self, request_id: str) -> Feedback | None: ...
    def outline(self, record: RequestRecord) -> Outline | None:
        """The policy that decided it, as it was."""
        ...


class AdminPlane(FastAPI):
    """Its OpenAPI page says what the credential is."""

    def openapi(self) -> dict[str, Any]:
        document = super().openapi()
        schemes = document.setdefault("components", {}).setdefault("securitySchemes", {})
        schemes[SCHEME] = {"type": "http", "scheme": "bearer", "description": "SIZEWISE_ADMIN_KEY, or one of _KEYS"}
        return document


def build_admin_plane(
    *,
    records: Records,
    readiness: Readiness,
    expose: Expose,
    credentials: Credentials,
    refusals: Refusals,
    version: str,
    routers: Sequence[APIRouter] = (),
) -> FastAPI:
    """The application for the admin port. Raises UndeclaredRouteError for a route that says nobody it is for.

    refusals  where it is written down that somebody asked for what is not theirs
    routers   more pages; each of their routes says whom it is for
    """
    app = AdminPlane(
        title="Sizewise admin",
        version=version,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=_OF_THE_WIRE,
    )
    app.router.routes.extend([*probe_routes(readiness, expose), docs_route(app)])
    for router in (_decision_pages(records), *routers):
        app.router.routes.extend(router.routes)  # as they are: the guard stands at each
    handle_errors(app)
    guard(app, credentials, refusals)
    return app


def _decision_pages(records: Records) -> APIRouter:
    pages = APIRouter(tags=["decisions"])
    unknown: Responses = {404: described("No such record", "no record of request '0'")}

    @pages.get("/admin/decisions")
    @needs("viewer")
    def latest_decisions(limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> list[dict[str, Any]]:
        """The latest records, newest first."""
        return [to_builtins(record) for record in records.latest(limit)]

    @pages.get("/admin/decisions/{request_id}", responses=unknown)
    @needs("viewer")
    def one_decision(request_id: Annotated[str, Path(max_length=128, pattern=PRINTABLE)]) -> dict[str, Any]:
        """One record, what its client said of the answer, and the whole story in plain sentences."""
        record = records.find(request_id)
        if record is None:
            raise HTTPException(404, f"no record of request {request_id!r}")
        feedback = records.feedback(record.id)
        return {
            "record": to_builtins(record),
            "feedback": to_builtins(feedback),
            "story": (*explain(record, records.outline(record)), *told(feedback)),
        }

    return pages
