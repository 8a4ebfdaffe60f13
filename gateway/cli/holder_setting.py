"""What `sizewise teams set` and `sizewise apps set` share."""

from collections.abc import Mapping

import click
from msgspec import Struct

from gateway.cli.key_listings import holder_json, holder_table
from gateway.cli.key_options import limits_of
from gateway.cli.keys_database import actor, keys_database
from gateway.domain.allowances import NO_LIMITS, BudgetTerms, Limits
from gateway.domain.keyring import Holder
from gateway.store.holder_admin import set_holder

none_option = click.option("--no-limits", is_flag=True, help="Take away every limit and budget that is not named here.")
disabled_option = click.option("--disable/--enable", "disabled", default=None, help="Refuse its keys, or no longer.")


class Setting(Struct, frozen=True, kw_only=True):
    """What the options say. `limits`: by the names of their options, None where one was not given."""

    limits: Mapping[str, int | None]
    budgets: tuple[BudgetTerms, ...] = ()
    no_limits: bool = False
    is_disabled: bool | None = None


def set_and_tell(database_url: str, team: str, app: str, setting: Setting, *, now_s: float, as_json: bool) -> None:
    """Set it, and print what is so now."""

    def limits(before: Holder) -> Limits:
        return limits_of(dict(setting.limits), NO_LIMITS if setting.no_limits else before.limits)

    budgets = setting.budgets if setting.budgets or setting.no_limits else None
    with keys_database(database_url) as engine:
        change = set_holder(
            engine,
            team,
            app,
            limits=limits,
            budgets=budgets,
            is_disabled=setting.is_disabled,
            actor=actor(),
            now_s=now_s,
        )
    click.echo(holder_json(change.after) if as_json else "\n".join(holder_table([change.after])))
