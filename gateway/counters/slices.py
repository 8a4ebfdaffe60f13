"""What a gateway has borrowed of the shared limits and budgets, to grant from without asking.

What is borrowed counts as used where it is shared, so all gateways together never grant more than there is. Held back
is at most `LARGEST` of a limit by each, and what is not used within `IDLE_S` is given back.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from gateway.domain.meters import Meter

LARGEST: Final = 100
"""A slice is at most this part of a limit: 1 %."""
IDLE_S: Final = 1.0
BUSY_S: Final = 0.02
"""Asked again within so short a time, a gateway borrows twice as much as before."""
_MOST_REQUESTS = 63


class Appetite:
    """For how many requests more than the one at hand it is worth borrowing: none for one that comes alone."""

    __slots__ = ("_asked_s", "_requests")

    def __init__(self) -> None:
        self._asked_s = -1e9
        self._requests = 0

    def next(self, now_s: float) -> int:
        is_busy = now_s - self._asked_s < BUSY_S
        self._asked_s = now_s
        self._requests = min(2 * self._requests + 1, _MOST_REQUESTS) if is_busy else self._requests // 2
        return self._requests


class _Slice:
    __slots__ = ("meter", "tag", "units", "used_s", "window")

    def __init__(self, tag: str, meter: Meter) -> None:
        self.tag = tag
        self.meter = meter
        self.units = 0
        self.window = 0
        self.used_s = 0.0


class Slices:
    """By the key of the shared count."""

    def __init__(self) -> None:
        self._slices: dict[str, _Slice] = {}

    def take(self, keys: Sequence[str], units: Sequence[int], now_s: float) -> list[int] | None:
        """Take so many units of each, or of none: None. Returns the windows of the budgets among them, else 0."""
        if not self._slices:
            return None
        found = [self._slices.get(key) for key in keys]
        slices = [each for each in found if each is not None]
        if len(slices) < len(keys):
            return None
        if any(each.units < count or now_s - each.used_s > IDLE_S for each, count in zip(slices, units, strict=True)):
            return None
        for each, count in zip(slices, units, strict=True):
            each.units -= count
            each.used_s = now_s
        return [each.window for each in slices]

    def room(self, key: str, meter: Meter, units: int, requests: int) -> int:
        """How many units to borrow for so many more requests of this size."""
        held = self._slices[key].units if key in self._slices else 0
        return max(0, min(units * requests, meter.limit // LARGEST - held))

    def fill(self, tag: str, key: str, meter: Meter, units: int, *, window: int, now_s: float) -> None:
        """Add what was borrowed; what is left of a budget's window that is over is worth nothing."""
        held = self._slices.get(key)
        if held is None:
            held = self._slices[key] = _Slice(tag, meter)
        held.units = units if held.window != window else held.units + units
        held.meter, held.window, held.used_s = meter, window, now_s

    def idle(self, now_s: float) -> Iterator[tuple[str, str, Meter, int, int]]:
        """Remove the slices nobody used lately: hash tag, key, meter, units to give back, window."""
        for key, each in list(self._slices.items()):
            if now_s - each.used_s > IDLE_S:
                del self._slices[key]
                if each.units:
                    yield each.tag, key, each.meter, each.units, each.window
