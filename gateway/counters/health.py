"""How the deployments fare, as one process sees it."""

from collections.abc import Callable
from math import inf

from gateway.domain.cooldown import (
    HEALTHY,
    Health,
    after_failure,
    after_first_byte,
    after_leaving,
    after_success,
    entered,
)
from gateway.domain.errors import UpstreamError
from gateway.domain.facts import Fleet

_LATENCY_WEIGHT = 0.2
"""Of the latest call in the moving average: the last five calls make two thirds of it."""
LATENCY_KEPT_S = 300.0
"""A latency nobody measured for so long is forgotten, so that who was slow is tried again."""


class MemoryHealthBoard:
    """`HealthBoard` of one process. Only deployments that failed lately are kept, so a healthy fleet costs nothing."""

    def __init__(self) -> None:
        self._health: dict[str, Health] = {}
        self._measured_s: dict[str, float] = {}
        self._stale_s = inf
        self._well = Fleet()

    def fleet(self, now_s: float) -> Fleet:
        if now_s >= self._stale_s:
            self._forget(now_s)
        if not self._health:
            return self._well
        cooling = {name: rest_s for name, health in self._health.items() if (rest_s := health.cooling_s(now_s)) > 0.0}
        return Fleet(cooling=cooling, latency_ms=self._well.latency_ms)

    def enter(self, deployment: str, now_s: float) -> bool:
        if not self._health or (health := self._health.get(deployment)) is None:
            return True
        after = entered(health, now_s)
        if after is not None:
            self._health[deployment] = after
        return after is not None

    def answers(self, deployment: str) -> None:
        self._change(deployment, after_first_byte)

    def succeeded(self, deployment: str, first_byte_ms: float | None, now_s: float) -> None:
        self._change(deployment, lambda health: after_success(health, now_s))
        if first_byte_ms is not None:
            known = self._well.latency_ms
            before = known.get(deployment, first_byte_ms)
            # Made anew: a decision that rests on the old one may not be recorded yet.
            self._well = Fleet(latency_ms={**known, deployment: before + _LATENCY_WEIGHT * (first_byte_ms - before)})
            self._measured_s[deployment] = now_s
            if self._stale_s == inf:
                self._stale_s = now_s + LATENCY_KEPT_S

    def failed(self, deployment: str, error: UpstreamError, now_s: float) -> None:
        health = after_failure(self._health.get(deployment, HEALTHY), error, now_s)
        if health is not HEALTHY:
            self._health[deployment] = health

    def left(self, deployment: str) -> None:
        self._change(deployment, after_leaving)

    def _change(self, deployment: str, change: Callable[[Health], Health]) -> None:
        if not self._health or (health := self._health.get(deployment)) is None:
            return
        if (after := change(health)) == HEALTHY:
            del self._health[deployment]
        else:
            self._health[deployment] = after

    def _forget(self, now_s: float) -> None:
        """Drop the latencies that are too old, and note when the next one will be."""
        kept = {name: at_s for name, at_s in self._measured_s.items() if now_s - at_s < LATENCY_KEPT_S}
        self._measured_s = kept
        self._well = Fleet(latency_ms={name: ms for name, ms in self._well.latency_ms.items() if name in kept})
        self._stale_s = min(kept.values(), default=inf) + LATENCY_KEPT_S
