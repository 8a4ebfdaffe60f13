"""What a caller is allowed: limits on its traffic and budgets for its money, each counted with whoever shares it."""

from functools import lru_cache
from typing import Final, Literal

from msgspec import Struct

Period = Literal["day", "week", "month"]
"""Of the calendar, in UTC; a week begins on Monday."""


class Limits(Struct, frozen=True, kw_only=True, omit_defaults=True, cache_hash=True):
    """How much may pass; None: no limit.

    tokens_…    of prompts and answers together
    concurrent  requests under way at once
    """

    requests_per_minute: int | None = None
    requests_per_day: int | None = None
    tokens_per_minute: int | None = None
    tokens_per_day: int | None = None
    concurrent: int | None = None


NO_LIMITS: Final = Limits()


class BudgetTerms(Struct, frozen=True, kw_only=True, omit_defaults=True, cache_hash=True):
    """What may be spent in each period.

    is_hard   a request that has no room in it is refused; a soft one is only watched
    alert_at  the shares of it that are worth an alert once they are used
    """

    period: Period
    limit_nano_usd: int
    is_hard: bool = True
    alert_at: tuple[float, ...] = (0.8, 1.0)


class Allowance(Struct, frozen=True, kw_only=True, omit_defaults=True, cache_hash=True):
    """What one owner may use, counted together for all that belongs to it.

    owner  "key:<id>", "team:<name>" or "app:<team>/<name>"; of what a deployment may be sent, "deployment:<name>"
    """

    owner: str
    limits: Limits = NO_LIMITS
    budgets: tuple[BudgetTerms, ...] = ()


OF_DEPLOYMENT: Final = "deployment:"
"""How the owners begin that are no callers."""


@lru_cache(maxsize=1024)
def allowances_of(deployment: str, limits: Limits) -> tuple[Allowance, ...]:
    """What a deployment may be sent."""
    return (Allowance(owner=f"{OF_DEPLOYMENT}{deployment}", limits=limits),)
