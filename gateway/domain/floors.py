"""What the records say was spent of each budget: the least that its counter may show.

Counters forget: memory with its process, Redis with what it had not written. The records do not. They are behind by a
moment and know nothing of holds, so a counter is only ever raised to what they say, and never lowered.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from gateway.domain.allowances import Period
from gateway.domain.budgets import window_of
from gateway.domain.meters import Meter, budget_meter
from gateway.domain.request import Caller

Budgets = Mapping[tuple[str, str], Meter]
"""Whose counters it is kept with, a team's or a key's, and the key of the meter → the meter."""


class Spent(Struct, frozen=True, kw_only=True):
    """What the requests of one key for one team and application cost, of those whose cost is known."""

    team: str
    app: str
    key_id: str
    nano_usd: int


class Floor(Struct, frozen=True, kw_only=True):
    """Of one budget, the least that is used in its window. whose: as in `Budgets`."""

    whose: str
    meter: Meter
    window: int
    nano_usd: int


def budgets_of(callers: Iterable[Caller]) -> Budgets:
    """Every budget once, at its tightest."""
    found: dict[tuple[str, str], Meter] = {}
    for caller in callers:
        for allowance in caller.allowances:
            for terms in allowance.budgets:
                meter = budget_meter(allowance.owner, terms)
                place = (caller.counted_with, meter.key)
                if place not in found or meter.limit < found[place].limit:
                    found[place] = meter
    return found


def floors_of(budgets: Budgets, spent: Mapping[Period, Sequence[Spent]], now_s: float) -> list[Floor]:
    """`spent`: since each period that Unix time lies in began. Budgets of which nothing is spent have no floor."""
    by_owner = {period: _by_owner(each) for period, each in spent.items()}
    return [
        Floor(whose=whose, meter=meter, window=window_of(meter.period, now_s), nano_usd=nano_usd)
        for (whose, _), meter in budgets.items()
        if (nano_usd := by_owner[meter.period].get(meter.owner, 0)) > 0
    ]


def _by_owner(spent: Iterable[Spent]) -> Mapping[str, int]:
    sums: defaultdict[str, int] = defaultdict(int)
    for each in spent:
        sums[f"key:{each.key_id}"] += each.nano_usd
        if each.team:
            sums[f"team:{each.team}"] += each.nano_usd
        if each.app:
            sums[f"app:{each.team}/{each.app}"] += each.nano_usd
    return sums
