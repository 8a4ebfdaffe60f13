"""`sizewise report savings` and `spend`: from the sums of each hour, which are brought up to date first."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final, get_args

import click
import msgspec
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError, ProgrammingError

from gateway.cli.db_upkeep import summed_up
from gateway.cli.options import Since, database_url_option, json_option
from gateway.cli.records_database import records_database
from gateway.cli.tables import UNKNOWN, printable, table
from gateway.domain.pricing import usd
from gateway.store import usage_reports
from gateway.store.reports import no_records
from gateway.store.usage_reports import SavingsBy, SavingsLine, SpendBy, SpendLine

_SINCE_DAYS: Final = 30
_LONGEST_NAME: Final = 40
_MICRO: Final = 1e6

_since_option = click.option(
    "--since", type=Since(), metavar="30d|TIME", help=f"From the hour of then on; {_SINCE_DAYS} days by default."
)
_csv_option = click.option("--csv", "as_csv", is_flag=True, help="Print CSV, amounts in nano-dollars.")

SAVINGS_COLUMNS: Final[dict[str, Callable[[SavingsLine], str]]] = {
    "REQUESTS": lambda line: str(line.requests),
    "TOKENS": lambda line: f"{line.input_tokens}+{line.output_tokens}",
    "COST $": lambda line: _cost(line.cost_nano_usd, known=line.requests - line.unpriced),
    "UNPRICED": lambda line: str(line.unpriced),
    "COMPARED": lambda line: str(line.compared),
    "BASELINE $": lambda line: _cost(line.baseline_cost_nano_usd, known=line.compared),
    "SAVING $": lambda line: _cost(line.saving_nano_usd or 0, known=line.compared),
    "FROM $": lambda line: _cost(line.saving_low_nano_usd, known=line.compared),
    "TO $": lambda line: _cost(line.saving_high_nano_usd, known=line.compared),
    "CHECKS PASSED": lambda line: _share(line.checks_passed, line.checks_passed + line.checks_failed),
    "ESCALATED": lambda line: _share(line.escalated, line.requests),
    "FELL BACK": lambda line: _share(line.fell_back, line.requests),
    "NOT ANSWERED": lambda line: _share(line.not_answered, line.requests),
    "FEEDBACK +/-": lambda line: f"{line.feedback_good}/{line.feedback_bad}",
}
SPEND_COLUMNS: Final[dict[str, Callable[[SpendLine], str]]] = {
    "CALLS": lambda line: str(line.attempts),
    "FAILED": lambda line: _share(line.failed, line.attempts),
    "INPUT": lambda line: str(line.input_tokens),
    "CACHED": lambda line: str(line.cached_input_tokens),
    "OUTPUT": lambda line: str(line.output_tokens),
    "ESTIMATED": lambda line: str(line.estimated),
    "ENERGY WH": lambda line: f"{line.energy_uwh / _MICRO:.3f}" if line.energy_uwh else UNKNOWN,
    "COST $": lambda line: _cost(line.cost_nano_usd, known=line.attempts - line.unpriced),
    "UNPRICED": lambda line: str(line.unpriced),
}


@click.command()
@_since_option
@click.option("--by", type=click.Choice(get_args(SavingsBy)), default="policy", show_default=True)
@json_option
@_csv_option
@database_url_option
def savings(*, since: datetime | None, by: SavingsBy, as_json: bool, as_csv: bool, database_url: str) -> None:
    """What the decisions saved against each policy's baseline, beside what is known of the answers.

    Baseline and saving are of the requests whose cost and baseline are both known (COMPARED).
    """
    with _money(database_url) as engine:
        lines = usage_reports.savings(engine, by=by, since=since or _default_since())
    _print(by, lines, SAVINGS_COLUMNS, as_json=as_json, as_csv=as_csv)
    unpriced = sum(line.unpriced for line in lines)
    if unpriced and not (as_json or as_csv):
        click.echo(f"{unpriced} requests have no known cost: they are in no sum of dollars")


@click.command()
@_since_option
@click.option("--by", type=click.Choice(get_args(SpendBy)), default="deployment", show_default=True)
@json_option
@_csv_option
@database_url_option
def spend(*, since: datetime | None, by: SpendBy, as_json: bool, as_csv: bool, database_url: str) -> None:
    """What upstream calls cost, retries, fallbacks and both calls of a cascade among them."""
    with _money(database_url) as engine:
        lines = usage_reports.spend(engine, by=by, since=since or _default_since())
    _print(by, lines, SPEND_COLUMNS, as_json=as_json, as_csv=as_csv)
    unpriced = sum(line.unpriced for line in lines)
    if unpriced and not (as_json or as_csv):
        click.echo(f"{unpriced} calls have no known cost: they are in no sum of dollars")


@contextmanager
def _money(database_url: str) -> Iterator[Engine]:
    with records_database(database_url) as engine:
        try:
            summed_up(engine)
        except (OperationalError, ProgrammingError) as error:
            raise no_records(error) from error
        yield engine


def _default_since() -> datetime:
    return datetime.now(UTC) - timedelta(days=_SINCE_DAYS)


def _print(
    by: str,
    lines: Sequence[Any],
    columns: dict[str, Callable[[Any], str]],
    *,
    as_json: bool,
    as_csv: bool,
) -> None:
    if as_json:
        for line in lines:
            click.echo(msgspec.json.encode(usage_reports.document(line)).decode())
    elif as_csv:
        click.echo(_as_csv(lines), nl=False)
    elif lines:
        totals = [usage_reports.total(lines)] if len(lines) > 1 else []
        rows = [
            (printable(line.name, _LONGEST_NAME) or UNKNOWN, *(cell(line) for cell in columns.values()))
            for line in (*lines, *totals)
        ]
        click.echo("\n".join(table((by.upper(), *columns), rows, right_from=1)))
    else:
        click.echo("no requests in that time", err=True)


def _as_csv(lines: Sequence[Any]) -> str:
    text = io.StringIO()
    documents = [usage_reports.document(line) for line in lines]
    if documents:
        writer = csv.DictWriter(text, list(documents[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(documents)
    return text.getvalue()


def _cost(nano_usd: int, *, known: int) -> str:
    return usd(nano_usd) if known else UNKNOWN


def _share(part: int, whole: int) -> str:
    """A dash where there is nothing to have a share of."""
    return f"{100 * part / whole:.1f}%" if whole else UNKNOWN
