"""The audit: each act is written down in the transaction that does it, and never changed afterwards.

No key and no digest ever comes here: what is told of a key is `StoredKey`, which holds neither.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Row, insert, select

from gateway.domain.acts import Act, Actor, AuditEntry, Effect
from gateway.store.audit_tables import AUDIT


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


def note(engine: Engine, actor: Actor, act: Act, target: str, effect: Effect, *, now_s: float) -> None:
    """Write down what was no matter of the database, and is done. Raises SQLAlchemyError."""
    with engine.begin() as connection:
        write(connection, actor, act, target, effect, now_s=now_s)


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
