"""The reading side of the kept texts, and their end."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Engine, delete, func, or_, select
from sqlalchemy.exc import OperationalError, ProgrammingError

from gateway.domain.kept_text import KeptText
from gateway.domain.record import RequestRecord
from gateway.store.partitions import id_of
from gateway.store.reports import no_records
from gateway.store.text_rows import text_from
from gateway.store.text_tables import TEXTS

_IDS_A_QUERY = 500
_AT_ONCE = 50
"""Rows in one transaction: milliseconds of SQLite's write lock."""


def find_text(engine: Engine, request_id: str, now: datetime) -> KeptText | None:
    """What is kept of the request of that very id; None where nothing is, or no longer. Raises NoRecordsError."""
    query = select(TEXTS).where(TEXTS.c.request_id == request_id, TEXTS.c.expires_at > now)
    try:
        with engine.connect() as connection:
            row = connection.execute(query).mappings().first()
    except (OperationalError, ProgrammingError) as error:
        raise no_records(error) from error
    return None if row is None else text_from(dict(row))


def find_texts(engine: Engine, request_ids: Sequence[str], now: datetime) -> dict[str, KeptText]:
    """What is kept of each of those requests, where something still is. Raises NoRecordsError."""
    found: dict[str, KeptText] = {}
    try:
        with engine.connect() as connection:
            for start in range(0, len(request_ids), _IDS_A_QUERY):
                some = TEXTS.c.request_id.in_(request_ids[start : start + _IDS_A_QUERY])
                for row in connection.execute(select(TEXTS).where(some, TEXTS.c.expires_at > now)).mappings():
                    found[row["request_id"]] = text_from(dict(row))
    except (OperationalError, ProgrammingError) as error:
        raise no_records(error) from error
    return found


def why_none(record: RequestRecord) -> str:
    """Why there is no text of a request that is recorded, as far as one can tell."""
    team = f"team {record.team!r}" if record.team else "callers without a team"
    return (
        f"no text of request {record.id!r} is kept: policy {record.policy!r} has none kept of {team} (`keep_text`),"
        " or it is over its days, is not written yet, or was dropped for want of room"
    )


def count_prunable(engine: Engine, now: datetime, before: datetime | None = None) -> int:
    """How many `prune_texts` would delete. Raises SQLAlchemyError."""
    query = select(func.count()).select_from(TEXTS).where(or_(*_prunable(now, before)))
    with engine.connect() as connection:
        return connection.execute(query).scalar_one()


def prune_texts(
    engine: Engine, now: datetime, before: datetime | None = None, done: Callable[[], None] = lambda: None
) -> int:
    """Delete the texts over their days, and those of records from before that midnight, however long they were to stay.

    A few at a time; the lock is free for as long after as it was held. Calls `done` after each step; returns how many.
    Raises SQLAlchemyError.
    """
    deleted = 0
    for condition in _prunable(now, before):
        while (found := _delete_some(engine, condition)) > 0:
            deleted += found
            done()
    return deleted


def _prunable(now: datetime, before: datetime | None) -> list[ColumnElement[bool]]:
    expired = TEXTS.c.expires_at <= now
    return [expired] if before is None else [expired, TEXTS.c.request_id < id_of(before)]


def _delete_some(engine: Engine, condition: ColumnElement[bool]) -> int:
    some = select(TEXTS.c.request_id).where(condition).limit(_AT_ONCE)
    with engine.begin() as connection:
        started_s = time.monotonic()
        deleted = connection.execute(delete(TEXTS).where(TEXTS.c.request_id.in_(some.scalar_subquery()))).rowcount
    time.sleep(time.monotonic() - started_s)
    return deleted
