"""The admin plane: what operators read. A port and credentials of its own."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Protocol

from fastapi import Depends, FastAPI, HTTPException, Query
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from msgspec import to_builtins

from gateway.api.probes import Expose, Readiness, probe_routes
from gateway.domain.explanation import explain
from gateway.domain.policy import Policy
from gateway.domain.record import RequestRecord
from gateway.ports import PolicySource


class Records(Protocol):
    """The read side of the records; blocking, called on a worker thread."""

    def latest(self, limit: int) -> Sequence[RequestRecord]: ...
    def find(self, request_id: str) -> RequestRecord | None: ...


def build_admin_plane(
    *,
    policies: PolicySource,
    records: Records,
    readiness: Readiness,
    expose: Expose,
    is_admin: Callable[[str | None], bool],
    version: str,
) -> FastAPI:
    """The application for the admin port. `is_admin` judges a bearer token, None where there is none."""
    bearer = HTTPBearer(auto_error=False)

    def authorised(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> None:
        if not is_admin(None if credentials is None else credentials.credentials):
            raise HTTPException(401, "the admin plane needs `Authorization: Bearer` with SIZEWISE_ADMIN_KEY")

    app = FastAPI(title="Sizewise admin", version=version, redoc_url=None)
    app.router.routes.extend(probe_routes(readiness, expose))

    @app.get("/admin/policies", dependencies=[Depends(authorised)])
    def policies_in_force() -> dict[str, Any]:
        """The policy set in force, each policy with its rules in order."""
        current = policies.current()
        return {"version": current.version, "policies": [_outline(policy) for policy in current.policies]}

    @app.get("/admin/decisions", dependencies=[Depends(authorised)])
    def latest_decisions(limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> list[dict[str, Any]]:
        """The latest records, newest first."""
        return [to_builtins(record) for record in records.latest(limit)]

    @app.get("/admin/decisions/{request_id}", dependencies=[Depends(authorised)])
    def one_decision(request_id: str) -> dict[str, Any]:
        """One record, and its story in plain sentences."""
        record = records.find(request_id)
        if record is None:
            raise HTTPException(404, f"no record of request {request_id!r}")
        return {"record": to_builtins(record), "story": explain(record)}

    return app


def _outline(policy: Policy) -> dict[str, Any]:
    return {
        "name": policy.name,
        "version": policy.version,
        "serves": policy.serves,
        "threshold": policy.threshold,
        "baseline": None if policy.baseline is None else policy.baseline.name,
        "constraints": [
            {"name": each.name, "when": each.when.source, "require": each.requires} for each in policy.constraints
        ],
        "rules": [{"name": each.name, "when": each.when.source, "route": each.route.name} for each in policy.rules],
        "default": policy.default.name,
    }
