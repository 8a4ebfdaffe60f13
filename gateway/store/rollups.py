"""Sums up the hours whose records changed: the tables that reports read.

The marks of an hour are read, then its records summed up; then these marks and the old sums go and the new sums come,
in one transaction. Where another process was quicker the marks are gone: nothing changes. So it does not matter how
often, or by how many at a time, an hour is summed up.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Engine, RowMapping, Table, delete, func, insert, select

from gateway.store.partitions import lowest_id
from gateway.store.rollup_queries import attempts_of_hour, usage_of_hour
from gateway.store.rollup_tables import ATTEMPTS_HOURLY, PRUNINGS, ROLLUP_MARKS, USAGE_HOURLY
from gateway.store.tables import REQUESTS

_HOUR = timedelta(hours=1)
_MARKS_AT_ONCE = 500
_ROWS_AT_ONCE = 500


class RolledUp(Struct, frozen=True):
    """hours: summed up; late: marked after their records were pruned, so that they stay as they were."""

    hours: int
    late: int


class _Summed(Struct):
    hour: datetime
    marks: list[int]
    usage: Sequence[RowMapping]
    attempts: Sequence[RowMapping]


def marked_hours(engine: Engine) -> list[datetime]:
    """The hours to sum up, the earliest first."""
    with engine.connect() as connection:
        return list(connection.execute(select(ROLLUP_MARKS.c.hour).distinct().order_by(ROLLUP_MARKS.c.hour)).scalars())


def roll_up(engine: Engine, hours: Sequence[datetime], done: Callable[[], None] = lambda: None) -> RolledUp:
    """Sum up these hours, as far as they are still marked; calls `done` after each."""
    late = 0
    for hour in hours:
        late += not _roll_up_hour(engine, hour)
        done()
    return RolledUp(len(hours) - late, late)


def mark_unsummed(engine: Engine, since: datetime) -> int:
    """Mark the hours from then to now whose sums do not count as many requests as there are; returns how many.

    The release before this one marks nothing, and may go on writing while this one is rolled out.
    """
    hour, found = since.replace(minute=0, second=0, microsecond=0), 0
    while hour <= datetime.now(UTC):
        with engine.begin() as connection:
            if _is_unsummed(connection, hour):
                connection.execute(insert(ROLLUP_MARKS).values(hour=hour))
                found += 1
        hour += _HOUR
    return found


def pruned_before(connection: Connection) -> datetime | None:
    """Records from before that time are gone, or going; None where none were pruned yet."""
    return connection.execute(select(func.max(PRUNINGS.c.before, type_=PRUNINGS.c.before.type))).scalar()


def _is_unsummed(connection: Connection, hour: datetime) -> bool:
    horizon = pruned_before(connection)
    marks = select(func.count()).select_from(ROLLUP_MARKS).where(ROLLUP_MARKS.c.hour == hour)
    if (horizon is not None and hour < horizon) or connection.execute(marks).scalar_one():
        return False
    column = REQUESTS.c.received_at
    there = select(func.count()).where(column >= hour, column < hour + _HOUR, REQUESTS.c.id >= lowest_id(hour))
    summed = select(func.coalesce(func.sum(USAGE_HOURLY.c.requests), 0)).where(USAGE_HOURLY.c.hour == hour)
    return int(connection.execute(there).scalar_one()) != int(connection.execute(summed).scalar_one())


def _roll_up_hour(engine: Engine, hour: datetime) -> bool:
    """Whether its records are there to be summed up."""
    with engine.connect() as connection:
        # The marks first: what is written after them is marked again.
        marks = list(connection.execute(select(ROLLUP_MARKS.c.id).where(ROLLUP_MARKS.c.hour == hour)).scalars())
        horizon = pruned_before(connection)
        is_late = horizon is not None and hour < horizon
        if not marks:
            return True
        usage, attempts = ([], []) if is_late else _sums(connection, hour)
    with engine.connect() as connection:
        _replace(connection, _Summed(hour, marks, usage, attempts), is_late=is_late)
    return not is_late


def _sums(connection: Connection, hour: datetime) -> tuple[Sequence[RowMapping], Sequence[RowMapping]]:
    usage = connection.execute(usage_of_hour(hour)).mappings().all()
    return usage, connection.execute(attempts_of_hour(hour)).mappings().all()


def _replace(connection: Connection, summed: _Summed, *, is_late: bool) -> None:
    """Rolled back where one of the marks is gone: whoever took it has summed up the hour."""
    taken = 0
    for start in range(0, len(summed.marks), _MARKS_AT_ONCE):
        some = summed.marks[start : start + _MARKS_AT_ONCE]
        taken += connection.execute(delete(ROLLUP_MARKS).where(ROLLUP_MARKS.c.id.in_(some))).rowcount
    horizon = pruned_before(connection)
    is_pruned = horizon is not None and summed.hour < horizon
    if taken != len(summed.marks) or is_pruned != is_late:
        connection.rollback()
        return
    if not is_late:
        _refill(connection, USAGE_HOURLY, summed.hour, summed.usage)
        _refill(connection, ATTEMPTS_HOURLY, summed.hour, summed.attempts)
    connection.commit()


def _refill(connection: Connection, table: Table, hour: datetime, rows: Sequence[RowMapping]) -> None:
    connection.execute(delete(table).where(table.c.hour == hour))
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        values: list[dict[str, Any]] = [{"hour": hour, **row} for row in rows[start : start + _ROWS_AT_ONCE]]
        connection.execute(insert(table), values)
