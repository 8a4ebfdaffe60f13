"""`GET /admin/audit`: who did what, as it was written down."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Query
from pydantic import BaseModel

from gateway.api.access import needs
from gateway.api.key_pages import PRINTABLE, UNREACHABLE, Limit
from gateway.domain.acts import Act, AuditEntry, Origin, Role
from gateway.domain.key_names import KeyTermsError

_MOST_ID = 2**63 - 1
_LONGEST_TARGET = 256
_Text = Annotated[str | None, Query(max_length=_LONGEST_TARGET, pattern=PRINTABLE)]
_Since = Annotated[datetime | None, Query(description="From that time on; UTC where it names no zone.")]
_After = Annotated[int | None, Query(ge=1, le=_MOST_ID, description="`next` of a page: what was written before that.")]


class Audit(Protocol):
    """The audit; blocks, and raises ActsUnavailableError where the database cannot be asked."""

    def entries(
        self,
        *,
        limit: int,
        since: datetime | None,
        actor: str | None,
        act: Act | None,
        target: str | None,
        before_id: int | None,
    ) -> Sequence[AuditEntry]: ...


class AuditEntryView(BaseModel):
    """One act. `role` is null on the command line; `before` is null where there was nothing."""

    id: int
    at: datetime
    actor: str
    origin: Origin
    role: Role | None
    act: Act
    target: str
    before: Any
    after: Any
    request_id: str | None

    @classmethod
    def of(cls, entry: AuditEntry) -> "AuditEntryView":
        return cls(
            id=entry.id,
            at=datetime.fromtimestamp(entry.at, UTC),
            actor=entry.actor,
            origin=entry.origin,
            role=entry.role,
            act=entry.act,
            target=entry.target,
            before=entry.before,
            after=entry.after,
            request_id=entry.request_id,
        )


class AuditPage(BaseModel):
    """`next`: what to give as `after` for the page after this one; null: there is none."""

    entries: tuple[AuditEntryView, ...]
    next: int | None


def audit_pages(audit: Audit) -> APIRouter:
    """The route."""
    pages = APIRouter(tags=["audit"], responses=UNREACHABLE)

    @pages.get("/admin/audit")
    @needs("viewer")
    def list_audit(
        *,
        since: _Since = None,
        actor: _Text = None,
        act: Act | None = None,
        target: _Text = None,
        after: _After = None,
        limit: Limit = 100,
    ) -> AuditPage:
        """The acts, the latest first. None is ever changed or deleted."""
        found = audit.entries(
            limit=limit + 1,
            since=None if since is None else _in_utc(since),
            actor=actor,
            act=act,
            target=target,
            before_id=after,
        )
        shown = found[:limit]
        return AuditPage(
            entries=tuple(AuditEntryView.of(each) for each in shown), next=shown[-1].id if len(found) > limit else None
        )

    return pages


def _in_utc(since: datetime) -> datetime:
    """Raises KeyTermsError for a time that UTC has no year for."""
    try:
        return since.replace(tzinfo=UTC) if since.tzinfo is None else since.astimezone(UTC)
    except OverflowError:
        raise KeyTermsError("a time before the year 1, or after 9999", field="since") from None
