"""`sizewise report`: what was decided and why; what was spent and saved is in `report_money`."""

from datetime import UTC, datetime
from typing import get_args

import click
import msgspec

from gateway.cli.kept_text import text_lines
from gateway.cli.options import Since, database_url_option, json_option
from gateway.cli.record_json import feedback_fields, record_fields
from gateway.cli.records_database import records_database
from gateway.cli.report_export import export
from gateway.cli.report_money import savings, spend
from gateway.cli.tables import UNKNOWN, printable, table
from gateway.domain.explanation import explain as explain_record
from gateway.domain.feedback import told
from gateway.domain.pricing import usd
from gateway.domain.record import Outcome, RequestRecord
from gateway.store.feedback import find_feedback
from gateway.store.outlines import find_outline
from gateway.store.reports import AmbiguousIdError, Filters, find_record, list_decisions
from gateway.store.texts import find_text, why_none

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
_LONGEST_ALIAS = 40


@click.group()
def report() -> None:
    """The decisions, the story of each request, what was spent and what was saved."""


report.add_command(savings)
report.add_command(spend)
report.add_command(export)


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
    with records_database(database_url) as engine:
        records = list_decisions(engine, limit=limit, since=since, filters=filters)
    if as_json:
        for record in records:
            click.echo(msgspec.json.encode(record_fields(record)).decode())
    elif records:
        rows = [_cells(record) for record in records]
        click.echo("\n".join(table(_HEADINGS, rows, right_from=_HEADINGS.index("TOKENS"))))
    else:
        click.echo("no such requests", err=True)


@report.command()
@click.argument("request_id")
@click.option("--text", "with_text", is_flag=True, help="Print what was asked and answered, where that is kept.")
@json_option
@database_url_option
def explain(request_id: str, with_text: bool, as_json: bool, database_url: str) -> None:
    """Tell the whole story of one request; REQUEST_ID may be the first characters of its id."""
    if not request_id:
        raise click.UsageError("REQUEST_ID is empty; `sizewise report decisions` lists them")
    with records_database(database_url) as engine:
        try:
            record = find_record(engine, request_id)
        except AmbiguousIdError as error:
            raise click.ClickException(str(error)) from error
        feedback = None if record is None else find_feedback(engine, record.id)
        outline = None if record is None else find_outline(engine, record)
        text = find_text(engine, record.id, datetime.now(UTC)) if with_text and record is not None else None
    if record is None:
        raise click.ClickException(f"no request {request_id!r}; `sizewise report decisions` lists them")
    if as_json:
        fields = {**record_fields(record), "feedback": feedback_fields(feedback)}
        click.echo(msgspec.json.encode(fields | ({"text": text} if with_text else {})).decode())
        return
    click.echo("\n".join((*explain_record(record, outline), *told(feedback))))
    if with_text:
        click.echo("\n".join(text_lines(text)) if text is not None else f"Text: {why_none(record)}")


def _cells(record: RequestRecord) -> tuple[str, ...]:
    usage, saving = record.usage, record.saving_nano_usd
    return (
        f"{datetime.fromtimestamp(record.received_at, UTC):%Y-%m-%d %H:%M:%S}",
        record.id,
        printable(record.alias, _LONGEST_ALIAS),
        record.rule,
        record.deployment or UNKNOWN,
        record.outcome,
        UNKNOWN if usage is None else f"{usage.input_tokens}+{usage.output_tokens}",
        UNKNOWN if record.cost_nano_usd is None else usd(record.cost_nano_usd),
        UNKNOWN if saving is None else usd(saving),
        f"{record.total_ms:.0f}",
        f"{record.overhead_ms:.2f}",
    )
