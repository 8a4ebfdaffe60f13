"""`sizewise db prune` and `sizewise db rollup`: what the gateway's housekeeping does by itself, by hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import click
import msgspec
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from gateway.cli.options import Days, database_url_option, json_option
from gateway.cli.progress import progress_bar
from gateway.cli.records_database import records_database
from gateway.store.engine import one_line
from gateway.store.housekeeper import KEEP_DAYS_VARIABLE
from gateway.store.retention import Pruned, first_day_kept, prune_rollups, would_prune
from gateway.store.retention import prune as prune_records
from gateway.store.rollups import marked_hours, roll_up


@click.command()
@click.option(
    "--keep", type=Days(), envvar=KEEP_DAYS_VARIABLE, metavar="90d", required=True, help="Keep records of so many days."
)
@click.option(
    "--keep-rollups", type=Days(), metavar="730d", help="Keep what reports read so long; for ever by default."
)
@click.option("--dry-run", is_flag=True, help="Say what would go, and change nothing.")
@json_option
@database_url_option
def prune(*, keep: int, keep_rollups: int | None, dry_run: bool, as_json: bool, database_url: str) -> None:
    """Drop records that are older, once they are summed up: reports go on counting them; and texts over their days.

    PostgreSQL drops whole days and is smaller at once; SQLite uses the room again but its file does not shrink.
    """
    now = datetime.now(UTC)
    try:
        before = first_day_kept(now, keep)
    except ValueError as error:
        raise click.UsageError(f"--keep: {error}") from error
    with _upkeep(database_url) as engine:
        found = would_prune(engine, before)
        pruned = found if dry_run else _prune(engine, before, found)
        if keep_rollups is not None and not dry_run:
            prune_rollups(engine, first_day_kept(now, keep_rollups))
    if as_json:
        click.echo(msgspec.json.encode({**msgspec.to_builtins(pruned), "dry_run": dry_run}).decode())
    else:
        click.echo(_told(pruned, dry_run=dry_run))
    if not pruned.is_whole:
        raise click.ClickException("somebody held on to a partition; run it again")


@click.command()
@json_option
@database_url_option
def rollup(*, as_json: bool, database_url: str) -> None:
    """Sum up the hours whose records changed; reports do that first, too."""
    with _upkeep(database_url) as engine:
        hours = summed_up(engine)
    click.echo(msgspec.json.encode({"hours": hours}).decode() if as_json else f"{hours} hours summed up")


def summed_up(engine: Engine) -> int:
    """Sum up what is marked, with a bar where it takes long; returns how many hours."""
    hours = marked_hours(engine)
    with progress_bar(len(hours), "summing up", every=10) as done:
        summed = roll_up(engine, hours, done)
    if summed.late:
        click.echo(
            f"records of {summed.late} hours came after their hours were pruned: no report counts them", err=True
        )
    return summed.hours


def _prune(engine: Engine, before: datetime, found: Pruned) -> Pruned:
    summed_up(engine)
    with progress_bar(found.requests // 100 + 1, "pruning", every=10) as done:
        return prune_records(engine, before, done)


def _told(pruned: Pruned, *, dry_run: bool) -> str:
    verb = "would go" if dry_run else "are gone"
    days = f" and {len(pruned.partitions)} partitions" if pruned.partitions else ""
    texts = f", and {pruned.texts} kept texts" if pruned.texts else ""
    return f"records from before {pruned.before:%Y-%m-%d} {verb}: {pruned.requests} rows of requests{days}{texts}"


@contextmanager
def _upkeep(database_url: str) -> Iterator[Engine]:
    with records_database(database_url) as engine:
        try:
            yield engine
        except SQLAlchemyError as error:
            raise click.ClickException(
                f"the database would not: {one_line(error)}; check that it is upgraded (`sizewise db upgrade`)"
            ) from error
