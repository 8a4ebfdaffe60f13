"""What of a budget is used, and when it begins anew.

A request takes a hold when it is admitted, what it is likely to cost at the dearest price its policy might send it to;
it is replaced by the real cost when the request is over. A hard budget lets a hold pass only where used and held stay
within it. So it is overspent by no more than what the calls under way cost beyond their holds, and by nothing where
every request says how long its answer may be and is answered by its first call.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from gateway.domain.allowances import Period
from gateway.domain.record import AttemptRecord

_DAY_S = 86_400
_MONDAY = 3
"""1970-01-01 was a Thursday: that many days after a Monday."""


def window_of(period: Period, now_s: float) -> int:
    """The number of the period that Unix time lies in: the next one's is higher."""
    day = int(now_s // _DAY_S)
    if period == "day":
        return day
    if period == "week":
        return (day + _MONDAY) // 7
    at = datetime.fromtimestamp(now_s, UTC)
    return at.year * 12 + at.month - 1


def window_began(period: Period, now_s: float) -> float:
    """When the period that Unix time lies in began, in Unix time."""
    midnight_s = now_s // _DAY_S * _DAY_S
    at = datetime.fromtimestamp(now_s, UTC)
    if period == "day":
        return midnight_s
    return midnight_s - _DAY_S * (at.weekday() if period == "week" else at.day - 1)


def next_window(period: Period, now_s: float) -> datetime:
    """When the period that Unix time lies in is over."""
    at = datetime.fromtimestamp(now_s, UTC)
    midnight = datetime(at.year, at.month, at.day, tzinfo=UTC)
    if period == "day":
        return midnight + timedelta(days=1)
    if period == "week":
        return midnight + timedelta(days=7 - at.weekday())
    return datetime(at.year + at.month // 12, at.month % 12 + 1, 1, tzinfo=UTC)


def has_room(used_nano_usd: int, hold_nano_usd: int, limit_nano_usd: int) -> bool:
    return used_nano_usd + hold_nano_usd <= limit_nano_usd


def used_ratio(used_nano_usd: int, limit_nano_usd: int) -> float:
    """Of a budget of nothing, nothing is left."""
    return used_nano_usd / limit_nano_usd if limit_nano_usd > 0 else 1.0


def crossed(before_nano_usd: int, after_nano_usd: int, limit_nano_usd: int, levels: Iterable[float]) -> list[float]:
    """The levels that were reached on the way from the one to the other."""
    before, after = used_ratio(before_nano_usd, limit_nano_usd), used_ratio(after_nano_usd, limit_nano_usd)
    return [level for level in levels if before < level <= after]


def really_used(attempts: Sequence[AttemptRecord], held_tokens: int, held_nano_usd: int) -> tuple[int, int]:
    """Tokens and nano-USD of a request that is over.

    Where a call's are not known the hold stands, if all that is known is not more: a call that broke off may be billed.
    """
    tokens = cost = 0
    has_tokens = has_cost = True
    for attempt in attempts:
        if attempt.usage is not None:
            tokens += attempt.usage.input_tokens + attempt.usage.output_tokens
        elif attempt.cost_nano_usd is None:
            has_tokens = False
        if attempt.cost_nano_usd is None:
            has_cost = False
        else:
            cost += attempt.cost_nano_usd
    return (
        tokens if has_tokens else max(tokens, held_tokens),
        cost if has_cost else max(cost, held_nano_usd),
    )
