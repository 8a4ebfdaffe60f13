"""Counters of a single process, in memory."""

from collections.abc import Mapping

from gateway.domain.cooldown import HEALTHY, Health, after_failure
from gateway.domain.errors import UpstreamError
from gateway.domain.request import Caller, ChatRequest


class MemoryHealthBoard:
    """`HealthBoard` of one process. Only deployments that failed lately are in it, so a healthy fleet costs nothing."""

    def __init__(self) -> None:
        self._health: dict[str, Health] = {}

    def cooling(self, now_s: float) -> Mapping[str, float]:
        if not self._health:
            return {}
        return {name: health.until_s - now_s for name, health in self._health.items() if health.is_cooling(now_s)}

    def succeeded(self, deployment: str) -> None:
        if self._health:
            self._health.pop(deployment, None)

    def failed(self, deployment: str, error: UpstreamError, now_s: float) -> None:
        health = after_failure(self._health.get(deployment, HEALTHY), error, now_s)
        if health is not HEALTHY:
            self._health[deployment] = health


class OpenAdmission:
    """`Admission` without limits or budgets: everyone with a key is let in."""

    def admit(self, caller: Caller, request: ChatRequest) -> None:
        """Admit always."""
