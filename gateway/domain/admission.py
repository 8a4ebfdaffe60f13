"""What the readings of a request's meters mean: whether it passes, why not, and what its answer says of its limits.

The units are what the request takes of each, and a reading is, of a rate, the seconds until it is whole; of places, the
requests under way; of a budget, the nano-USD used and held. Both stand in the order of their meters.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from math import inf

from msgspec import Struct

from gateway.domain.budgets import has_room, next_window, used_ratio
from gateway.domain.errors import AllowanceError, BudgetError, RateLimitError
from gateway.domain.facts import NO_BUDGET, Budget
from gateway.domain.meters import Meter
from gateway.domain.pricing import usd
from gateway.domain.quota import Allotment, Quota
from gateway.domain.rate_limits import ROUNDING_S, remaining, wait_s

PLACE_RETRY_S = 1.0
"""Nobody knows when a request under way will be over: after so long it is worth another look."""


class Readings(Struct, frozen=True):
    """What the meters showed before the request; `at_s`: Unix time then."""

    values: Sequence[float]
    at_s: float


def passes(meter: Meter, value: float, units: int) -> bool:
    """Whether so many units more are within the limit."""
    if meter.kind == "rate":
        return value + units * meter.interval_s <= meter.window_s + ROUNDING_S
    if meter.kind == "concurrent":
        return value < meter.limit
    return not meter.is_hard or has_room(int(value), units, meter.limit)


def refusal(meters: Sequence[Meter], readings: Readings, units: Sequence[int]) -> tuple[Meter, AllowanceError]:
    """The meter a request waits for longest, and the error that says so."""
    waits = [
        (_wait_s(meter, value, count, readings.at_s), meter, count)
        for meter, value, count in zip(meters, readings.values, units, strict=True)
        if meter.kind == "rate" or not passes(meter, value, count)
    ]
    wait, meter, count = max(waits, key=lambda each: each[0])
    return meter, _error(meter, count, wait, readings.at_s, quota_of(meters, readings.values))


def budget_of(meters: Sequence[Meter], values: Sequence[float]) -> Budget:
    """The tightest budget, as conditions read it."""
    tightest = -1.0
    for meter, value in zip(meters, values, strict=True):
        if meter.kind == "budget":
            tightest = max(tightest, used_ratio(int(value), meter.limit))
    return NO_BUDGET if tightest < 0.0 else Budget(exists=True, used_ratio=tightest)


def quota_of(meters: Sequence[Meter], values: Sequence[float]) -> Quota | None:
    """What is left of the tightest limit on requests, and on tokens; None where there is neither."""
    tightest: dict[str, tuple[int, int, float]] = {}
    for meter, value in zip(meters, values, strict=True):
        if meter.kind == "rate":
            left = remaining(value, meter.limit, meter.window_s)
            if meter.unit not in tightest or left < tightest[meter.unit][0]:
                tightest[meter.unit] = (left, meter.limit, value)
    if not tightest:
        return None
    return Quota(requests=_allotment(tightest.get("requests")), tokens=_allotment(tightest.get("tokens")))


def _allotment(told: tuple[int, int, float] | None) -> Allotment | None:
    return None if told is None else Allotment(remaining=told[0], limit=told[1], reset_s=told[2])


def _wait_s(meter: Meter, value: float, units: int, now_s: float) -> float:
    if meter.kind == "rate":
        return wait_s(value, units, meter.limit, meter.window_s)
    if meter.kind == "concurrent":
        return PLACE_RETRY_S if meter.limit > 0 else inf
    return next_window(meter.period, now_s).timestamp() - now_s if units <= meter.limit else inf


def _error(meter: Meter, units: int, wait: float, now_s: float, quota: Quota | None) -> AllowanceError:
    """Names the limit, whose it is, and when it is free."""
    whose = f"{_owner(meter.owner)}{_SHARED if meter.is_share else ''}"
    retry_after_s = None if wait == inf else wait
    if meter.kind == "concurrent":
        message = f"{whose} may have {meter.limit} requests under way at once and has them; send it when one is over"
        return RateLimitError(message, retry_after_s=retry_after_s, may_retry=wait != inf, quota=quota)
    if meter.kind == "budget":
        return BudgetError(
            f"the budget of {usd(meter.limit)} USD a {meter.period} of {whose} {_spent(meter, units, now_s)}",
            retry_after_s=retry_after_s,
            may_retry=False,
            quota=quota,
        )
    limit = f"the limit of {meter.limit} {meter.unit} a {'minute' if meter.window_s == 60.0 else 'day'} of {whose}"
    return RateLimitError(
        f"{limit} {_full(units, wait)}", retry_after_s=retry_after_s, may_retry=wait != inf, quota=quota
    )


_SHARED = " (the share of this gateway, which cannot reach the others' counts now)"


def _full(units: int, wait: float) -> str:
    if wait == inf:
        return f"never lets this request pass, which counts for {units}: shorten it or ask for a shorter answer"
    return f"is used up for this request, which counts for {units}; it is free in {max(wait, 0.001):.3f} s"


def _spent(meter: Meter, units: int, now_s: float) -> str:
    if units > meter.limit:
        return f"is less than this request may cost, {usd(units)} USD: ask for a shorter answer"
    begins = next_window(meter.period, now_s).astimezone(UTC)
    return f"has no room for this request, which may cost {usd(units)} USD; the next begins at {_minute(begins)} UTC"


def _minute(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M")


def _owner(owner: str) -> str:
    kind, _, name = owner.partition(":")
    return f"{kind} {name!r}"
