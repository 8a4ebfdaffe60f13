"""The audit: each act is written down in the transaction that does it, and never changed afterwards.

No key and no digest ever comes here: what is told of a key is `StoredKey`, which holds neither.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Engine, Row, insert, select
from sqlalchemy.exc import SQLAlchemyError

from gateway.domain.acts import Act, Actor, ActsUnavailableError, AuditEntry, Effect
from gateway.store.audit_tables import AUDIT
from gateway.store.engine import one_line

MOST_ENTRIES: Final = 1_000

logger = logging.getLogger(__name__)


def write(connection: Connection, actor: Actor, act: Act, target: str, effect: Effect, *, now_s: float) -> None:
    """Into the connection's own transaction: where that fails, nothing was done and nothing is written."""
    connection.execute(
        insert(AUDIT).values(
            at=datetime.fromtimestamp(now_s, UTC),
            actor=actor.name,
            role=actor.role,
            origin=actor.origin,
            act=act,
            target=target,
            before=msgspec.to_builtins(effect.before),
            after=msgspec.to_builtins(effect.after),
            request_id=actor.request_id,
        )
    )


def carry_out(
    engine: Engine, actor: Actor, act: Act, target: str, work: Callable[[], Effect | None], *, now_s: float
) -> Effect | None:
    """Do what is no matter of the database, and write it down; where the audit cannot be reached, nothing is done.

    work  does it; None: nothing came of it, and nothing is written
    Raises SQLAlchemyError where nothing was done, ActsUnavailableError where it was, and is not written down.
    """
    with engine.connect() as connection:
        connection.execute(select(AUDIT.c.id).limit(1)).all()
        effect = work()
        if effect is None:
            return None
        try:
            write(connection, actor, act, target, effect, now_s=now_s)
            connection.commit()
        except SQLAlchemyError as error:
            logger.exception("%s of %s by %r was done, and the audit does not have it", act, target, actor.name)
            message = f"it was done, but the audit could not be written: {one_line(error)}; the gateway's log has it"
            raise ActsUnavailableError(message) from error
        return effect


def list_entries(
    engine: Engine,
    *,
    limit: int,
    since: datetime | None = None,
    actor: str | None = None,
    act: Act | None = None,
    target: str | None = None,
    before_id: int | None = None,
) -> Sequence[AuditEntry]:
    """The latest first. `before_id`: only entries that were written before that one."""
    question = select(AUDIT)
    for column, value in ((AUDIT.c.actor, actor), (AUDIT.c.act, act), (AUDIT.c.target, target)):
        if value is not None:
            question = question.where(column == value)
    if since is not None:
        question = question.where(AUDIT.c.at >= since)
    if before_id is not None:
        question = question.where(AUDIT.c.id < before_id)
    with engine.connect() as connection:
        rows = connection.execute(question.order_by(AUDIT.c.id.desc()).limit(limit)).all()
    return [_entry(row) for row in rows]


def _entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(
        id=row.id,
        at=row.at.timestamp(),
        actor=row.actor,
        role=row.role,
        origin=row.origin,
        act=row.act,
        target=row.target,
        before=row.before,
        after=row.after,
        request_id=row.request_id,
    )
