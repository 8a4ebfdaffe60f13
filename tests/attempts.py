"""`Attempts` as `bootstrap` wires it, over stand-ins."""

from collections.abc import Callable

from gateway.attempts import Attempts
from gateway.counters.allowance_watch import AllowanceWatch
from gateway.counters.allowances_memory import MemoryAllowances
from gateway.counters.lanes import MemoryLanes
from gateway.counters.retries import MemoryRetryBudgets
from gateway.deadlines import Deadlines
from gateway.ports import CallLimits, Classifier, Clock, HealthBoard, Lanes, Provider, RetryBudgets
from gateway.relay import Relay
from tests.fakes import FakeClassifier


def attempts_over(
    provider_of: Callable[[str], Provider],
    *,
    health: HealthBoard,
    clock: Clock,
    classifier: Classifier | None = None,
    budgets: RetryBudgets | None = None,
    lanes: Lanes | None = None,
    limits: CallLimits | None = None,
) -> Attempts:
    """Every wait before a retry is half of the longest it may be."""
    relay = Relay(
        provider_of=provider_of,
        health=health,
        clock=clock,
        deadlines=Deadlines(),
        classifier=classifier or FakeClassifier(),
    )
    return Attempts(
        relay=relay,
        health=health,
        lanes=lanes or MemoryLanes(),
        limits=limits or MemoryAllowances(clock, AllowanceWatch()),
        budgets=budgets or MemoryRetryBudgets(),
        clock=clock,
        draw=lambda: 0.5,
    )
