"""What was spent and what was saved: read from the sums of each hour, never from the records themselves."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, Literal, TypeVar

from msgspec import Struct, to_builtins
from sqlalchemy import BigInteger, Column, ColumnElement, Engine, Table, case, cast, func, select
from sqlalchemy.exc import OperationalError, ProgrammingError

from gateway.store.reports import no_records
from gateway.store.rollup_tables import ATTEMPTS_HOURLY, USAGE_HOURLY

SavingsBy = Literal["team", "app", "policy", "day", "rule", "deployment", "alias"]
SpendBy = Literal["deployment", "model", "team", "app", "key", "origin", "day"]

_Line = TypeVar("_Line", "SavingsLine", "SpendLine")

_ANSWERED: Final = ("ok", "client_disconnected")
_COLUMN_OF: Final = {"day": "hour", "key": "key_id"}


class SavingsLine(Struct, frozen=True, kw_only=True):
    """Requests and what they saved, with what is known of the answers.

    cost_nano_usd  of the requests whose cost is known
    unpriced       requests whose cost is not known
    compared       requests whose cost and baseline are both known: the three after it, and the saving, are of those
    saving_low_nano_usd  with `saving_high_nano_usd`: where the saving is, tokens of the baseline's being an estimate
    not_answered   refused, failed or interrupted
    escalated      went to a larger model because the answer failed its check
    fell_back      went to another deployment because one failed
    """

    name: str
    requests: int
    input_tokens: int
    output_tokens: int
    estimated: int
    cost_nano_usd: int
    unpriced: int
    compared: int
    compared_cost_nano_usd: int
    baseline_cost_nano_usd: int
    saving_low_nano_usd: int
    saving_high_nano_usd: int
    checks_passed: int
    checks_failed: int
    escalated: int
    fell_back: int
    not_answered: int
    feedback_good: int
    feedback_bad: int

    @property
    def saving_nano_usd(self) -> int | None:
        """None where nothing can be compared."""
        return self.baseline_cost_nano_usd - self.compared_cost_nano_usd if self.compared else None


class SpendLine(Struct, frozen=True, kw_only=True):
    """Upstream calls and what they cost, failed ones and retries among them.

    cost_nano_usd  of the calls whose cost is known
    unpriced       calls whose cost is not known
    energy_uwh     micro-watt-hours, of the calls whose energy is known
    """

    name: str
    attempts: int
    failed: int
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    estimated: int
    cost_nano_usd: int
    unpriced: int
    energy_uwh: int


def savings(engine: Engine, *, by: SavingsBy, since: datetime) -> list[SavingsLine]:
    """From the hour of that moment on; what saved most first, days in their order. Raises NoRecordsError."""
    columns = USAGE_HOURLY.c
    not_answered = case((columns.outcome.not_in(_ANSWERED), columns.requests), else_=0)
    names = [name for name in SavingsLine.__struct_fields__ if name not in ("name", "not_answered")]
    sums = {**{name: columns[name] for name in names}, "not_answered": not_answered}
    lines = [SavingsLine(name=name, **found) for name, found in _grouped(engine, USAGE_HOURLY, by, since, sums)]
    return sorted(lines, key=lambda line: line.name if by == "day" else (-(line.saving_nano_usd or 0), line.name))


def spend(engine: Engine, *, by: SpendBy, since: datetime) -> list[SpendLine]:
    """From the hour of that moment on; what cost most first, days in their order. Raises NoRecordsError."""
    columns = ATTEMPTS_HOURLY.c
    failed = case((columns.outcome.in_(("failed", "interrupted")), columns.attempts), else_=0)
    names = [name for name in SpendLine.__struct_fields__ if name not in ("name", "failed")]
    sums = {**{name: columns[name] for name in names}, "failed": failed}
    lines = [SpendLine(name=name, **found) for name, found in _grouped(engine, ATTEMPTS_HOURLY, by, since, sums)]
    return sorted(lines, key=lambda line: line.name if by == "day" else (-line.cost_nano_usd, line.name))


def total(lines: Sequence[_Line]) -> _Line:
    """The sum of some lines, at least one."""
    kind = type(lines[0])
    names = [name for name in kind.__struct_fields__ if name != "name"]
    return kind(name="total", **{name: sum(getattr(line, name) for line in lines) for name in names})


def document(line: SavingsLine | SpendLine) -> dict[str, Any]:
    """The line as JSON and CSV have it: dollars that are not known are null, and a saving stands by itself."""
    fields: dict[str, Any] = to_builtins(line)
    if isinstance(line, SpendLine):
        return fields | ({"cost_nano_usd": None} if line.unpriced == line.attempts else {})
    fields["saving_nano_usd"] = line.saving_nano_usd
    unknown = [] if line.unpriced < line.requests else ["cost_nano_usd"]
    if not line.compared:
        unknown += [name for name in fields if name.startswith(("compared_", "baseline_", "saving_"))]
    return fields | dict.fromkeys(unknown)


def _grouped(
    engine: Engine, table: Table, by: str, since: datetime, sums: dict[str, ColumnElement[int]]
) -> Iterator[tuple[str, dict[str, int]]]:
    column: Column[Any] = table.c[_COLUMN_OF.get(by, by)]
    summed = [cast(func.sum(each), BigInteger).label(name) for name, each in sums.items()]
    hour = since.replace(minute=0, second=0, microsecond=0)
    query = select(column, *summed).where(table.c.hour >= hour).group_by(column)
    totals: defaultdict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(sums, 0))
    try:
        with engine.connect() as connection:
            for name, *values in connection.execute(query):
                line = totals[f"{name:%Y-%m-%d}" if by == "day" else name]
                for each, value in zip(sums, values, strict=True):
                    line[each] += value
    except (OperationalError, ProgrammingError) as error:
        raise no_records(error) from error
    yield from totals.items()
