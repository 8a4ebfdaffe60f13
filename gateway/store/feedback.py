"""Feedback in the database: kept beside the records, found again, and dropped after them."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from msgspec.structs import replace
from sqlalchemy import Connection, Engine, RowMapping, delete, func, insert, select, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from gateway.domain.errors import InvalidRequestError
from gateway.domain.feedback import Feedback
from gateway.store.feedback_tables import FEEDBACK
from gateway.store.partitions import id_of
from gateway.store.reports import no_records
from gateway.store.rollup_tables import ROLLUP_MARKS
from gateway.store.rows import storable_text
from gateway.store.tables import REQUESTS

_STATEMENT_TIMEOUT_MS: Final = 3_000
MOST_ON_ONE: Final = 20
"""Times that one request may be judged: the latest counts, and nobody needs more."""
_IDS_A_QUERY: Final = 500
_AT_ONCE: Final = 100
"""Requests whose feedback goes in one transaction."""


def keep(engine: Engine, feedback: Feedback, key_id: str) -> Feedback | None:
    """Append it and mark its request's hour, so that it is summed up anew; returns what was stored.

    None, and nothing is stored, where that key has sent no such request. Raises SQLAlchemyError; InvalidRequestError
    where the request has been judged too often.
    """
    stored = replace(
        feedback,
        request_id=storable_text(feedback.request_id),
        comment=None if feedback.comment is None else storable_text(feedback.comment),
    )
    sent = select(REQUESTS.c.received_at).where(REQUESTS.c.id == stored.request_id, REQUESTS.c.key_id == key_id)
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SET LOCAL statement_timeout = {_STATEMENT_TIMEOUT_MS}"))
        received_at = connection.execute(sent).scalar()
        if received_at is None:
            return None
        said = select(func.count()).select_from(FEEDBACK).where(FEEDBACK.c.request_id == stored.request_id)
        if connection.execute(said).scalar_one() >= MOST_ON_ONE:
            raise InvalidRequestError(
                f"request {stored.request_id!r} has had feedback {MOST_ON_ONE} times: the last word stands",
                param="request_id",
            )
        connection.execute(insert(FEEDBACK).values(_row(stored, key_id)))
        hour = received_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        connection.execute(insert(ROLLUP_MARKS).values(hour=hour))
    return stored


def find_feedback(engine: Engine, request_id: str) -> Feedback | None:
    """The latest word on that request. Raises NoRecordsError."""
    try:
        with engine.connect() as connection:
            return feedback_on(connection, [request_id]).get(request_id)
    except (OperationalError, ProgrammingError) as error:
        raise no_records(error) from error


def feedback_on(connection: Connection, request_ids: list[str]) -> dict[str, Feedback]:
    """The latest word on each of those requests that has one. Raises SQLAlchemyError."""
    found: dict[str, Feedback] = {}
    for start in range(0, len(request_ids), _IDS_A_QUERY):
        some = request_ids[start : start + _IDS_A_QUERY]
        latest = select(func.max(FEEDBACK.c.id)).where(FEEDBACK.c.request_id.in_(some)).group_by(FEEDBACK.c.request_id)
        query = select(FEEDBACK).where(FEEDBACK.c.id.in_(latest.scalar_subquery()))
        found |= {row["request_id"]: _feedback_from(row) for row in connection.execute(query).mappings()}
    return found


def drop_feedback(engine: Engine, before: datetime) -> int:
    """Drop what was said of requests from before that moment whose records are gone; returns how many rows.

    Raises SQLAlchemyError.
    """
    column, dropped, last = FEEDBACK.c.request_id, 0, ""
    while True:
        some = select(column).where(column > last, column < id_of(before)).distinct().order_by(column).limit(_AT_ONCE)
        with engine.begin() as connection:
            ids = list(connection.execute(some).scalars())
            if not ids:
                return dropped
            kept = set(connection.execute(select(REQUESTS.c.id).where(REQUESTS.c.id.in_(ids))).scalars())
            dropped += _drop(connection, [each for each in ids if each not in kept])
            last = ids[-1]


def _drop(connection: Connection, request_ids: Iterable[str]) -> int:
    return connection.execute(delete(FEEDBACK).where(FEEDBACK.c.request_id.in_(request_ids))).rowcount


def _row(feedback: Feedback, key_id: str) -> dict[str, Any]:
    return {
        "request_id": feedback.request_id,
        "key_id": key_id,
        "given_at": datetime.fromtimestamp(feedback.given_at, UTC),
        "score": feedback.score,
        "label": feedback.label,
        "comment": feedback.comment,
    }


def _feedback_from(row: RowMapping) -> Feedback:
    return Feedback(
        request_id=row["request_id"],
        score=row["score"],
        label="good" if row["label"] == "good" else "bad",
        comment=row["comment"],
        given_at=row["given_at"].timestamp(),
    )
