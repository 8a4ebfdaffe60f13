"""Records read to be written elsewhere: all of each, a page at a time, with what was said of it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Engine, RowMapping, or_, select
from sqlalchemy.exc import OperationalError, ProgrammingError

from gateway.domain.feedback import Feedback
from gateway.domain.record import RequestRecord
from gateway.store.feedback import feedback_on
from gateway.store.history import Wanted, conditions
from gateway.store.partitions import id_range
from gateway.store.reports import attempts_on, no_records
from gateway.store.rows import record_from
from gateway.store.tables import REQUESTS

_ROWS_A_PAGE: Final = 1_000
_ONCE = timedelta(0)


class Told(Struct, frozen=True, kw_only=True):
    """One request. `record`: None where this release cannot read what is stored of it."""

    id: str
    record: RequestRecord | None
    feedback: Feedback | None


def read_pages(engine: Engine, wanted: Wanted) -> Iterator[list[Told]]:
    """By their ids, which begin with the time they were made, the latest first. Raises NoRecordsError.

    Each page is a transaction of its own: what takes long to export keeps nothing from being cleaned up meanwhile.
    """
    left, below = wanted.limit, None
    try:
        while left is None or left > 0:
            query = select(REQUESTS).where(*_conditions(wanted)).order_by(REQUESTS.c.id.desc())
            if below is not None:
                query = query.where(REQUESTS.c.id < below)
            with engine.connect() as connection:
                rows = connection.execute(query.limit(min(_ROWS_A_PAGE, left or _ROWS_A_PAGE))).mappings().all()
                page = _told(connection, rows)
            if not page:
                return
            yield page
            left, below = None if left is None else left - len(page), page[-1].id
    except (OperationalError, ProgrammingError) as error:
        raise no_records(error) from error


def _conditions(wanted: Wanted) -> Iterator[Any]:
    yield from conditions(wanted)
    if wanted.until is not None:  # the id, too: no later row is looked at
        _, high, of_no_gateway = id_range(wanted.until, wanted.until + _ONCE)
        yield or_(REQUESTS.c.id < high, REQUESTS.c.id >= of_no_gateway)


def _told(connection: Connection, rows: Sequence[RowMapping]) -> list[Told]:
    ids = [row["id"] for row in rows]
    attempts, feedback = attempts_on(connection, ids), feedback_on(connection, ids)
    return [
        Told(id=row["id"], record=_record(row, attempts[row["id"]]), feedback=feedback.get(row["id"])) for row in rows
    ]


def _record(row: RowMapping, attempts: Sequence[Mapping[str, Any]]) -> RequestRecord | None:
    try:
        return record_from(dict(row), attempts)
    except msgspec.ValidationError:
        return None
