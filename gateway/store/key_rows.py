"""Rows of keys, teams and applications as the bare drivers give them → the domain's values."""

from typing import Any, Final

import msgspec
from msgspec import Struct

from gateway.domain.allowances import BudgetTerms, Limits
from gateway.domain.keyring import Holder, StoredKey

Values = tuple[Any, ...]

KEY_TEXTS: Final = ("id", "last4", "pepper_version", "team", "app")
HOLDER_JSON: Final = ("limits", "budgets")
KEY_JSON: Final = ("tags", "models", *HOLDER_JSON)
KEY_TIMES: Final = ("expires_at", "disabled_at", "revoked_at")

_decode_limits: Final = msgspec.json.Decoder(Limits).decode
_decode_budgets: Final = msgspec.json.Decoder(tuple[BudgetTerms, ...]).decode
_decode_texts: Final = msgspec.json.Decoder(tuple[str, ...]).decode


class KeptKey(Struct, frozen=True, kw_only=True):
    """A key, and what it is known by."""

    key: StoredKey
    digest: bytes


class KeyRows(Struct, frozen=True, kw_only=True):
    keys: tuple[KeptKey, ...] = ()
    holders: tuple[Holder, ...] = ()


def kept_key(values: Values) -> KeptKey:
    """Of a row with KEY_TEXTS, KEY_JSON as text, KEY_TIMES in Unix seconds, and the digest."""
    key_id, last4, pepper_version, team, app, tags, models, limits, budgets, expires, disabled, revoked, digest = values
    key = StoredKey(
        id=key_id,
        last4=last4,
        pepper_version=pepper_version,
        team=team,
        app=app,
        tags=_decode_texts(tags),
        models=None if models is None else _decode_texts(models),
        limits=_decode_limits(limits),
        budgets=_decode_budgets(budgets),
        expires_at=expires,
        disabled_at=disabled,
        revoked_at=revoked,
    )
    return KeptKey(key=key, digest=bytes(digest))


def holder(values: Values) -> Holder:
    """Of a row with a team, an application or "", HOLDER_JSON as text, and when it was disabled in Unix seconds."""
    team, app, limits, budgets, disabled = values
    return Holder(
        team=team,
        app=app,
        limits=_decode_limits(limits),
        budgets=_decode_budgets(budgets),
        disabled_at=disabled,
    )
