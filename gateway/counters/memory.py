"""Counters of a single process, in memory."""

from collections import OrderedDict

from gateway.domain.cooldown import HEALTHY, Health, after_failure
from gateway.domain.errors import UpstreamError
from gateway.domain.facts import NO_BUDGET, Budget, Fleet
from gateway.domain.request import Caller, ChatRequest
from gateway.domain.sensitivity import Kind
from gateway.domain.session import Session, continued, restricted

MOST_SESSIONS = 20_000
"""Some 10 MB; the one not used for longest is forgotten first."""
_LATENCY_WEIGHT = 0.2
"""Of the latest call in the moving average: the last five calls make two thirds of it."""


class MemoryHealthBoard:
    """`HealthBoard` of one process. Only deployments that failed lately rest, so a healthy fleet costs nothing."""

    def __init__(self) -> None:
        self._health: dict[str, Health] = {}
        self._latency_ms: dict[str, float] = {}
        self._well = Fleet(latency_ms=self._latency_ms)

    def fleet(self, now_s: float) -> Fleet:
        if not self._health:
            return self._well
        cooling = {name: health.until_s - now_s for name, health in self._health.items() if health.is_cooling(now_s)}
        return Fleet(cooling=cooling, latency_ms=self._latency_ms)

    def succeeded(self, deployment: str, first_byte_ms: float | None) -> None:
        if self._health:
            self._health.pop(deployment, None)
        if first_byte_ms is not None:
            before = self._latency_ms.get(deployment, first_byte_ms)
            self._latency_ms[deployment] = before + _LATENCY_WEIGHT * (first_byte_ms - before)

    def failed(self, deployment: str, error: UpstreamError, now_s: float) -> None:
        health = after_failure(self._health.get(deployment, HEALTHY), error, now_s)
        if health is not HEALTHY:
            self._health[deployment] = health


class MemorySessions:
    """`Sessions` of one process, the latest `most` of them."""

    def __init__(self, most: int = MOST_SESSIONS) -> None:
        self._most = most
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def find(self, key: str) -> Session | None:
        return self._sessions.get(key)

    def keep(self, key: str, session: Session) -> None:
        self._put(key, continued(self._sessions.get(key), session))

    def restrict(self, key: str, kinds: tuple[Kind, ...], at_s: float) -> None:
        self._put(key, restricted(self._sessions.get(key), kinds, at_s))

    def _put(self, key: str, session: Session) -> None:
        self._sessions[key] = session
        self._sessions.move_to_end(key)
        if len(self._sessions) > self._most:
            self._sessions.popitem(last=False)


class OpenAdmission:
    """`Admission` without limits or budgets: everyone with a key is let in."""

    def admit(self, caller: Caller, request: ChatRequest) -> Budget:  # noqa: ARG002 (the port's signature)
        """Admit always."""
        return NO_BUDGET
