"""Virtual keys as they are kept, and the teams and applications that hold them. Times are Unix seconds."""

from datetime import UTC, datetime
from typing import Literal

from msgspec import Struct

from gateway.domain.allowances import NO_LIMITS, Allowance, BudgetTerms, Limits
from gateway.domain.request import Caller

KeyState = Literal["active", "disabled", "expired", "revoked"]


class Holder(Struct, frozen=True, kw_only=True):
    """A team, or an application of one; `app` is empty for the team itself."""

    team: str
    app: str = ""
    limits: Limits = NO_LIMITS
    budgets: tuple[BudgetTerms, ...] = ()
    disabled_at: float | None = None
    created_at: float = 0.0
    changed_at: float = 0.0

    @property
    def owner(self) -> str:
        """As `Allowance.owner` has it."""
        return f"app:{self.team}/{self.app}" if self.app else f"team:{self.team}"


class StoredKey(Struct, frozen=True, kw_only=True):
    """All that may be told of a key.

    id              its public id
    pepper_version  which pepper its digest was made with
    models          the aliases it may ask for; None: all
    replaces        the id of the key it was rotated from
    """

    id: str
    last4: str
    pepper_version: str
    team: str = ""
    app: str = ""
    tags: tuple[str, ...] = ()
    models: tuple[str, ...] | None = None
    limits: Limits = NO_LIMITS
    budgets: tuple[BudgetTerms, ...] = ()
    created_at: float = 0.0
    changed_at: float = 0.0
    expires_at: float | None = None
    disabled_at: float | None = None
    revoked_at: float | None = None
    replaces: str | None = None

    def state(self, now_s: float) -> KeyState:
        if self.revoked_at is not None:
            return "revoked"
        if has_expired(self.expires_at, now_s):
            return "expired"
        return "active" if self.disabled_at is None else "disabled"


def has_expired(expires_at: float | None, now_s: float) -> bool:
    return expires_at is not None and now_s >= expires_at


def refusal(key: StoredKey, holders: tuple[Holder, ...]) -> str | None:
    """Why the key is of no use, but for its expiry; None where it is."""
    if key.revoked_at is not None:
        return "the API key was revoked; ask for a new one"
    if key.disabled_at is not None:
        return "the API key is disabled; ask whoever runs the gateway to enable it"
    for holder in holders:
        if holder.disabled_at is not None:
            return f"the {'application' if holder.app else 'team'} of the API key is disabled"
    return None


def expiry_told(expires_at: float) -> str:
    return f"the API key expired on {datetime.fromtimestamp(expires_at, UTC):%Y-%m-%d at %H:%M} UTC; ask for a new one"


def caller_of(key: StoredKey, holders: tuple[Holder, ...]) -> Caller:
    """Who asks with that key. `holders`: its team and its application, those that are kept."""
    allowances = (
        Allowance(owner=f"key:{key.id}", limits=key.limits, budgets=key.budgets),
        *(Allowance(owner=holder.owner, limits=holder.limits, budgets=holder.budgets) for holder in holders),
    )
    return Caller(
        key_id=key.id,
        team=key.team,
        app=key.app,
        tags=key.tags,
        models=None if key.models is None else frozenset(key.models),
        allowances=tuple(each for each in allowances if each.limits != NO_LIMITS or each.budgets),
    )
