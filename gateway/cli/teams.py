"""`sizewise teams`: what all keys of a team may use together."""

import time

import click

from gateway.cli.holder_setting import Setting, disabled_option, none_option, set_and_tell
from gateway.cli.key_listings import holder_json, holder_table
from gateway.cli.key_options import allowance_options, budgets_of
from gateway.cli.keys_database import keys_database
from gateway.cli.options import database_url_option, json_option
from gateway.domain.allowances import BudgetTerms
from gateway.store.key_listing import list_teams


@click.group()
def teams() -> None:
    """The teams that hold keys, and what each may use in all."""


@teams.command("list")
@json_option
@database_url_option
def list_(*, as_json: bool, database_url: str) -> None:
    """List the teams."""
    with keys_database(database_url) as engine:
        found = list_teams(engine)
    if not as_json and not found:
        click.echo("no teams; `sizewise keys create --team NAME` makes one", err=True)
    elif as_json:
        for team in found:
            click.echo(holder_json(team))
    else:
        click.echo("\n".join(holder_table(found)))


@teams.command("set")
@click.argument("team")
@allowance_options
@none_option
@disabled_option
@json_option
@database_url_option
def set_(
    *,
    team: str,
    budgets: tuple[BudgetTerms, ...],
    no_limits: bool,
    disabled: bool | None,
    as_json: bool,
    database_url: str,
    **limits: int | None,
) -> None:
    """Set what TEAM may use; what is not named stays as it is, but for budgets, which are given all together."""
    setting = Setting(limits=limits, budgets=budgets_of(budgets), no_limits=no_limits, is_disabled=disabled)
    set_and_tell(database_url, team, "", setting, now_s=time.time(), as_json=as_json)
