"""`/admin/teams` and `/admin/apps`: who holds keys, and what all keys of each may use together."""

from collections.abc import Sequence
from typing import Annotated, Final, Protocol

from fastapi import APIRouter, Path

from gateway.api.access import Acting, needs
from gateway.api.admin_errors import Responses, invalid
from gateway.api.key_models import AppPage, HolderSettingModel, HolderView, TeamPage, terms_of
from gateway.api.key_pages import PRINTABLE, UNREACHABLE, After, Limit, Name
from gateway.domain.acts import Actor
from gateway.domain.allowances import BudgetTerms, Limits
from gateway.domain.key_acts import Change
from gateway.domain.key_names import LONGEST, KeyTermsError
from gateway.domain.keyring import Holder

_TERMS: Final[Responses] = {422: invalid("budgets", "2 budgets a month: give one for each period")}
_Named = Annotated[str, Path(max_length=LONGEST, pattern=PRINTABLE)]


class Holders(Protocol):
    """Teams and applications; every method blocks, and raises ActsUnavailableError where there is no database."""

    def teams(self, *, after: str | None, limit: int) -> Sequence[Holder]: ...
    def apps(self, *, team: str | None, after: tuple[str, str] | None, limit: int) -> Sequence[Holder]: ...
    def set_holder(
        self,
        team: str,
        app: str = "",
        *,
        limits: Limits | None = None,
        budgets: tuple[BudgetTerms, ...] | None = None,
        is_disabled: bool | None = None,
        actor: Actor,
    ) -> Change[Holder]: ...


def holder_pages(holders: Holders) -> APIRouter:
    """The routes."""
    pages = APIRouter(tags=["teams and applications"], responses=UNREACHABLE)

    @pages.get("/admin/teams")
    @needs("viewer")
    def list_teams(after: After = None, limit: Limit = 100) -> TeamPage:
        """The teams, by name."""
        found = holders.teams(after=after, limit=limit + 1)
        shown = found[:limit]
        return TeamPage(
            teams=tuple(HolderView.of(each) for each in shown), next=shown[-1].team if len(found) > limit else None
        )

    @pages.get("/admin/apps", responses={422: invalid("after", "'claims' is no `next` of a page, …")})
    @needs("viewer")
    def list_apps(team: Name = None, after: After = None, limit: Limit = 100) -> AppPage:
        """The applications, by team and name."""
        found = holders.apps(team=team, after=None if after is None else _both(after), limit=limit + 1)
        shown = found[:limit]
        last = shown[-1] if len(found) > limit else None
        return AppPage(
            apps=tuple(HolderView.of(each) for each in shown), next=None if last is None else f"{last.team}/{last.app}"
        )

    @pages.patch("/admin/teams/{team}", responses=_TERMS)
    @needs("admin")
    def set_team(team: _Named, setting: HolderSettingModel, actor: Acting) -> HolderView:
        """Set what a team may use; one that is not there is made."""
        return _set(team, "", setting, actor)

    @pages.patch("/admin/teams/{team}/apps/{app}", responses=_TERMS)
    @needs("admin")
    def set_app(team: _Named, app: _Named, setting: HolderSettingModel, actor: Acting) -> HolderView:
        """Set what an application of a team may use; what is not there is made."""
        return _set(team, app, setting, actor)

    def _set(team: str, app: str, setting: HolderSettingModel, actor: Actor) -> HolderView:
        change = holders.set_holder(
            team,
            app,
            limits=None if setting.limits is None else setting.limits.limits(),
            budgets=terms_of(setting.budgets),
            is_disabled=setting.is_disabled,
            actor=actor,
        )
        return HolderView.of(change.after)

    return pages


def _both(after: str) -> tuple[str, str]:
    team, slash, app = after.partition("/")
    if not slash:
        raise KeyTermsError(f"{after!r} is no `next` of a page, such as 'claims/mailbot'", field="after")
    return team, app
