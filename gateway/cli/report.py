"""`sizewise report`: what was decided, and why."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import get_args

import click
import msgspec
from sqlalchemy import Engine

from gateway.cli.options import Since, database_url_option, json_option
from gateway.domain.explanation import explain as explain_record
from gateway.domain.pricing import usd
from gateway.domain.record import Outcome, RequestRecord
from gateway.store.engine import open_engine
from gateway.store.reports import AmbiguousIdError, Filters, NoRecordsError, find_record, list_decisions
from gateway.store.urls import DatabaseUrlError, sqlite_path, without_password

_HEADINGS = (
    "TIME (UTC)",
    "ID",
    "ALIAS",
    "RULE",
    "DEPLOYMENT",
    "OUTCOME",
    "TOKENS",
    "COST $",
    "SAVING $",
    "MS",
    "OVERHEAD MS",
)
_RIGHT = frozenset({"TOKENS", "COST $", "SAVING $", "MS", "OVERHEAD MS"})
_UNKNOWN = "-"


@click.group()
def report() -> None:
    """The decisions, and the story of each request."""


@report.command()
@click.option("--limit", type=click.IntRange(1, 100_000), default=20, show_default=True, help="At most so many.")
@click.option("--since", type=Since(), metavar="1h|7d|TIME", help="Only requests received since then.")
@click.option("--alias", help="Only requests for this model alias.")
@click.option("--policy", help="Only requests this policy decided.")
@click.option("--rule", help="Only requests this rule decided.")
@click.option("--deployment", help="Only requests sent to this deployment, be it in vain.")
@click.option("--outcome", type=click.Choice(get_args(Outcome)), help="Only requests that ended so.")
@json_option
@database_url_option
def decisions(
    *,
    limit: int,
    since: datetime | None,
    alias: str | None,
    policy: str | None,
    rule: str | None,
    deployment: str | None,
    outcome: str | None,
    as_json: bool,
    database_url: str,
) -> None:
    """List decisions, the latest first."""
    filters = Filters(alias=alias, policy=policy, rule=rule, deployment=deployment, outcome=outcome)
    with _records(database_url) as engine:
        records = list_decisions(engine, limit=limit, since=since, filters=filters)
    if as_json:
        for record in records:
            click.echo(_as_json(record))
    elif records:
        _print_table([_cells(record) for record in records])
    else:
        click.echo("no such requests", err=True)


@report.command()
@click.argument("request_id")
@json_option
@database_url_option
def explain(request_id: str, as_json: bool, database_url: str) -> None:
    """Tell the whole story of one request; REQUEST_ID may be the first characters of its id."""
    if not request_id:
        raise click.UsageError("REQUEST_ID is empty; `sizewise report decisions` lists them")
    with _records(database_url) as engine:
        try:
            record = find_record(engine, request_id)
        except AmbiguousIdError as error:
            raise click.ClickException(str(error)) from error
    if record is None:
        raise click.ClickException(f"no request {request_id!r}; `sizewise report decisions` lists them")
    click.echo(_as_json(record) if as_json else "\n".join(explain_record(record)))


@contextmanager
def _records(database_url: str) -> Iterator[Engine]:
    """An engine on a database that holds records; ends the command with one line where there is none."""
    shown = without_password(database_url)
    path = sqlite_path(database_url)
    if path is not None and not path.exists():
        raise click.ClickException(
            f"no records yet: there is no database at {shown}; start the gateway first (`sizewise serve`)"
        )
    try:
        engine = open_engine(database_url)
    except DatabaseUrlError as error:
        raise click.UsageError(str(error)) from error
    try:
        yield engine
    except NoRecordsError as error:
        raise click.ClickException(
            f"no records to read at {shown}: {error}; start the gateway first (`sizewise serve`),"
            " or check the URL and that the database is up"
        ) from error
    finally:
        engine.dispose()


def _as_json(record: RequestRecord) -> str:
    fields = msgspec.to_builtins(record)
    fields["received_at"] = datetime.fromtimestamp(record.received_at, UTC).isoformat()
    fields["saving_nano_usd"] = record.saving_nano_usd
    return msgspec.json.encode(fields).decode()


def _cells(record: RequestRecord) -> tuple[str, ...]:
    usage, saving = record.usage, record.saving_nano_usd
    return (
        f"{datetime.fromtimestamp(record.received_at, UTC):%Y-%m-%d %H:%M:%S}",
        record.id,
        _printable(record.alias),
        record.rule,
        record.deployment or _UNKNOWN,
        record.outcome,
        _UNKNOWN if usage is None else f"{usage.input_tokens}+{usage.output_tokens}",
        _UNKNOWN if record.cost_nano_usd is None else usd(record.cost_nano_usd),
        _UNKNOWN if saving is None else usd(saving),
        f"{record.total_ms:.0f}",
        f"{record.overhead_ms:.2f}",
    )


def _printable(text: str) -> str:
    """A client's own text as a terminal may show it: no control characters, and not without end."""
    shown = "".join(char if char.isprintable() else "?" for char in text)
    return shown if len(shown) <= 40 else f"{shown[:39]}…"


def _print_table(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(_HEADINGS, *rows, strict=True)]
    for row in (_HEADINGS, *rows):
        cells = [
            cell.rjust(width) if heading in _RIGHT else cell.ljust(width)
            for cell, width, heading in zip(row, widths, _HEADINGS, strict=True)
        ]
        click.echo("  ".join(cells).rstrip())
