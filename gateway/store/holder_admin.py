"""What may be done to teams and applications; as `key_admin`, of which it has all that is said of keys there."""

from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy import Engine, update

from gateway.domain.acts import Actor
from gateway.domain.allowances import BudgetTerms, Limits
from gateway.domain.key_acts import Change
from gateway.domain.key_names import check_budgets, check_name
from gateway.domain.keyring import Holder
from gateway.store.key_changes import changing, ensure_holder, holder, moment, where


def set_holder(
    engine: Engine,
    team: str,
    app: str = "",
    *,
    limits: Callable[[Holder], Limits] | None = None,
    budgets: tuple[BudgetTerms, ...] | None = None,
    is_disabled: bool | None = None,
    actor: Actor,
    now_s: float,
) -> Change[Holder]:
    """Set what a team or an application may use, making it where it is not there; None leaves a thing as it is.

    limits  what they are to be, given what was before
    Raises KeyTermsError.
    """
    check_name("team", team)
    if app:
        check_name("app", app)
    check_budgets(budgets or ())
    with changing(engine, actor, "app.set" if app else "team.set", now_s=now_s) as change:
        if app:
            ensure_holder(change, team, "")
        made = ensure_holder(change, team, app)
        before = made or holder(change.connection, team, app)
        values: dict[str, Any] = {"change": change.number, "changed_at": change.at}
        if limits is not None:
            values["limits"] = msgspec.to_builtins(limits(before))
        if budgets is not None:
            values["budgets"] = msgspec.to_builtins(budgets)
        if is_disabled is not None and is_disabled != (before.disabled_at is not None):
            values["disabled_at"] = moment(now_s) if is_disabled else None
        table, is_it = where(team, app)
        change.connection.execute(update(table).where(*is_it).values(values))
        done = Change(before=None if made else before, after=holder(change.connection, team, app))
        change.write_down(done.after.owner, before=done.before, after=done.after)
    return done
