"""`GET /admin/reports/savings` and `/admin/reports/spend`: the reports of the command line, as JSON."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Protocol

from fastapi import APIRouter, Query

from gateway.api.access import needs

SavingsBy = Literal["team", "app", "policy", "day", "rule", "deployment", "alias"]
SpendBy = Literal["deployment", "model", "team", "app", "key", "origin", "day"]
_Since = Annotated[datetime | None, Query(description="From the hour of that time on; 30 days back by default.")]
_DEFAULT = timedelta(days=30)


class UsageReports(Protocol):
    """The reports; blocking, called on a worker thread."""

    def savings(self, *, by: SavingsBy, since: datetime) -> Mapping[str, Any]: ...
    def spend(self, *, by: SpendBy, since: datetime) -> Mapping[str, Any]: ...


def usage_report_routes(reports: UsageReports, now: Callable[[], float]) -> APIRouter:
    """The routes, for the admin plane's `routers`: each says whom it is for. `now` is Unix time."""
    router = APIRouter(tags=["reports"])

    def moment(since: datetime | None) -> datetime:
        if since is None:
            return datetime.fromtimestamp(now(), UTC) - _DEFAULT
        return since if since.tzinfo is not None else since.replace(tzinfo=UTC)

    @router.get("/admin/reports/savings")
    @needs("viewer")
    def savings(by: SavingsBy = "policy", since: _Since = None) -> Mapping[str, Any]:
        """What was saved against the baseline, in nano-dollars, beside what is known of the answers."""
        return {"by": by, **reports.savings(by=by, since=moment(since))}

    @router.get("/admin/reports/spend")
    @needs("viewer")
    def spend(by: SpendBy = "deployment", since: _Since = None) -> Mapping[str, Any]:
        """What upstream calls cost, in nano-dollars."""
        return {"by": by, **reports.spend(by=by, since=moment(since))}

    return router
