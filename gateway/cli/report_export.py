"""`sizewise report export`: records as JSON lines or CSV, or as rows that the classifier learns from."""

import csv
import io
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

import click
import msgspec
from sqlalchemy import Engine

from gateway.cli.options import Since, database_url_option
from gateway.cli.output import Write, streamed_output
from gateway.cli.progress import progress_bar
from gateway.cli.record_columns import ATTEMPT_COLUMNS, REQUEST_COLUMNS, Cell, attempt_cells, request_cells
from gateway.cli.record_json import feedback_fields, record_fields
from gateway.cli.records_database import records_database
from gateway.cli.training_rows import Tiers, summary, training_rows
from gateway.domain.feedback import Feedback
from gateway.domain.record import RequestRecord
from gateway.store.export import Told, read_pages
from gateway.store.history import Wanted, count_logged

Format = Literal["jsonl", "csv"]
_Readable = tuple[RequestRecord, Feedback | None]

_BAR_MOVES_EVERY: Final = 1_000


@click.command()
@click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True)
@click.option("--attempts", "is_by_attempt", is_flag=True, help="With csv: one row for each upstream call.")
@click.option("--for", "purpose", type=click.Choice(["training"]), help="Rows that `sizewise classifier train` reads.")
@click.option("--small-tier", default="small", show_default=True, metavar="TIER", help="For training: the small one.")
@click.option("--large-tier", default="large", show_default=True, metavar="TIER", help="For training: the large one.")
@click.option("--since", type=Since(), metavar="1h|7d|TIME", help="Only requests received since then.")
@click.option("--until", type=Since(), metavar="1h|7d|TIME", help="Only requests received before then.")
@click.option("--alias", help="Only requests for this model alias.")
@click.option("--team", help="Only requests of this team.")
@click.option("--app", help="Only requests of this app.")
@click.option("--policy", help="Only requests this policy decided.")
@click.option("--limit", type=click.IntRange(1), help="At most so many requests, the latest.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Instead of stdout.")
@database_url_option
def export(
    *,
    form: Format,
    is_by_attempt: bool,
    purpose: Literal["training"] | None,
    small_tier: str,
    large_tier: str,
    output: Path | None,
    database_url: str,
    **narrowed: Any,
) -> None:
    """Write records with their feedback, the latest first, in constant memory.

    In CSV, text that a spreadsheet would take for a formula is led by an apostrophe.
    """
    wanted = _wanted(**narrowed)
    tiers = Tiers(small=small_tier, large=large_tier) if purpose else None
    _check_use(form, tiers, is_by_attempt=is_by_attempt)
    with (
        records_database(database_url) as engine,
        streamed_output(output) as write,
        _progress(engine, wanted, output) as done,
    ):
        pages = _counted(read_pages(engine, wanted), done)
        if tiers is None:
            _write_records(write, pages, form, is_by_attempt=is_by_attempt)
        else:
            _write_training(write, pages, engine, tiers)


def _wanted(*, since: datetime | None, until: datetime | None, **names: Any) -> Wanted:
    if since is not None and until is not None and since >= until:
        raise click.UsageError(f"--until {until:%Y-%m-%dT%H:%M:%S%z} is not after --since {since:%Y-%m-%dT%H:%M:%S%z}")
    return Wanted(since=since, until=until, **names)


def _check_use(form: Format, tiers: Tiers | None, *, is_by_attempt: bool) -> None:
    if tiers is not None and (form == "csv" or is_by_attempt):
        raise click.UsageError("--for training is JSON lines, one a request; leave --format csv and --attempts out")
    if tiers is not None and tiers.small == tiers.large:
        raise click.UsageError(f"--small-tier and --large-tier are both {tiers.small!r}; name two tiers")
    if is_by_attempt and form != "csv":
        raise click.UsageError("--attempts goes with --format csv; a JSON line holds its attempts already")


def _progress(engine: Engine, wanted: Wanted, output: Path | None) -> AbstractContextManager[Callable[[], None]]:
    """A bar where somebody watches and nothing else is written there; counting takes a while, too."""
    if not sys.stderr.isatty() or (output is None and sys.stdout.isatty()):
        return nullcontext(lambda: None)
    return progress_bar(count_logged(engine, wanted), "exporting", every=_BAR_MOVES_EVERY)


def _counted(pages: Iterable[list[Told]], done: Callable[[], None]) -> Iterator[list[Told]]:
    for page in pages:
        yield page
        for _ in page:
            done()


def _write_records(write: Write, pages: Iterable[list[Told]], form: Format, *, is_by_attempt: bool) -> None:
    written = unreadable = 0
    if form == "csv":
        write(_csv([ATTEMPT_COLUMNS if is_by_attempt else REQUEST_COLUMNS]))
    for page in pages:
        readable = [(told.record, told.feedback) for told in page if told.record is not None]
        write(_csv(_rows(readable, is_by_attempt=is_by_attempt)) if form == "csv" else _jsonl(readable))
        written += len(readable)
        unreadable += len(page) - len(readable)
    if not written:
        click.echo("no such requests", err=True)
    if unreadable:
        click.echo(f"left out: {unreadable:,} records that this release cannot read", err=True)


def _write_training(write: Write, pages: Iterable[list[Told]], engine: Engine, tiers: Tiers) -> None:
    rows, left_out = 0, Counter[str]()
    for page in pages:
        for row in training_rows(engine, page, tiers, left_out):
            write(msgspec.json.encode(row) + b"\n")
            rows += 1
    click.echo("\n".join(summary(rows, left_out)), err=True)


def _jsonl(readable: Iterable[_Readable]) -> bytes:
    lines = [{**record_fields(record), "feedback": feedback_fields(feedback)} for record, feedback in readable]
    return b"".join(msgspec.json.encode(line) + b"\n" for line in lines)


def _rows(readable: Iterable[_Readable], *, is_by_attempt: bool) -> Iterator[list[Cell]]:
    for record, feedback in readable:
        if is_by_attempt:
            yield from (attempt_cells(record, attempt) for attempt in record.attempts)
        else:
            yield request_cells(record, feedback)


def _csv(rows: Iterable[Sequence[Cell]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
