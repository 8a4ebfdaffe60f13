"""Drops records that are older than they are kept, and what was said of them. What was summed up of them stays.

PostgreSQL drops whole days; what is left of such a day in the default partition, and SQLite's rows, are deleted a few
at a time, so that whoever writes does not wait long.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from msgspec import Struct
from sqlalchemy import Connection, Engine, TableClause, column, delete, func, insert, select, table, text
from sqlalchemy.exc import OperationalError

from gateway.store.feedback import drop_feedback
from gateway.store.partitions import PARTITION_NAMES, drop_statements, end_of, id_of
from gateway.store.rollup_tables import ATTEMPTS_HOURLY, PRUNINGS, USAGE_HOURLY
from gateway.store.rollups import marked_hours, pruned_before, roll_up
from gateway.store.texts import count_prunable, prune_texts

SHORTEST_KEEP_DAYS = 2
"""A record that waited for the database longer than records are kept comes too late for the reports."""
_AT_ONCE = 100
"""Rows of `requests` in one transaction: milliseconds of SQLite's write lock."""


class Pruned(Struct, frozen=True, kw_only=True):
    """before: the beginning of the first day that is kept; requests: those in no partition that was dropped; texts:
    of them, and those over their own days."""

    before: datetime
    partitions: tuple[str, ...] = ()
    requests: int = 0
    texts: int = 0
    is_whole: bool = True
    """False where somebody held on to a partition: it goes the next time."""


def first_day_kept(now: datetime, keep_days: int) -> datetime:
    """Whole days only. Raises ValueError for a keep under SHORTEST_KEEP_DAYS."""
    if keep_days < SHORTEST_KEEP_DAYS:
        raise ValueError(f"records are kept {SHORTEST_KEEP_DAYS} days at least, not {keep_days}")
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=keep_days)


def would_prune(engine: Engine, before: datetime) -> Pruned:
    """What `prune` would do, done to nothing. Raises SQLAlchemyError."""
    requests, _ = _deleted_from(engine)
    query = select(func.count()).select_from(requests).where(requests.c.id < id_of(before))
    with engine.connect() as connection:
        found = connection.execute(query).scalar_one()
        partitions = _over(connection, before)
    texts = count_prunable(engine, datetime.now(UTC), before)
    return Pruned(before=before, partitions=partitions, requests=found, texts=texts)


def prune(engine: Engine, before: datetime, done: Callable[[], None] = lambda: None) -> Pruned:
    """Drop the records from before that midnight, once their hours are summed up; calls `done` after each step.

    Raises SQLAlchemyError.
    """
    roll_up(engine, [hour for hour in marked_hours(engine) if hour < before], done)
    with engine.begin() as connection:
        horizon = pruned_before(connection)
        if horizon is None or horizon < before:
            connection.execute(insert(PRUNINGS).values(before=before, pruned_at=datetime.now(UTC)))
        partitions = _over(connection, before)
    texts = prune_texts(engine, datetime.now(UTC), before, done)  # first: none is ever without its record
    dropped = tuple(name for name in partitions if _drop(engine, name))
    deleted = 0
    while (found := _delete_some(engine, before)) > 0:
        deleted += found
        done()
    drop_feedback(engine, before)
    is_whole = dropped == partitions
    return Pruned(before=before, partitions=dropped, requests=deleted, texts=texts, is_whole=is_whole)


def prune_rollups(engine: Engine, before: datetime) -> int:
    """Drop the sums of the hours before that; returns how many rows. Raises SQLAlchemyError."""
    with engine.begin() as connection:
        tables = (USAGE_HOURLY, ATTEMPTS_HOURLY)
        return sum(connection.execute(delete(each).where(each.c.hour < before)).rowcount for each in tables)


def _over(connection: Connection, before: datetime) -> tuple[str, ...]:
    """The partitions that hold nothing to be kept."""
    if connection.dialect.name != "postgresql":
        return ()
    names = [str(name) for name in connection.execute(text(PARTITION_NAMES)).scalars()]
    return tuple(sorted(name for name in names if (end := end_of(name)) is not None and end <= before.date()))


def _drop(engine: Engine, name: str) -> bool:
    """Whether it could be dropped: not where somebody reads it for longer than we wait."""
    try:
        with engine.begin() as connection:
            for statement in drop_statements(name):
                connection.execute(text(statement))
    except OperationalError:
        return False
    return True


def _deleted_from(engine: Engine) -> tuple[TableClause, TableClause]:
    """Where rows are deleted one by one: of a partition of a day none ever are."""
    suffix = "_default" if engine.dialect.name == "postgresql" else ""
    return table(f"requests{suffix}", column("id")), table(f"attempts{suffix}", column("request_id"))


def _delete_some(engine: Engine, before: datetime) -> int:
    """Delete some requests of before with their attempts; the lock is free for as long after as it was held."""
    requests, attempts = _deleted_from(engine)
    oldest = select(requests.c.id).where(requests.c.id < id_of(before)).order_by(requests.c.id).limit(_AT_ONCE)
    with engine.begin() as connection:
        doomed = list(connection.execute(oldest).scalars())
        started_s = time.monotonic()
        if doomed:
            connection.execute(delete(attempts).where(attempts.c.request_id.between(doomed[0], doomed[-1])))
            connection.execute(delete(requests).where(requests.c.id.between(doomed[0], doomed[-1])))
    time.sleep(time.monotonic() - started_s)
    return len(doomed)
