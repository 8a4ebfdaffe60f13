"""`sizewise apps`: what all keys of an application may use together."""

import time

import click

from gateway.cli.holder_setting import Setting, disabled_option, none_option, set_and_tell
from gateway.cli.key_listings import holder_json, holder_table
from gateway.cli.key_options import allowance_options, budgets_of
from gateway.cli.keys_database import keys_database
from gateway.cli.options import database_url_option, json_option
from gateway.domain.allowances import BudgetTerms
from gateway.store.key_listing import list_apps


@click.group()
def apps() -> None:
    """The applications of teams, and what each may use in all."""


@apps.command("list")
@click.option("--team", help="Only this team's.")
@json_option
@database_url_option
def list_(*, team: str | None, as_json: bool, database_url: str) -> None:
    """List the applications."""
    with keys_database(database_url) as engine:
        found = list_apps(engine, team=team)
    if not as_json and not found:
        click.echo("no applications; `sizewise keys create --team NAME --app NAME` makes one", err=True)
    elif as_json:
        for app in found:
            click.echo(holder_json(app))
    else:
        click.echo("\n".join(holder_table(found)))


@apps.command("set")
@click.argument("team")
@click.argument("app")
@allowance_options
@none_option
@disabled_option
@json_option
@database_url_option
def set_(
    *,
    team: str,
    app: str,
    budgets: tuple[BudgetTerms, ...],
    no_limits: bool,
    disabled: bool | None,
    as_json: bool,
    database_url: str,
    **limits: int | None,
) -> None:
    """Set what APP of TEAM may use; what is not named stays as it is, but for budgets, which are given all together."""
    if not app:
        raise click.UsageError("APP is empty; `sizewise teams set` is for the team itself")
    setting = Setting(limits=limits, budgets=budgets_of(budgets), no_limits=no_limits, is_disabled=disabled)
    set_and_tell(database_url, team, app, setting, now_s=time.time(), as_json=as_json)
