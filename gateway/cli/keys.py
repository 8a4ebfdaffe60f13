"""`sizewise keys`: the virtual keys of clients."""

import time
from collections.abc import Callable
from typing import Any, Literal

import click
from msgspec import UNSET

from gateway.cli.holder_setting import none_option
from gateway.cli.key_listings import key_json, key_table, listed_json, moment_text
from gateway.cli.key_options import Span, Until, allowance_options, budgets_of, limits_of
from gateway.cli.keys_database import actor, keys_database, peppers
from gateway.cli.options import database_url_option, json_option
from gateway.domain.allowances import NO_LIMITS, BudgetTerms
from gateway.domain.key_acts import Change, KeyTerms, ListedKey, NewKey
from gateway.domain.keyring import StoredKey
from gateway.store.key_admin import create_key, disable_key, enable_key, revoke_key, rotate_key, set_key
from gateway.store.key_listing import find_key, list_keys

_Act = Callable[..., Change[StoredKey]]
_key_argument = click.argument("key_id", metavar="ID")
_expires_option = click.option("--expires", type=Until(), metavar="90d|TIME|never", help="When it stops working.")


@click.group()
def keys() -> None:
    """Create, list, rotate and revoke the keys that clients send; ID is a key's public id.

    A change reaches every gateway on the database within two seconds.
    """


@keys.command()
@click.option("--team", default="", help="Whose it is; counted and limited together.")
@click.option("--app", default="", help="Which application of the team it is for.")
@click.option(
    "--tag", "tags", multiple=True, help="A word policies can read, in `key.tags`; more than one may be given."
)
@click.option("--model", "models", multiple=True, help="An alias it may ask for; more than one may be given [all].")
@_expires_option
@allowance_options
@json_option
@database_url_option
def create(
    *,
    team: str,
    app: str,
    tags: tuple[str, ...],
    models: tuple[str, ...],
    expires: float | Literal["never"] | None,
    budgets: tuple[BudgetTerms, ...],
    as_json: bool,
    database_url: str,
    **limits: int | None,
) -> None:
    """Make a key and print it, the only time it is shown; nothing else goes to the standard output."""
    terms = KeyTerms(
        team=team,
        app=app,
        tags=tags,
        models=models or None,
        limits=limits_of(limits, NO_LIMITS),
        budgets=budgets_of(budgets),
        expires_at=None if expires == "never" else expires,
    )
    with keys_database(database_url) as engine:
        _print_new(create_key(engine, peppers(database_url), terms, actor=actor(), now_s=time.time()), as_json=as_json)


@keys.command()
@_key_argument
@click.option("--overlap", type=Span(), default="24h", show_default=True, help="How long the old key still works.")
@_expires_option
@json_option
@database_url_option
def rotate(
    *, key_id: str, overlap: float, expires: float | Literal["never"] | None, as_json: bool, database_url: str
) -> None:
    """Make a key of the same terms and print it; the old one expires after the overlap.

    Without --expires the new key lives as long as the old one was given.
    """
    expires_at = UNSET if expires is None else None if expires == "never" else expires
    with keys_database(database_url) as engine:
        made = rotate_key(
            engine,
            peppers(database_url),
            key_id,
            overlap_s=overlap,
            expires_at=expires_at,
            actor=actor(),
            now_s=time.time(),
        )
        _print_new(made, as_json=as_json)


@keys.command("list")
@click.option("--team", help="Only this team's.")
@click.option("--app", help="Only this application's.")
@json_option
@database_url_option
def list_(*, team: str | None, app: str | None, as_json: bool, database_url: str) -> None:
    """List keys, the latest first; none is shown but for its last four characters."""
    now_s = time.time()
    with keys_database(database_url) as engine:
        found = list_keys(engine, team=team, app=app)
    if as_json:
        for listed in found:
            click.echo(listed_json(listed, now_s))
    elif found:
        click.echo("\n".join(key_table(found, now_s)))
    else:
        click.echo("no keys; `sizewise keys create` makes one", err=True)


@keys.command()
@_key_argument
@json_option
@database_url_option
def show(*, key_id: str, as_json: bool, database_url: str) -> None:
    """Show all that is known of a key; ID may be the key itself, where somebody found one."""
    now_s = time.time()
    with keys_database(database_url) as engine:
        listed = find_key(engine, key_id)
    click.echo(listed_json(listed, now_s) if as_json else "\n".join(key_table([listed], now_s)))


@keys.command("set")
@_key_argument
@click.option("--model", "models", multiple=True, help="An alias it may ask for, in place of those it may now.")
@click.option("--all-models", is_flag=True, help="It may ask for every alias.")
@allowance_options
@none_option
@json_option
@database_url_option
def set_(
    *,
    key_id: str,
    models: tuple[str, ...],
    all_models: bool,
    budgets: tuple[BudgetTerms, ...],
    no_limits: bool,
    as_json: bool,
    database_url: str,
    **limits: int | None,
) -> None:
    """Set what a key may use and ask for; what is not named stays as it is, but for lists, which are given whole."""
    if models and all_models:
        raise click.UsageError("--model and --all-models: give one of the two")
    now_s = time.time()
    with keys_database(database_url) as engine:
        change = set_key(
            engine,
            key_id,
            limits=lambda before: limits_of(limits, NO_LIMITS if no_limits else before.limits),
            budgets=budgets_of(budgets) if budgets or no_limits else None,
            models=models or (None if all_models else UNSET),
            actor=actor(),
            now_s=now_s,
        )
    listed = ListedKey(key=change.after, last_used_at=None)
    click.echo(key_json(change.after, now_s) if as_json else "\n".join(key_table([listed], now_s)))


def _act_command(name: str, act: _Act, help_text: str, done: str) -> click.Command:
    @click.command(name, help=help_text)
    @_key_argument
    @json_option
    @database_url_option
    def command(*, key_id: str, as_json: bool, database_url: str) -> None:
        now_s = time.time()
        with keys_database(database_url) as engine:
            change = act(engine, key_id, actor=actor(), now_s=now_s)
        if as_json:
            click.echo(key_json(change.after, now_s))
        else:
            click.echo(f"key {change.after.id} {'was already' if change.before == change.after else 'is'} {done}")

    return command


for _each in (
    ("revoke", revoke_key, "Refuse a key from now on, for good; ID may be the key itself.", "revoked"),
    ("disable", disable_key, "Refuse a key until it is enabled again.", "disabled"),
    ("enable", enable_key, "Let a disabled key work again.", "enabled"),
):
    keys.add_command(_act_command(*_each))


def _print_new(made: NewKey, *, as_json: bool) -> None:
    """The key on the standard output; all else beside it."""
    key = made.key
    if as_json:
        click.echo(key_json(key, time.time(), key=made.text))
    else:
        click.echo(made.text)
    for line in _told(made):
        click.echo(line, err=True)


def _told(made: NewKey) -> list[str]:
    key = made.key
    whose = "".join(f", {what} {name}" for what, name in (("team", key.team), ("app", key.app)) if name)
    until = "does not expire" if key.expires_at is None else f"expires on {moment_text(key.expires_at)} UTC"
    lines = [f"key {key.id}{whose}: {until}; it is not shown again"]
    lines += [f"{holder.owner.replace(':', ' ', 1)} is new" for holder in made.new_holders]
    if made.retiring is not None:
        old: Any = made.retiring.after
        lines.append(f"key {old.id} works until {moment_text(old.expires_at)} UTC")
    return lines
