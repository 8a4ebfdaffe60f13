"""`sizewise audit`: who did what to keys, policies and the gateways."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, get_args

import click
import msgspec

from gateway.cli.keys_database import keys_database
from gateway.cli.options import Since, database_url_option, json_option
from gateway.cli.tables import UNKNOWN, printable, table
from gateway.domain.acts import Act, AuditEntry
from gateway.store.audit import list_entries

_HEADINGS: Final = ("ID", "TIME (UTC)", "ACTOR", "FROM", "ROLE", "ACT", "TARGET", "CHANGED")
_LONGEST: Final = 48
_UNTOLD: Final = frozenset({"changed_at"})


@click.group()
def audit() -> None:
    """What was done, by whom, and what was before and after it; rows are only ever added."""


@audit.command("list")
@click.option("--limit", type=click.IntRange(1, 100_000), default=20, show_default=True, help="At most so many.")
@click.option("--since", type=Since(), metavar="1h|7d|TIME", help="Only acts since then.")
@click.option("--actor", help="Only what this one did.")
@click.option("--act", type=click.Choice(get_args(Act)), help="Only acts of this kind.")
@click.option("--target", metavar="key:ID|team:NAME|…", help="Only what was done to this.")
@json_option
@database_url_option
def list_(
    *,
    limit: int,
    since: datetime | None,
    actor: str | None,
    act: Act | None,
    target: str | None,
    as_json: bool,
    database_url: str,
) -> None:
    """List acts, the latest first."""
    with keys_database(database_url) as engine:
        found = list_entries(engine, limit=limit, since=since, actor=actor, act=act, target=target)
    if as_json:
        for entry in found:
            click.echo(_as_json(entry))
    elif found:
        click.echo("\n".join(table(_HEADINGS, _rows(found), right_from=len(_HEADINGS))))
    else:
        click.echo("no such acts", err=True)


def _as_json(entry: AuditEntry) -> str:
    fields = msgspec.to_builtins(entry)
    return msgspec.json.encode({**fields, "at": datetime.fromtimestamp(entry.at, UTC).isoformat()}).decode()


def _rows(entries: Sequence[AuditEntry]) -> list[tuple[str, ...]]:
    return [
        (
            str(entry.id),
            f"{datetime.fromtimestamp(entry.at, UTC):%Y-%m-%d %H:%M:%S}",
            printable(entry.actor, _LONGEST),
            entry.origin,
            entry.role or UNKNOWN,
            entry.act,
            printable(entry.target, _LONGEST),
            printable(_changed(entry), _LONGEST),
        )
        for entry in entries
    ]


def _changed(entry: AuditEntry) -> str:
    """The names of what is not as it was; of what is no object, what it was and is."""
    before, after = entry.before, entry.after
    if isinstance(before, dict) and isinstance(after, dict):
        names = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        return ", ".join(sorted(names - _UNTOLD)) or "nothing"
    if before is None:
        return UNKNOWN
    return f"{before} → {after}"
