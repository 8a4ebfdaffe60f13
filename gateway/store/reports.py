"""The reading side of the records."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Engine, RowMapping, func, select
from sqlalchemy.exc import OperationalError, ProgrammingError

from gateway.domain.record import RequestRecord
from gateway.store.partitions import lowest_id
from gateway.store.rows import record_from
from gateway.store.tables import ATTEMPTS, NOT_OK, REQUESTS

_IDS_A_QUERY = 500
_LAST_CHARACTER = chr(0x10FFFF)


_GIVEN_UP = "57014"
"""PostgreSQL's code for a statement that took longer than it may."""


class NoRecordsError(Exception):
    """The database cannot be read, or holds no tables of ours. `is_slow`: the database was asked, and given up."""

    def __init__(self, why: str, *, is_slow: bool = False) -> None:
        super().__init__(why)
        self.is_slow = is_slow


class AmbiguousIdError(Exception):
    """More than one record's id begins like that."""


class Filters(Struct, frozen=True, kw_only=True):
    """None: any. `deployment` is one that was called for the request, be it in vain."""

    policy: str | None = None
    rule: str | None = None
    deployment: str | None = None
    outcome: str | None = None
    alias: str | None = None


def list_decisions(
    engine: Engine, *, limit: int, since: datetime | None = None, filters: Filters | None = None
) -> list[RequestRecord]:
    """The latest records first, with their attempts. Raises NoRecordsError."""
    query = (
        select(REQUESTS)
        .where(*_conditions(filters or Filters(), since))
        .order_by(REQUESTS.c.received_at.desc(), REQUESTS.c.id)
        .limit(limit)
    )
    try:
        with engine.connect() as connection:
            return _with_attempts(connection, connection.execute(query).mappings().all())
    except (OperationalError, ProgrammingError) as error:
        raise no_records(error) from error


def find_record(engine: Engine, request_id: str) -> RequestRecord | None:
    """The record of that id, else the only one whose id begins so. Raises AmbiguousIdError or NoRecordsError."""
    column = REQUESTS.c.id
    begins_so = select(REQUESTS).where(column >= request_id, column < request_id + _LAST_CHARACTER)
    try:
        with engine.connect() as connection:
            # The id itself sorts before every longer one.
            rows = connection.execute(begins_so.order_by(column).limit(3)).mappings().all()
            if rows and rows[0]["id"] == request_id:
                rows = rows[:1]
            if len(rows) > 1:
                raise AmbiguousIdError(_ambiguous(request_id, [row["id"] for row in rows]))
            records = _with_attempts(connection, rows)
    except (OperationalError, ProgrammingError) as error:
        raise no_records(error) from error
    return records[0] if records else None


def _conditions(filters: Filters, since: datetime | None) -> list[ColumnElement[bool]]:
    columns = REQUESTS.c
    wanted = [
        (columns.policy, filters.policy),
        (columns.rule, filters.rule),
        (columns.outcome, filters.outcome),
        (columns.alias, filters.alias),
    ]
    conditions: list[ColumnElement[bool]] = [column == value for column, value in wanted if value is not None]
    if since is not None:
        # The id, too: PostgreSQL reads only the days it can be in.
        conditions += [columns.received_at >= since, columns.id >= lowest_id(since)]
    if filters.outcome not in (None, "ok"):
        conditions.append(NOT_OK)
    if filters.deployment is not None:
        called = (ATTEMPTS.c.request_id == columns.id) & (ATTEMPTS.c.deployment == filters.deployment)
        # Counted, not asked whether any exists: that PostgreSQL would find out for all records there are, limit or not.
        conditions.append(select(func.count()).where(called).scalar_subquery() > 0)
    return conditions


def _with_attempts(connection: Connection, rows: Sequence[RowMapping]) -> list[RequestRecord]:
    attempts = attempts_on(connection, [row["id"] for row in rows])
    return [record_from(dict(row), attempts[row["id"]]) for row in rows]


def attempts_on(connection: Connection, request_ids: Sequence[str]) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """The rows of `attempts` of each of those requests; none for any other. Raises SQLAlchemyError."""
    attempts: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for start in range(0, len(request_ids), _IDS_A_QUERY):
        query = select(ATTEMPTS).where(ATTEMPTS.c.request_id.in_(request_ids[start : start + _IDS_A_QUERY]))
        for attempt in connection.execute(query).mappings():
            attempts[attempt["request_id"]].append(dict(attempt))
    return attempts


def _ambiguous(request_id: str, found: list[str]) -> str:
    return f"more than one request id begins with {request_id!r}: {', '.join(found)}, …; give more of it"


def no_records(error: OperationalError | ProgrammingError) -> NoRecordsError:
    """Why the records cannot be read, in one line."""
    is_slow = getattr(error.orig, "sqlstate", None) == _GIVEN_UP
    return NoRecordsError(str(error.orig).strip().splitlines()[0], is_slow=is_slow)
