"""One change of keys, teams or applications: a transaction that takes its number, and writes down what it did."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Table, insert, select, update

from gateway.domain.acts import Act, Actor, Effect
from gateway.domain.keyring import Holder
from gateway.store import audit
from gateway.store.key_listing import held
from gateway.store.key_tables import APPS, KEY_CHANGES, TEAMS

logger = logging.getLogger(__name__)


class KeyChange:
    """The transaction under way. `number`: what it writes into all that it changes."""

    def __init__(self, connection: Connection, number: int, *, actor: Actor, act: Act, now_s: float) -> None:
        self.connection = connection
        self.number = number
        self.now_s = now_s
        self.target = ""
        self._actor = actor
        self._act: Act = act

    @property
    def at(self) -> datetime:
        return moment(self.now_s)

    def write_down(self, target: str, *, before: Any, after: Any) -> None:
        """Once in each change: what it did, to what."""
        self.target = target
        audit.write(
            self.connection, self._actor, self._act, target, Effect(before=before, after=after), now_s=self.now_s
        )


@contextmanager
def changing(engine: Engine, actor: Actor, act: Act, *, now_s: float) -> Iterator[KeyChange]:
    """The lock on the row of the number is held to the end of the transaction, so that changes take turns."""
    with engine.begin() as connection:
        connection.execute(update(KEY_CHANGES).values(number=KEY_CHANGES.c.number + 1))
        number = connection.execute(select(KEY_CHANGES.c.number)).scalar_one()
        change = KeyChange(connection, number, actor=actor, act=act, now_s=now_s)
        yield change
        if not change.target:
            raise AssertionError(f"{act} wrote nothing down")
    logger.info("change %d of the keys, by %r: %s of %s", number, actor.name, act, change.target)


def ensure_holder(change: KeyChange, team: str, app: str) -> Holder | None:
    """What was made; None where it is there. The lock on the number keeps others from making it meanwhile."""
    table, is_it = where(team, app)
    if change.connection.execute(select(table.c.name).where(*is_it)).scalar() is not None:
        return None
    names = {"team": team, "name": app} if app else {"name": team}
    states = {"created_at": change.at, "changed_at": change.at, "change": change.number}
    change.connection.execute(insert(table).values(**names, limits={}, budgets=[], **states))
    return holder(change.connection, team, app)


def holder(connection: Connection, team: str, app: str) -> Holder:
    table, is_it = where(team, app)
    return held(connection.execute(select(table).where(*is_it)).one())


def where(team: str, app: str) -> tuple[Table, tuple[Any, ...]]:
    """The table a team or an application stands in, and what tells it from the others there."""
    return (APPS, (APPS.c.team == team, APPS.c.name == app)) if app else (TEAMS, (TEAMS.c.name == team,))


def moment(at_s: float) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)
