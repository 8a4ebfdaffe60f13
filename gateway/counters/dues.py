"""What Redis has to be told after the fact, summed up until it can be: one batch for all that share a hash tag."""

from collections import defaultdict, deque
from typing import Any, Final

from msgspec import Struct

from gateway.domain.allowances import Period
from gateway.domain.meters import Meter

KEEP_S: Final[dict[Period, int]] = {"day": 2 * 86_400, "week": 9 * 86_400, "month": 33 * 86_400}
"""How long an amount is kept after its last change: past the end of its period."""


class Batch(Struct, frozen=True, kw_only=True):
    """meters: of each key the budget it is about, None for another kind of change."""

    mark: str
    keys: tuple[str, ...]
    changes: tuple[Any, ...]
    meters: tuple[Meter | None, ...]


class _Pending:
    __slots__ = ("budgets", "leases", "least", "rates")

    def __init__(self) -> None:
        self.rates: defaultdict[str, float] = defaultdict(float)
        self.budgets: dict[tuple[str, int], tuple[Meter, int]] = {}
        self.least: dict[tuple[str, int], tuple[Meter, int]] = {}
        self.leases: list[tuple[str, tuple[Any, ...]]] = []


class Dues:
    """Grows with the number of meters, not of requests. `name`: of this gateway, like no other's."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._number = 0
        self._pending: defaultdict[str, _Pending] = defaultdict(_Pending)
        self._unsent: deque[Batch] = deque()

    def __bool__(self) -> bool:
        return bool(self._pending or self._unsent)

    def units(self, tag: str, key: str, meter: Meter, units: int, window: int) -> None:
        """So many more of a rate, or of a budget's window; a negative number is given back."""
        if not units:
            return
        pending = self._pending[tag]
        if meter.kind == "rate":
            pending.rates[key] += units * meter.interval_s * 1e6
        elif meter.kind == "budget":
            known = pending.budgets.get((key, window))
            pending.budgets[key, window] = (meter, units + (0 if known is None else known[1]))

    def least(self, tag: str, key: str, meter: Meter, nano_usd: int, window: int) -> None:
        """A budget's window shows no less, once all that was due before is told."""
        self._pending[tag].least[key, window] = (meter, nano_usd)

    def leave(self, tag: str, key: str, leases: list[str]) -> None:
        self._pending[tag].leases.append((key, ("leave", *leases)))

    def stay(self, tag: str, key: str, leases: list[str], lease_us: int) -> None:
        self._pending[tag].leases.append((key, ("stay", lease_us, *leases)))

    def forget_rates(self) -> None:
        """While Redis is away rates flow back, leases run out and what was read grows old; what was spent stays to be
        told.
        """
        for tag, pending in list(self._pending.items()):
            pending.rates.clear()
            pending.leases.clear()
            pending.least.clear()
            if not pending.budgets:
                del self._pending[tag]

    def seal(self) -> int:
        """Make batches of all that is due; returns how many there are to send, with those kept before."""
        while self._pending:
            self._unsent.append(self._batch(*self._pending.popitem()))
        return len(self._unsent)

    def next(self) -> Batch:
        """The first to send; IndexError where there is none."""
        return self._unsent.popleft()

    def keep(self, batch: Batch) -> None:
        """It is not known whether it was applied."""
        self._unsent.appendleft(batch)

    def _batch(self, tag: str, pending: _Pending) -> Batch:
        self._number += 1
        rows: list[tuple[str, tuple[Any, ...], Meter | None]] = [
            (key, ("rate", delta), None) for key, delta in pending.rates.items()
        ]
        rows += [
            (key, ("budget", window, units, KEEP_S[meter.period]), meter)
            for (key, window), (meter, units) in pending.budgets.items()
        ]
        rows += [
            (key, ("least", window, nano_usd, KEEP_S[meter.period]), meter)
            for (key, window), (meter, nano_usd) in pending.least.items()
        ]
        rows += [(key, change, None) for key, change in pending.leases]
        keys, changes, meters = zip(*rows, strict=True) if rows else ((), (), ())
        return Batch(mark=f"sw:{{{tag}}}:batch:{self._name}:{self._number}", keys=keys, changes=changes, meters=meters)
