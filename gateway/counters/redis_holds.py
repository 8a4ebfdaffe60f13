"""What a request holds of limits and budgets in Redis, and what a set of allowances is called there."""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

from gateway.counters.allowances_memory import MemoryHold
from gateway.counters.dues import KEEP_S
from gateway.counters.slices import Appetite
from gateway.domain.allowances import Allowance
from gateway.domain.budgets import really_used
from gateway.domain.facts import Budget
from gateway.domain.meters import Meter, Need, meters_of
from gateway.domain.quota import Quota
from gateway.domain.record import AttemptRecord


def tag_of(whose: str) -> str:
    """The hash tag of what is counted together; no brace of a name ends it."""
    return quote(whose, safe="")


def key_of(tag: str, meter: Meter) -> str:
    return f"sw:{{{tag}}}:{meter.key}"


class Counted:
    """The meters of one set of allowances, as Redis knows them.

    places          the keys of those that count requests under way
    spare           leases of requests that are just over, for the next ones to take
    tag             what the keys share, so that they are at one node of a Cluster
    values, read_s  what the meters showed after the latest request, and when
    """

    __slots__ = ("appetite", "has_places", "keys", "meters", "places", "read_s", "spare", "tag", "values")

    def __init__(self, whose: str, allowances: tuple[Allowance, ...]) -> None:
        self.tag = tag = tag_of(whose)
        self.meters = meters_of(allowances)
        self.keys = tuple(key_of(tag, meter) for meter in self.meters)
        self.places = [key for key, meter in zip(self.keys, self.meters, strict=True) if meter.kind == "concurrent"]
        self.has_places = bool(self.places)
        self.appetite = Appetite()
        self.spare: list[str] = []
        self.values: list[float] = [0.0] * len(self.meters)
        self.read_s = 0.0

    def row(self, meter: Meter, units: int, more: int) -> tuple[Any, ...]:
        if meter.kind == "rate":
            return "rate", meter.limit, units, more, meter.window_s * 1e6
        if meter.kind == "concurrent":
            return "concurrent", meter.limit
        return "budget", meter.limit if meter.is_hard else -1, units, more, meter.period, KEEP_S[meter.period]


Settled = Callable[["RedisHold", int, int], None]
"""Told of a hold, the tokens and the nano-USD its request really took."""
Spent = Callable[[Counted, Sequence[int], int], None]
"""Told of the nano-USD a request cost that Redis knows nothing of; the windows are those of its meters."""


class RedisHold:
    """`Hold` of what Redis, or a slice, gave."""

    __slots__ = ("_need", "_settled", "budget", "counted", "lease", "quota", "units", "windows")

    def __init__(
        self,
        settled: Settled,
        counted: Counted,
        need: Need,
        *,
        units: Sequence[int],
        windows: Sequence[int],
        budget: Budget,
        quota: Quota | None,
        lease: str = "",
    ) -> None:
        self._settled = settled
        self._need = need
        self.counted = counted
        self.units = units
        self.windows = windows
        self.lease = lease
        self.budget = budget
        self.quota = quota

    def settle(self, attempts: Sequence[AttemptRecord]) -> None:
        self._settled(self, *really_used(attempts, self._need.tokens, self._need.nano_usd))


class AwayHold:
    """`Hold` of a share, taken while Redis was away."""

    __slots__ = ("_counted", "_need", "_share", "_spent", "_windows")

    def __init__(self, spent: Spent, counted: Counted, need: Need, windows: Sequence[int], share: MemoryHold) -> None:
        self._spent = spent
        self._counted = counted
        self._need = need
        self._windows = windows
        self._share = share

    @property
    def budget(self) -> Budget:
        return self._share.budget

    @property
    def quota(self) -> Quota | None:
        return self._share.quota

    def settle(self, attempts: Sequence[AttemptRecord]) -> None:
        self._share.settle(attempts)
        nano_usd = really_used(attempts, self._need.tokens, self._need.nano_usd)[1]
        self._spent(self._counted, self._windows, nano_usd)
