"""What is known in one process of how limits and budgets fare, for metrics and the log."""

import logging
from collections import Counter

from gateway.domain.allowances import OF_DEPLOYMENT
from gateway.domain.budgets import crossed, used_ratio
from gateway.domain.meters import Meter

MOST_OWNERS = 500
"""So many budgets have a series of their own; of more, none is begun."""

_log = logging.getLogger(__name__)


class AllowanceWatch:
    """Counts refusals of callers by the name of their meter, and follows each budget to the levels worth an alert.

    passed       (deployment, name of the meter) → how often it was passed over for it
    used_ratios  (owner, name of the meter) → the share of it that is used and held, as this process last saw it
    alerts       (owner, name of the meter, level) → how often it was reached; once a window, by one of all gateways
    """

    def __init__(self) -> None:
        self.refusals: Counter[str] = Counter()
        self.passed: Counter[tuple[str, str]] = Counter()
        self.alerts: Counter[tuple[str, str, str]] = Counter()
        self.used_ratios: dict[tuple[str, str], float] = {}
        self._told: dict[tuple[str, float], int] = {}

    def refused(self, meter: Meter) -> None:
        if meter.owner.startswith(OF_DEPLOYMENT):
            self.passed[meter.owner.removeprefix(OF_DEPLOYMENT), meter.name] += 1
        else:
            self.refusals[meter.name] += 1

    def moved(self, meter: Meter, window: int, before_nano_usd: int, after_nano_usd: int) -> None:
        """A budget went from one amount to the other."""
        which = (meter.owner, meter.name)
        if which in self.used_ratios or len(self.used_ratios) < MOST_OWNERS:
            self.used_ratios[which] = used_ratio(after_nano_usd, meter.limit)
            for level in crossed(before_nano_usd, after_nano_usd, meter.limit, meter.alert_at):
                self._tell(meter, level, window)

    def _tell(self, meter: Meter, level: float, window: int) -> None:
        """Once a window: an amount given back and spent again is no news."""
        if self._told.get((meter.key, level)) == window:
            return
        self._told[meter.key, level] = window
        self.alerts[meter.owner, meter.name, f"{level:g}"] += 1
        _log.warning("%s of %s: %.0f %% of this %s's are used", meter.name, meter.owner, level * 100, meter.period)
