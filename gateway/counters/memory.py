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
        self._well = Fleet()

    def fleet(self, now_s: float) -> Fleet:
        if not self._health:
            return self._well
        cooling = {name: health.until_s - now_s for name, health in self._health.items() if health.is_cooling(now_s)}
        return Fleet(cooling=cooling, latency_ms=self._well.latency_ms)

    def succeeded(self, deployment: str, first_byte_ms: float | None) -> None:
        if self._health:
            self._health.pop(deployment, None)
        if first_byte_ms is not None:
            known = self._well.latency_ms
            before = known.get(deployment, first_byte_ms)
            # Made anew: a decision that rests on the old one may not be recorded yet.
            self._well = Fleet(latency_ms={**known, deployment: before + _LATENCY_WEIGHT * (first_byte_ms - before)})

    def failed(self, deployment: str, error: UpstreamError, now_s: float) -> None:
        health = after_failure(self._health.get(deployment, HEALTHY), error, now_s)
        if health is not HEALTHY:
            self._health[deployment] = health


class MemorySessions:
    """`Sessions` of one process: the latest `most`, and as many with sensitive content, which no other displaces."""

    def __init__(self, most: int = MOST_SESSIONS) -> None:
        self._most = most
        self._plain: OrderedDict[str, Session] = OrderedDict()
        self._restricted: OrderedDict[str, Session] = OrderedDict()

    def find(self, key: str) -> Session | None:
        for sessions in (self._restricted, self._plain):
            if (session := sessions.get(key)) is not None:
                sessions.move_to_end(key)
                return session
        return None

    def keep(self, key: str, session: Session) -> None:
        before = self._restricted.get(key)
        self._put(self._plain if before is None else self._restricted, key, continued(before, session))

    def restrict(self, key: str, kinds: tuple[Kind, ...], at_s: float) -> None:
        before = self._restricted.get(key) or self._plain.pop(key, None)
        self._put(self._restricted, key, restricted(before, kinds, at_s))

    def _put(self, sessions: OrderedDict[str, Session], key: str, session: Session) -> None:
        sessions[key] = session
        sessions.move_to_end(key)
        if len(sessions) > self._most:
            sessions.popitem(last=False)


class OpenAdmission:
    """`Admission` without limits or budgets: everyone with a key is let in."""

    def admit(self, caller: Caller, request: ChatRequest) -> Budget:  # noqa: ARG002 (the port's signature)
        """Admit always."""
        return NO_BUDGET
