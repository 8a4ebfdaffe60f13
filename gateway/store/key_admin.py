"""What may be done to keys, teams and applications; the command line and the admin plane call the same functions.

Each is one transaction that takes the next number of `key_changes` first, which also makes them take turns, and returns
what was before and what is after it: what an audit writes down. `actor` names who does it.
"""

import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType
from sqlalchemy import Connection, Engine, Table, insert, select, update

from gateway.domain.allowances import NO_LIMITS, BudgetTerms, Limits
from gateway.domain.key_names import KeyTermsError, check_name, check_names
from gateway.domain.keyring import Holder, StoredKey
from gateway.domain.virtual_key import last4, new_key
from gateway.store.key_listing import held, no_such, public_id, stored
from gateway.store.key_tables import APPS, KEY_CHANGES, TEAMS, VIRTUAL_KEYS
from gateway.store.pepper import Peppers

Kept = TypeVar("Kept", StoredKey, Holder)

logger = logging.getLogger(__name__)


class KeyStateError(Exception):
    """The key is in no state for it."""


class KeyTerms(Struct, frozen=True, kw_only=True):
    """What a new key is to be. `expires_at`: Unix seconds; None: never. `models`: None: all aliases."""

    team: str = ""
    app: str = ""
    tags: tuple[str, ...] = ()
    models: tuple[str, ...] | None = None
    limits: Limits = NO_LIMITS
    budgets: tuple[BudgetTerms, ...] = ()
    expires_at: float | None = None


class Change(Struct, Generic[Kept], frozen=True, kw_only=True):
    """What one act did. `before` None: it was not there."""

    before: Kept | None
    after: Kept


class NewKey(Struct, frozen=True, kw_only=True):
    """A key just made. `text` is the key itself, which is nowhere else; `retiring`: the one it replaces."""

    text: str
    key: StoredKey
    new_holders: tuple[Holder, ...] = ()
    retiring: Change[StoredKey] | None = None

    def __repr__(self) -> str:
        return f"NewKey({self.key!r})"


def create_key(
    engine: Engine,
    peppers: Peppers,
    terms: KeyTerms,
    *,
    actor: str,
    now_s: float,
    draw: Callable[[int], bytes] = secrets.token_bytes,
) -> NewKey:
    """Make a key; its team and its application, too, where they are not there. Raises KeyTermsError."""
    _check(terms, now_s)
    with _changing(engine, actor, "create a key") as (connection, number):
        return _insert(connection, number, peppers, terms, now_s=now_s, draw=draw)


def rotate_key(
    engine: Engine,
    peppers: Peppers,
    key_id: str,
    *,
    overlap_s: float,
    expires_at: float | UnsetType | None = UNSET,
    actor: str,
    now_s: float,
    draw: Callable[[int], bytes] = secrets.token_bytes,
) -> NewKey:
    """Make a key of the same terms, and let the old one expire after the overlap.

    expires_at  of the new one; by default it lives as long as the old one was given
    Raises NoSuchKeyError, KeyStateError where the old one is of no use any more or has been rotated, KeyTermsError.
    """
    with _changing(engine, actor, f"rotate key {public_id(key_id)!r}") as (connection, number):
        old = _key(connection, key_id)
        _check_rotates(connection, old, now_s)
        terms = KeyTerms(
            team=old.team,
            app=old.app,
            tags=old.tags,
            models=old.models,
            limits=old.limits,
            budgets=old.budgets,
            expires_at=_as_long(old, now_s) if isinstance(expires_at, UnsetType) else expires_at,
        )
        _check(terms, now_s)
        made = _insert(connection, number, peppers, terms, now_s=now_s, draw=draw, replaces=old.id)
        ends_at = min(now_s + overlap_s, old.expires_at or now_s + overlap_s)
        retired = _set_key(connection, number, old, now_s=now_s, expires_at=ends_at)
        return msgspec.structs.replace(made, retiring=Change(before=old, after=retired))


def revoke_key(engine: Engine, key_id: str, *, actor: str, now_s: float) -> Change[StoredKey]:
    """For good; one that is revoked stays as it is. Raises NoSuchKeyError."""
    with _changing(engine, actor, f"revoke key {public_id(key_id)!r}") as (connection, number):
        old = _key(connection, key_id)
        after = old if old.revoked_at is not None else _set_key(connection, number, old, now_s=now_s, revoked_at=now_s)
        return Change(before=old, after=after)


def disable_key(engine: Engine, key_id: str, *, actor: str, now_s: float) -> Change[StoredKey]:
    """Until it is enabled again. Raises NoSuchKeyError, KeyStateError where it is revoked."""
    with _changing(engine, actor, f"disable key {public_id(key_id)!r}") as (connection, number):
        old = _not_revoked(_key(connection, key_id))
        if old.disabled_at is not None:
            return Change(before=old, after=old)
        return Change(before=old, after=_set_key(connection, number, old, now_s=now_s, disabled_at=now_s))


def enable_key(engine: Engine, key_id: str, *, actor: str, now_s: float) -> Change[StoredKey]:
    """Raises NoSuchKeyError, KeyStateError where it is revoked."""
    with _changing(engine, actor, f"enable key {public_id(key_id)!r}") as (connection, number):
        old = _not_revoked(_key(connection, key_id))
        if old.disabled_at is None:
            return Change(before=old, after=old)
        return Change(before=old, after=_set_key(connection, number, old, now_s=now_s, disabled_at=None))


def set_holder(
    engine: Engine,
    team: str,
    app: str = "",
    *,
    limits: Callable[[Holder], Limits] | None = None,
    budgets: tuple[BudgetTerms, ...] | None = None,
    is_disabled: bool | None = None,
    actor: str,
    now_s: float,
) -> Change[Holder]:
    """Set what a team or an application may use, making it where it is not there; None leaves a thing as it is.

    limits  what they are to be, given what was before
    Raises KeyTermsError.
    """
    check_name("team", team)
    if app:
        check_name("app", app)
    with _changing(engine, actor, f"set {Holder(team=team, app=app).owner!r}") as (connection, number):
        if app:
            _ensure_holder(connection, number, team, "", now_s)
        made = _ensure_holder(connection, number, team, app, now_s)
        before = made or _holder(connection, team, app)
        values: dict[str, Any] = {"change": number, "changed_at": _moment(now_s)}
        if limits is not None:
            values["limits"] = msgspec.to_builtins(limits(before))
        if budgets is not None:
            values["budgets"] = msgspec.to_builtins(budgets)
        if is_disabled is not None and is_disabled != (before.disabled_at is not None):
            values["disabled_at"] = _moment(now_s) if is_disabled else None
        table, is_it = _where(team, app)
        connection.execute(update(table).where(*is_it).values(values))
        return Change(before=None if made else before, after=_holder(connection, team, app))


@contextmanager
def _changing(engine: Engine, actor: str, act: str) -> Iterator[tuple[Connection, int]]:
    """A transaction, and the number of the change it makes: the lock on that row is held to its end."""
    with engine.begin() as connection:
        connection.execute(update(KEY_CHANGES).values(number=KEY_CHANGES.c.number + 1))
        number = connection.execute(select(KEY_CHANGES.c.number)).scalar_one()
        yield connection, number
    logger.info("change %d of the keys, by %r: %s", number, actor, act)


def _insert(
    connection: Connection,
    number: int,
    peppers: Peppers,
    terms: KeyTerms,
    *,
    now_s: float,
    draw: Callable[[int], bytes],
    replaces: str | None = None,
) -> NewKey:
    made = [
        _ensure_holder(connection, number, terms.team, app, now_s)
        for app in dict.fromkeys(("", terms.app))
        if terms.team
    ]
    text = new_key(draw)
    key_id = public_id(text)
    at = _moment(now_s)
    connection.execute(
        insert(VIRTUAL_KEYS).values(
            id=key_id,
            digest=peppers.digest(text),
            pepper_version=peppers.latest,
            last4=last4(text),
            team=terms.team,
            app=terms.app,
            tags=list(terms.tags),
            models=None if terms.models is None else list(terms.models),
            limits=msgspec.to_builtins(terms.limits),
            budgets=msgspec.to_builtins(terms.budgets),
            expires_at=None if terms.expires_at is None else _moment(terms.expires_at),
            replaces=replaces,
            created_at=at,
            changed_at=at,
            change=number,
        )
    )
    return NewKey(text=text, key=_key(connection, key_id), new_holders=tuple(each for each in made if each))


def _check(terms: KeyTerms, now_s: float) -> None:
    if terms.app and not terms.team:
        raise KeyTermsError(f"app {terms.app!r} is of no team: name the team it belongs to")
    check_names(team=terms.team, app=terms.app, tags=terms.tags, models=terms.models)
    if terms.expires_at is not None and terms.expires_at <= now_s:
        raise KeyTermsError(f"{_moment(terms.expires_at):%Y-%m-%d %H:%M} UTC, when the key is to expire, is past")


def _check_rotates(connection: Connection, old: StoredKey, now_s: float) -> None:
    if (state := old.state(now_s)) != "active":
        raise KeyStateError(f"key {old.id!r} is {state}: there is nothing to rotate; create a new one")
    successor = select(VIRTUAL_KEYS.c.id).where(VIRTUAL_KEYS.c.replaces == old.id, VIRTUAL_KEYS.c.revoked_at.is_(None))
    if (new_id := connection.execute(successor).scalar()) is not None:
        raise KeyStateError(f"key {old.id!r} was rotated already, to {new_id!r}: rotate that one, or revoke it first")


def _not_revoked(key: StoredKey) -> StoredKey:
    if key.revoked_at is not None:
        raise KeyStateError(f"key {key.id!r} is revoked, for good; create a new one")
    return key


def _as_long(old: StoredKey, now_s: float) -> float | None:
    return None if old.expires_at is None else now_s + (old.expires_at - old.created_at)


def _set_key(connection: Connection, number: int, old: StoredKey, *, now_s: float, **times: float | None) -> StoredKey:
    values = {name: None if at_s is None else _moment(at_s) for name, at_s in times.items()}
    connection.execute(
        update(VIRTUAL_KEYS)
        .where(VIRTUAL_KEYS.c.id == old.id)
        .values(change=number, changed_at=_moment(now_s), **values)
    )
    return _key(connection, old.id)


def _ensure_holder(connection: Connection, number: int, team: str, app: str, now_s: float) -> Holder | None:
    """What was made; None where it is there. The lock on the number keeps others from making it meanwhile."""
    table, is_it = _where(team, app)
    if connection.execute(select(table.c.name).where(*is_it)).scalar() is not None:
        return None
    at = _moment(now_s)
    names = {"team": team, "name": app} if app else {"name": team}
    connection.execute(
        insert(table).values(**names, limits={}, budgets=[], created_at=at, changed_at=at, change=number)
    )
    return _holder(connection, team, app)


def _where(team: str, app: str) -> tuple[Table, tuple[Any, ...]]:
    return (APPS, (APPS.c.team == team, APPS.c.name == app)) if app else (TEAMS, (TEAMS.c.name == team,))


def _key(connection: Connection, key_id: str) -> StoredKey:
    row = connection.execute(select(VIRTUAL_KEYS).where(VIRTUAL_KEYS.c.id == public_id(key_id))).one_or_none()
    if row is None:
        raise no_such(key_id)
    return stored(row)


def _holder(connection: Connection, team: str, app: str) -> Holder:
    table, is_it = _where(team, app)
    return held(connection.execute(select(table).where(*is_it)).one())


def _moment(at_s: float) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)
