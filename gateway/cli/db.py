"""`sizewise db`: the schema of the database, and what is kept in it."""

import click
import msgspec
from alembic.util import CommandError
from sqlalchemy.exc import SQLAlchemyError

from gateway.cli.db_grants import grants
from gateway.cli.db_upkeep import prune, rollup
from gateway.cli.options import database_url_option, json_option
from gateway.store.engine import one_line
from gateway.store.schema import SchemaError, current_revision, revisions
from gateway.store.sinks import SinkUnavailableError
from gateway.store.upgrade import upgrade as upgrade_schema
from gateway.store.urls import DatabaseUrlError, sqlite_path, without_password


@click.group()
def db() -> None:
    """Bring the database's schema up to date, sum up and prune its records."""


db.add_command(grants)
db.add_command(prune)
db.add_command(rollup)


@db.command()
@database_url_option
def upgrade(database_url: str) -> None:
    """Upgrade the schema to what this release needs; safe to run again, and from several machines at once."""
    shown = without_password(database_url)
    try:
        upgrade_schema(database_url)
    except DatabaseUrlError as error:
        raise click.UsageError(str(error)) from error
    except (SQLAlchemyError, CommandError, OSError) as error:
        raise click.ClickException(
            f"could not upgrade {shown}: {one_line(error)}; check the URL, and that its user may create tables"
        ) from error
    click.echo(f"{shown} is at revision {revisions()[1]}")


@db.command()
@json_option
@database_url_option
def current(as_json: bool, database_url: str) -> None:
    """Print the schema's revision; exits with 1 where it is not the one this release needs."""
    found, head = _current(database_url), revisions()[1]
    if as_json:
        click.echo(msgspec.json.encode({"revision": found, "head": head, "is_current": found == head}).decode())
    else:
        click.echo(f"{found or 'no schema'}, head is {head}")
    if found != head:
        if not as_json:
            click.echo("run `sizewise db upgrade`", err=True)
        raise click.exceptions.Exit(1)


def _current(database_url: str) -> str | None:
    path = sqlite_path(database_url)
    if path is not None and not path.exists():
        return None
    try:
        return current_revision(database_url)
    except DatabaseUrlError as error:
        raise click.UsageError(str(error)) from error
    except (SinkUnavailableError, SchemaError) as error:
        raise click.ClickException(
            f"{without_password(database_url)} is not to be reached: {error}; check the URL and that it is up"
        ) from error
