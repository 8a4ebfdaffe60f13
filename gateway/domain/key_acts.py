"""What goes into an act on keys, teams and applications, and what comes out of it."""

from typing import Generic, TypeVar

from msgspec import Struct

from gateway.domain.allowances import NO_LIMITS, BudgetTerms, Limits
from gateway.domain.keyring import Holder, StoredKey

Kept = TypeVar("Kept", StoredKey, Holder)


class NoSuchKeyError(Exception):
    """There is no key of that id."""


class KeyStateError(Exception):
    """The key, or the gateway, is in no state for it."""


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


class ListedKey(Struct, frozen=True, kw_only=True):
    """A key, and when it was last used (within a minute or so); None: never."""

    key: StoredKey
    last_used_at: float | None
