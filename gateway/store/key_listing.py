"""What keys, teams and applications there are, as the command line and the admin plane show them."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, and_, or_, select

from gateway.domain.key_acts import ListedKey, NoSuchKeyError
from gateway.domain.key_names import KeyTermsError
from gateway.domain.keyring import Holder, StoredKey
from gateway.domain.virtual_key import claims_to_be_one, parse
from gateway.store.key_tables import APPS, KEY_USES, TEAMS, VIRTUAL_KEYS

_TIMES: Final = ("created_at", "changed_at", "expires_at", "disabled_at", "revoked_at")
_KEYS: Final[Select[Any]] = select(VIRTUAL_KEYS, KEY_USES.c.last_used_at).outerjoin(
    KEY_USES, KEY_USES.c.key_id == VIRTUAL_KEYS.c.id
)


def list_keys(
    engine: Engine,
    *,
    team: str | None = None,
    app: str | None = None,
    after: str | None = None,
    limit: int | None = None,
) -> Sequence[ListedKey]:
    """The latest made first. `after`: the id of the last of the page before. Raises KeyTermsError for one of no key."""
    question = _KEYS
    if team is not None:
        question = question.where(VIRTUAL_KEYS.c.team == team)
    if app is not None:
        question = question.where(VIRTUAL_KEYS.c.app == app)
    with engine.connect() as connection:
        if after is not None:
            question = question.where(_comes_after(connection, after))
        question = question.order_by(VIRTUAL_KEYS.c.created_at.desc(), VIRTUAL_KEYS.c.id).limit(limit)
        rows = connection.execute(question).all()
    return [_listed(row) for row in rows]


def _comes_after(connection: Connection, key_id: str) -> ColumnElement[bool]:
    columns = VIRTUAL_KEYS.c
    at = connection.execute(select(columns.created_at).where(columns.id == key_id)).scalar()
    if at is None:
        raise KeyTermsError(f"there is no key {key_id!r} to list those after: take `next` of a page", field="after")
    return or_(columns.created_at < at, and_(columns.created_at == at, columns.id > key_id))


def find_key(engine: Engine, key_id: str) -> ListedKey:
    """By its public id, or by the key itself. Raises NoSuchKeyError."""
    with engine.connect() as connection:
        row = connection.execute(_KEYS.where(VIRTUAL_KEYS.c.id == public_id(key_id))).one_or_none()
    if row is None:
        raise no_such(key_id)
    return _listed(row)


def list_teams(engine: Engine, *, after: str | None = None, limit: int | None = None) -> Sequence[Holder]:
    """By name. `after`: the name of the last of the page before."""
    question = select(TEAMS) if after is None else select(TEAMS).where(TEAMS.c.name > after)
    with engine.connect() as connection:
        rows = connection.execute(question.order_by(TEAMS.c.name).limit(limit)).all()
    return [held(row) for row in rows]


def list_apps(
    engine: Engine, *, team: str | None = None, after: tuple[str, str] | None = None, limit: int | None = None
) -> Sequence[Holder]:
    """By team and name. `after`: both of the last of the page before."""
    question = select(APPS) if team is None else select(APPS).where(APPS.c.team == team)
    if after is not None:
        last_team, last_name = after
        is_later = and_(APPS.c.team == last_team, APPS.c.name > last_name)
        question = question.where(or_(APPS.c.team > last_team, is_later))
    with engine.connect() as connection:
        rows = connection.execute(question.order_by(APPS.c.team, APPS.c.name).limit(limit)).all()
    return [held(row) for row in rows]


def public_id(named: str) -> str:
    """The public id of a key that was named by it, or by its whole text: a key found somewhere can be revoked so."""
    return (parse(named) if claims_to_be_one(named) else named) or named


def no_such(key_id: str) -> NoSuchKeyError:
    shown = "of that text" if claims_to_be_one(key_id) else f"with id {key_id!r}"
    return NoSuchKeyError(f"there is no key {shown}; `sizewise keys list` shows the ids")


def _listed(row: Row[Any]) -> ListedKey:
    used = row.last_used_at
    return ListedKey(key=stored(row), last_used_at=None if used is None else used.timestamp())


def stored(row: Row[Any]) -> StoredKey:
    return msgspec.convert(_in_seconds(row), StoredKey)


def held(row: Row[Any]) -> Holder:
    values = _in_seconds(row)
    name = values.pop("name")
    names = {"app": name} if "team" in values else {"team": name}
    return msgspec.convert({**values, **names}, Holder)


def _in_seconds(row: Row[Any]) -> dict[str, Any]:
    # `_mapping` is SQLAlchemy's public way; its names are of a kind of text that msgspec does not take.
    values = {str(name): value for name, value in row._mapping.items()}  # noqa: SLF001
    return values | {name: at.timestamp() for name in _TIMES if (at := values.get(name)) is not None}
