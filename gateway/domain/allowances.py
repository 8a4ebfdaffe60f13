"""What a key, an application or a team may use: limits by the clock, and money by the calendar."""

from typing import Final, Literal

from msgspec import Struct

Period = Literal["day", "week", "month"]
"""Of the calendar, in UTC; a week begins on Monday."""


class Limits(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How much at most; None: no limit."""

    requests_per_minute: int | None = None
    requests_per_day: int | None = None
    tokens_per_minute: int | None = None
    tokens_per_day: int | None = None
    concurrent: int | None = None


NO_LIMITS: Final = Limits()


class BudgetTerms(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How much money in each period.

    is_hard   what goes beyond it is refused; False: it is told, and let through
    alert_at  the shares of it that are told when they are reached
    """

    period: Period
    limit_nano_usd: int
    is_hard: bool = True
    alert_at: tuple[float, ...] = (0.8, 1.0)


class Allowance(Struct, frozen=True, kw_only=True):
    """What is counted together, and against what.

    owner  "key:<id>", "team:<name>" or "app:<team>/<name>"
    """

    owner: str
    limits: Limits = NO_LIMITS
    budgets: tuple[BudgetTerms, ...] = ()
