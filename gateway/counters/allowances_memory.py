"""Limits and budgets of a single process, in memory."""

from collections.abc import Iterable, Mapping, Sequence

from gateway.counters.allowance_watch import AllowanceWatch
from gateway.domain.admission import Readings, budget_of, passes, quota_of, refusal
from gateway.domain.allowances import Limits, allowances_of
from gateway.domain.budgets import really_used, window_of
from gateway.domain.facts import NO_BUDGET, Budget
from gateway.domain.floors import Floor
from gateway.domain.meters import Meter, Need, meters_of, need_of, need_of_call
from gateway.domain.policy import Policy
from gateway.domain.quota import Quota
from gateway.domain.rate_limits import after
from gateway.domain.record import AttemptRecord
from gateway.domain.request import Caller, ChatRequest
from gateway.ports import Clock, Hold

Taken = Sequence[tuple[Meter, int, int]]
"""Meter, units, and the window of a budget: what a hold has of each."""


class NoHold:
    """`Hold` of a caller without limits and budgets."""

    budget = NO_BUDGET
    quota = None

    def settle(self, attempts: Sequence[AttemptRecord]) -> None: ...


NO_HOLD = NoHold()


class MemoryAllowances:
    """`Admission` and `CallLimits` of one process. Every number is exact; a process that ends forgets them.

    What was spent the next one is told by `raise_to`.
    """

    def __init__(self, clock: Clock, watch: AllowanceWatch) -> None:
        self._clock = clock
        self._watch = watch
        self._whole_at_s: dict[str, float] = {}
        self._running: dict[str, int] = {}
        self._used: dict[str, tuple[int, int]] = {}
        self._elsewhere: dict[str, tuple[int, int]] = {}

    async def admit(self, caller: Caller, request: ChatRequest, policy: Policy) -> Hold:
        if not caller.allowances:
            return NO_HOLD
        meters = meters_of(caller.allowances)
        need = need_of(request, policy, meters)
        return self.take(meters, [need.of(meter) for meter in meters], need)

    async def take_call(self, deployment: str, limits: Limits, request: ChatRequest) -> Hold:
        meters, need = meters_of(allowances_of(deployment, limits)), need_of_call(request)
        return self.take(meters, [need.of(meter) for meter in meters], need)

    def take(self, meters: Sequence[Meter], units: Sequence[int], need: Need) -> "MemoryHold":
        """Take so many units of each meter, or of none. Raises AllowanceError."""
        now_s, at_s = self._clock.monotonic(), self._clock.now()
        windows = _windows(meters, at_s)
        values = [self._value(meter, now_s, window) for meter, window in zip(meters, windows, strict=True)]
        if not all(map(passes, meters, values, units)):
            meter, error = refusal(meters, Readings(values, at_s), units)
            self._watch.refused(meter)
            raise error
        budget = budget_of(meters, values)
        taken = [*zip(meters, units, windows, strict=True)]
        values = [self._move(*each, value, now_s) for each, value in zip(taken, values, strict=True)]
        return MemoryHold(self, taken, need, budget, quota_of(meters, values))

    def settle(self, taken: Taken, tokens: int, nano_usd: int) -> None:
        """Replace what was taken by what was used; a budget whose window is over stays as it is."""
        now_s, at_s = self._clock.monotonic(), self._clock.now()
        for (meter, count, window), present in zip(taken, _windows([each[0] for each in taken], at_s), strict=True):
            used = count if meter.unit == "requests" else tokens if meter.unit == "tokens" else nano_usd
            more = -count if meter.kind == "concurrent" else used - count
            if more and window == present:
                self._move(meter, more, window, self._value(meter, now_s, window), now_s)

    async def raise_to(self, floors: Iterable[Floor]) -> bool:
        """What others, or a process before this one, spent counts too. No level of an alert is told of it again."""
        for floor in floors:
            meter, window = floor.meter, floor.window
            known, used = self._used.get(meter.key, (0, 0))
            if window > known or (window == known and floor.nano_usd > used):
                self._used[meter.key] = (window, floor.nano_usd)
                self._watch.moved(meter, window, floor.nano_usd, floor.nano_usd)
        return True

    def assume(self, used: Mapping[str, tuple[int, int]]) -> None:
        """Begin from what is used of the budgets: the key of a meter → window and nano-USD."""
        self._elsewhere = dict(used)
        self._used = dict(used)

    def used_elsewhere(self, meter: Meter, window: int) -> int:
        """What of a budget's window was used, by all, when it was last assumed."""
        known, used = self._elsewhere.get(meter.key, (0, 0))
        return used if known == window else 0

    def _value(self, meter: Meter, now_s: float, window: int) -> float:
        if meter.kind == "rate":
            return max(0.0, self._whole_at_s.get(meter.key, 0.0) - now_s)
        if meter.kind == "concurrent":
            return self._running.get(meter.key, 0)
        known, used = self._used.get(meter.key, (0, 0))
        return used if known == window else 0

    def _move(self, meter: Meter, units: int, window: int, value: float, now_s: float) -> float:
        """Add units to a meter that shows `value`; returns what it shows then."""
        if meter.kind == "rate":
            moved = after(value, units, meter.limit, meter.window_s)
            self._whole_at_s[meter.key] = now_s + moved
            return moved
        moved = max(0, int(value) + units)
        if meter.kind == "concurrent":
            self._running[meter.key] = moved
        else:
            self._used[meter.key] = (window, moved)
            if not meter.is_share:
                self._watch.moved(meter, window, int(value), moved)
        return moved


def _windows(meters: Sequence[Meter], at_s: float) -> list[int]:
    """Of each budget the window it is in now, 0 for what has none."""
    return [window_of(meter.period, at_s) if meter.kind == "budget" else 0 for meter in meters]


class MemoryHold:
    """`Hold` of what was taken."""

    __slots__ = ("_allowances", "_need", "_taken", "budget", "quota")

    def __init__(
        self, allowances: MemoryAllowances, taken: Taken, need: Need, budget: Budget, quota: Quota | None
    ) -> None:
        self._allowances = allowances
        self._taken = taken
        self._need = need
        self.budget = budget
        self.quota = quota

    def settle(self, attempts: Sequence[AttemptRecord]) -> None:
        tokens, nano_usd = really_used(attempts, self._need.tokens, self._need.nano_usd)
        self._allowances.settle(self._taken, tokens, nano_usd)
