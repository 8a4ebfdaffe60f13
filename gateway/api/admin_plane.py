"""The admin plane: what operators read, and the reload of the policies. A port and credentials of its own."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, Protocol

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from msgspec import to_builtins
from starlette.requests import ClientDisconnect

from gateway.api.docs_page import docs_route
from gateway.api.probes import Expose, Readiness, probe_routes
from gateway.domain.explanation import explain
from gateway.domain.feedback import Feedback, told
from gateway.domain.policy import KeepText, Policy, PolicySet
from gateway.domain.record import RequestRecord
from gateway.ports import PolicySource

_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"description": "The request cannot be read; also where it is no valid HTTP"},
    401: {"description": "No credential of an operator"},
    404: {"description": "There is no such thing"},
    408: {"description": "The request did not come whole in time"},
    409: {"description": "It cannot be done now; the answer says why"},
    431: {"description": "The head of the request is too large"},
}
"""What a request may be answered instead."""


class Records(Protocol):
    """The read side of the records; blocking, called on a worker thread."""

    def latest(self, limit: int) -> Sequence[RequestRecord]: ...
    def find(self, request_id: str) -> RequestRecord | None: ...
    def feedback(self, request_id: str) -> Feedback | None: ...


class Refusal(Protocol):
    """Files that were not put in force; times are Unix seconds."""

    @property
    def version(self) -> str: ...
    @property
    def since_s(self) -> float: ...
    @property
    def problems(self) -> Sequence[str]: ...


class PolicyStatus(Protocol):
    """How the policies stand; times are Unix seconds."""

    @property
    def since_s(self) -> float: ...
    @property
    def reloads_ok(self) -> int: ...
    @property
    def reloads_failed(self) -> int: ...
    @property
    def refused(self) -> Refusal | None: ...


class PolicyFiles(Protocol):
    """Where the policies come from; `try_reload` blocks, and is called on a worker thread."""

    def status(self) -> PolicyStatus: ...
    def try_reload(self) -> bool:
        """Whether the files' present state is in force now."""
        ...


def build_admin_plane(
    *,
    policies: PolicySource,
    records: Records,
    readiness: Readiness,
    expose: Expose,
    is_admin: Callable[[str | None], bool],
    version: str,
    policy_files: PolicyFiles | None = None,
    routers: Sequence[APIRouter] = (),
) -> FastAPI:
    """The application for the admin port.

    is_admin      judges a bearer token, None where there is none
    policy_files  what can be reloaded; None: the policies come from elsewhere
    routers       more pages, which ask for the same credential
    """
    bearer = HTTPBearer(auto_error=False)

    def authorised(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> None:
        if not is_admin(None if credentials is None else credentials.credentials):
            raise HTTPException(401, "the admin plane needs `Authorization: Bearer` with SIZEWISE_ADMIN_KEY")

    app = FastAPI(
        title="Sizewise admin",
        version=version,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        responses=_REFUSALS,
    )
    app.router.routes.extend([*probe_routes(readiness, expose), docs_route(app)])
    app.add_exception_handler(ClientDisconnect, _nobody_is_there)

    @app.get("/admin/decisions", dependencies=[Depends(authorised)])
    def latest_decisions(limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> list[dict[str, Any]]:
        """The latest records, newest first."""
        return [to_builtins(record) for record in records.latest(limit)]

    @app.get("/admin/decisions/{request_id}", dependencies=[Depends(authorised)])
    def one_decision(request_id: str) -> dict[str, Any]:
        """One record, what its client said of the answer, and the whole story in plain sentences."""
        record = records.find(request_id)
        if record is None:
            raise HTTPException(404, f"no record of request {request_id!r}")
        feedback = records.feedback(record.id)
        return {
            "record": to_builtins(record),
            "feedback": to_builtins(feedback),
            "story": (*explain(record), *told(feedback)),
        }

    for router in (_policy_pages(policies, policy_files), *routers):
        app.include_router(router, dependencies=[Depends(authorised)])
    return app


async def _nobody_is_there(_request: Request, _exc: Exception) -> Response:
    """The client left in the middle of its body; the server sends this nowhere, and it is no fault to log."""
    return Response(status_code=400)


def _policy_pages(policies: PolicySource, files: PolicyFiles | None) -> APIRouter:
    pages = APIRouter()

    @pages.get("/admin/policies")
    def policies_in_force() -> dict[str, Any]:
        """The policy set in force, each policy with its rules in order."""
        return _outlines(policies.current())

    @pages.get("/admin/policy")
    def policy_status() -> dict[str, Any]:
        """The policy set in force, since when, and what is wrong with the files where they were refused."""
        return _state(policies, files)

    @pages.post("/admin/policy/reload")
    def reload_policies() -> JSONResponse:
        """Put the files' present state in force: 200 with the status, or 409 where it was refused."""
        if files is None:
            raise HTTPException(409, "the policies in force come from no files")
        is_in_force = files.try_reload()
        return JSONResponse(_state(policies, files), 200 if is_in_force else 409)

    return pages


def _state(policies: PolicySource, files: PolicyFiles | None) -> dict[str, Any]:
    status = None if files is None else files.status()
    refused = None if status is None else status.refused
    return {
        **_outlines(policies.current()),
        "since_s": None if status is None else status.since_s,
        "reloads": None if status is None else {"ok": status.reloads_ok, "failed": status.reloads_failed},
        "refused": None
        if refused is None
        else {"version": refused.version, "since_s": refused.since_s, "problems": list(refused.problems)},
    }


def _outlines(current: PolicySet) -> dict[str, Any]:
    return {"version": current.version, "policies": [_outline(policy) for policy in current.policies]}


def _outline(policy: Policy) -> dict[str, Any]:
    return {
        "name": policy.name,
        "version": policy.version,
        "serves": policy.serves,
        "rollout": {"mode": policy.rollout.mode, "share": policy.rollout.share},
        "keep_text": _keep_text(policy.keep_text),
        "threshold": policy.threshold,
        "baseline": None if policy.baseline is None else policy.baseline.name,
        "constraints": [
            {"name": each.name, "when": each.when.source, "require": each.requires} for each in policy.constraints
        ],
        "rules": [{"name": each.name, "when": each.when.source, "route": each.goes_to} for each in policy.rules],
        "default": policy.default.name,
    }


def _keep_text(keep: KeepText | None) -> dict[str, Any] | None:
    if keep is None:
        return None
    teams = "all" if keep.teams is None else sorted(keep.teams)
    return {"teams": teams, "days": keep.days, "answers": keep.answers, "max_bytes": keep.max_bytes}
