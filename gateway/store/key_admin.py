"""What may be done to keys; the command line and the admin plane call the same functions.

Each is one transaction that takes the next number of `key_changes` first, which also makes them take turns, and returns
what was before and what is after it, as it writes it into the audit. `actor` does it. `holder_admin` has what may be
done to teams and applications.
"""

import secrets
from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import Engine, insert, select, update

from gateway.domain.acts import Actor
from gateway.domain.allowances import BudgetTerms, Limits
from gateway.domain.key_acts import Change, KeyStateError, KeyTerms, NewKey
from gateway.domain.key_names import KeyTermsError, check_budgets, check_names
from gateway.domain.keyring import StoredKey
from gateway.domain.virtual_key import last4, new_key
from gateway.store.key_changes import KeyChange, changing, ensure_holder, moment
from gateway.store.key_listing import no_such, public_id, stored
from gateway.store.key_tables import VIRTUAL_KEYS
from gateway.store.pepper import Peppers

LONGEST_LIFE_S: Final = 100 * 366 * 86_400.0


def create_key(
    engine: Engine,
    peppers: Peppers,
    terms: KeyTerms,
    *,
    actor: Actor,
    now_s: float,
    draw: Callable[[int], bytes] = secrets.token_bytes,
) -> NewKey:
    """Make a key; its team and its application, too, where they are not there. Raises KeyTermsError."""
    _check(terms, now_s)
    with changing(engine, actor, "key.create", now_s=now_s) as change:
        made = _insert(change, peppers, terms, draw=draw)
        owners = [each.owner for each in made.new_holders]
        change.write_down(_target(made.key), before=None, after=_plain(made.key, new_holders=owners))
    return made


def rotate_key(
    engine: Engine,
    peppers: Peppers,
    key_id: str,
    *,
    overlap_s: float,
    expires_at: float | UnsetType | None = UNSET,
    actor: Actor,
    now_s: float,
    draw: Callable[[int], bytes] = secrets.token_bytes,
) -> NewKey:
    """Make a key of the same terms, and let the old one expire after the overlap.

    expires_at  of the new one; by default it lives as long as the old one was given
    Raises NoSuchKeyError, KeyStateError where the old one is of no use any more or has been rotated, KeyTermsError.
    """
    with changing(engine, actor, "key.rotate", now_s=now_s) as change:
        old = _key(change, key_id)
        _check_rotates(change, old)
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
        made = _insert(change, peppers, terms, draw=draw, replaces=old.id)
        ends_at = min(now_s + overlap_s, old.expires_at or now_s + overlap_s)
        retired = _set(change, old, expires_at=moment(ends_at))
        change.write_down(_target(old), before=old, after=_plain(retired, replaced_by=_plain(made.key)))
    return msgspec.structs.replace(made, retiring=Change(before=old, after=retired))


def revoke_key(engine: Engine, key_id: str, *, actor: Actor, now_s: float) -> Change[StoredKey]:
    """For good; one that is revoked stays as it is. Raises NoSuchKeyError."""
    with changing(engine, actor, "key.revoke", now_s=now_s) as change:
        old = _key(change, key_id)
        return _done(change, old, old if old.revoked_at is not None else _set(change, old, revoked_at=change.at))


def disable_key(engine: Engine, key_id: str, *, actor: Actor, now_s: float) -> Change[StoredKey]:
    """Until it is enabled again. Raises NoSuchKeyError, KeyStateError where it is revoked."""
    with changing(engine, actor, "key.disable", now_s=now_s) as change:
        old = _not_revoked(_key(change, key_id))
        return _done(change, old, old if old.disabled_at is not None else _set(change, old, disabled_at=change.at))


def enable_key(engine: Engine, key_id: str, *, actor: Actor, now_s: float) -> Change[StoredKey]:
    """Raises NoSuchKeyError, KeyStateError where it is revoked."""
    with changing(engine, actor, "key.enable", now_s=now_s) as change:
        old = _not_revoked(_key(change, key_id))
        return _done(change, old, old if old.disabled_at is None else _set(change, old, disabled_at=None))


def set_key(
    engine: Engine,
    key_id: str,
    *,
    limits: Callable[[StoredKey], Limits] | None = None,
    budgets: tuple[BudgetTerms, ...] | None = None,
    models: tuple[str, ...] | UnsetType | None = UNSET,
    actor: Actor,
    now_s: float,
) -> Change[StoredKey]:
    """Set what a key may use, and which aliases it may ask for; what is not given stays as it is.

    limits   what they are to be, given the key before
    budgets  None: as they are; `models` None: all aliases
    Raises NoSuchKeyError, KeyStateError where it is revoked, KeyTermsError.
    """
    check_budgets(budgets or ())
    if not isinstance(models, UnsetType):
        check_names(team="", app="", tags=(), models=models)
    with changing(engine, actor, "key.set", now_s=now_s) as change:
        old = _not_revoked(_key(change, key_id))
        values: dict[str, Any] = {}
        if limits is not None:
            values["limits"] = msgspec.to_builtins(limits(old))
        if budgets is not None:
            values["budgets"] = msgspec.to_builtins(budgets)
        if not isinstance(models, UnsetType):
            values["models"] = None if models is None else list(models)
        return _done(change, old, _set(change, old, **values))


def _done(change: KeyChange, old: StoredKey, new: StoredKey) -> Change[StoredKey]:
    change.write_down(_target(old), before=old, after=new)
    return Change(before=old, after=new)


def _target(key: StoredKey) -> str:
    return f"key:{key.id}"


def _plain(key: StoredKey, **more: Any) -> dict[str, Any]:
    """What the audit tells of a key, and what was made with it, where anything was."""
    return {**msgspec.to_builtins(key), **{name: value for name, value in more.items() if value}}


def _insert(
    change: KeyChange,
    peppers: Peppers,
    terms: KeyTerms,
    *,
    draw: Callable[[int], bytes],
    replaces: str | None = None,
) -> NewKey:
    apps = dict.fromkeys(("", terms.app)) if terms.team else ()
    made = [ensure_holder(change, terms.team, app) for app in apps]
    text = new_key(draw)
    key_id = public_id(text)
    change.connection.execute(
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
            expires_at=None if terms.expires_at is None else moment(terms.expires_at),
            replaces=replaces,
            created_at=change.at,
            changed_at=change.at,
            change=change.number,
        )
    )
    return NewKey(text=text, key=_key(change, key_id), new_holders=tuple(each for each in made if each))


def _check(terms: KeyTerms, now_s: float) -> None:
    if terms.app and not terms.team:
        raise KeyTermsError(f"app {terms.app!r} is of no team: name the team it belongs to", field="team")
    check_names(team=terms.team, app=terms.app, tags=terms.tags, models=terms.models)
    check_budgets(terms.budgets)
    if terms.expires_at is None:
        return
    if terms.expires_at <= now_s:
        message = f"{moment(terms.expires_at):%Y-%m-%d %H:%M} UTC, when the key is to expire, is past"
        raise KeyTermsError(message, field="expires_at")
    if terms.expires_at > now_s + LONGEST_LIFE_S:
        raise KeyTermsError("a key expires within a hundred years, or never", field="expires_at")


def _check_rotates(change: KeyChange, old: StoredKey) -> None:
    if (state := old.state(change.now_s)) != "active":
        raise KeyStateError(f"key {old.id!r} is {state}: there is nothing to rotate; create a new one")
    successor = select(VIRTUAL_KEYS.c.id).where(VIRTUAL_KEYS.c.replaces == old.id, VIRTUAL_KEYS.c.revoked_at.is_(None))
    if (new_id := change.connection.execute(successor).scalar()) is not None:
        raise KeyStateError(f"key {old.id!r} was rotated already, to {new_id!r}: rotate that one, or revoke it first")


def _not_revoked(key: StoredKey) -> StoredKey:
    if key.revoked_at is not None:
        raise KeyStateError(f"key {key.id!r} is revoked, for good; create a new one")
    return key


def _as_long(old: StoredKey, now_s: float) -> float | None:
    return None if old.expires_at is None else now_s + (old.expires_at - old.created_at)


def _set(change: KeyChange, old: StoredKey, **values: Any) -> StoredKey:
    is_it = VIRTUAL_KEYS.c.id == old.id
    states = {"change": change.number, "changed_at": change.at}
    change.connection.execute(update(VIRTUAL_KEYS).where(is_it).values(**states, **values))
    return _key(change, old.id)


def _key(change: KeyChange, key_id: str) -> StoredKey:
    question = select(VIRTUAL_KEYS).where(VIRTUAL_KEYS.c.id == public_id(key_id))
    row = change.connection.execute(question).one_or_none()
    if row is None:
        raise no_such(key_id)
    return stored(row)
