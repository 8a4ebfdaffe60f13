"""Keeps the database in order: sums up marked hours, makes partitions ahead, drops what is older than it is kept,
records and texts.

As a program it is the child that `gateway.store.housekeeper` starts every few minutes; one replica at a time does it.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from msgspec import Struct
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError, SQLAlchemyError

from gateway.store.engine import one_line, open_engine
from gateway.store.housekeeper import KEEP_DAYS_VARIABLE
from gateway.store.partitions import PARTITION_NAMES, create_statements, missing
from gateway.store.retention import Pruned, first_day_kept, prune
from gateway.store.rollups import mark_unsummed, marked_hours, roll_up
from gateway.store.texts import prune_texts
from gateway.store.urls import DATABASE_URL_VARIABLE, DatabaseUrlError

_ADVISORY_LOCK = 7_305_410_227
_NICENESS = 10
_LOOKED_BACK = timedelta(days=1)


class Done(Struct, frozen=True, kw_only=True):
    """hours: summed up; late: left as they were, their records being pruned; unmade: partitions not to be made; texts:
    over their days."""

    hours: int
    late: int
    partitions: int
    unmade: int
    texts: int
    pruned: Pruned | None


def keep_house(engine: Engine, *, now: datetime, keep_days: int | None = None) -> Done | None:
    """Do all of it; None where another process is at it. Raises SQLAlchemyError, or ValueError for too short a keep."""
    with _turn(engine) as is_ours:
        if not is_ours:
            return None
        made, unmade = make_partitions(engine, now)
        mark_unsummed(engine, now - _LOOKED_BACK)
        texts = prune_texts(engine, now)
        summed = roll_up(engine, marked_hours(engine))
        pruned = None if keep_days is None else prune(engine, first_day_kept(now, keep_days))
        return Done(hours=summed.hours, late=summed.late, partitions=made, unmade=unmade, texts=texts, pruned=pruned)


def make_partitions(engine: Engine, now: datetime) -> tuple[int, int]:
    """Make the partitions of the days ahead, where there are none; returns how many, and how many could not be made."""
    if engine.dialect.name != "postgresql":
        return 0, 0
    with engine.connect() as connection:
        names = [str(name) for name in connection.execute(text(PARTITION_NAMES)).scalars()]
    wanted = missing(names, now.astimezone(UTC).date())
    made = 0
    for table, day in wanted:
        try:
            with engine.begin() as connection:
                for statement in create_statements(table, day):
                    connection.execute(text(statement))
            made += 1
        except (IntegrityError, OperationalError, ProgrammingError) as error:
            sys.stderr.write(
                f"no partition of {table} for {day}, its records go to the default one: {one_line(error)}\n"
            )
    return made, len(wanted) - made


@contextmanager
def _turn(engine: Engine) -> Iterator[bool]:
    """Whether it is this process's turn, until the block is left; SQLite has one process at work anyway."""
    if engine.dialect.name != "postgresql":
        yield True
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        key = {"key": _ADVISORY_LOCK}
        is_ours = bool(connection.execute(text("SELECT pg_try_advisory_lock(:key)"), key).scalar())
        yield is_ours
        if is_ours:  # after an error the server lets go by itself, a moment after the connection has gone
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), key)


def main() -> int:
    os.nice(_NICENESS)  # requests come first
    keep = os.environ.get(KEEP_DAYS_VARIABLE)
    try:
        engine = open_engine(os.environ.get(DATABASE_URL_VARIABLE, ""))
        done = keep_house(engine, now=datetime.now(UTC), keep_days=int(keep) if keep else None)
    except (SQLAlchemyError, DatabaseUrlError, ValueError, OSError) as error:
        sys.stderr.write(f"{one_line(error)}\n")
        return 1
    if done is not None and done.late:
        sys.stderr.write(f"records of {done.late} hours came after their hours were pruned: no report counts them\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
