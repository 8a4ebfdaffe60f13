"""Walks of a plan of two deployments in virtual time, and what each left behind."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.counters.lanes import MemoryLanes
from gateway.domain.decision import Decision
from gateway.domain.errors import UpstreamUnavailableError
from gateway.domain.policy import Timeouts
from gateway.domain.record import AttemptRecord
from gateway.domain.request import NOBODY, ChatRequest
from gateway.domain.signals import measure
from gateway.domain.usage import Usage
from gateway.ports import CallLimits, RetryBudgets
from gateway.trail import Call, Trail
from tests.attempts import attempts_over
from tests.builders import a_decision, a_deployment, a_request, a_route
from tests.fakes import FakeClassifier, FakeExchange, FakeHealthBoard, FakeProvider, FakeStream, Outcome
from tests.virtual_time import LoopClock, run

SMALL: Final = a_deployment("small-a")
LARGE: Final = a_deployment("large-a", tier="large", provider="azure")
USAGE: Final = Usage(input_tokens=12, output_tokens=30)
COST: Final = 12 * 150 + 30 * 600
STREAMED: Final = a_request(stream=True)
DOWN: Final = UpstreamUnavailableError("down", status=503)
FOR_EVER_S: Final = 1e4


@dataclass(kw_only=True)
class Walk:
    """`error` is what the walk raised, `asked` the names of the providers it looked for."""

    trail: Trail
    provider: FakeProvider
    exchange: FakeExchange
    health: FakeHealthBoard
    asked: list[str]
    lanes: MemoryLanes
    error: BaseException | None = None

    @property
    def attempts(self) -> list[AttemptRecord]:
        return self.trail.attempts

    @property
    def outcomes(self) -> list[str]:
        return [attempt.outcome for attempt in self.trail.attempts]

    @property
    def stream(self) -> FakeStream:
        return self.provider.streams[-1]


def a_plan(*, retries: int = 0) -> Decision:
    """`small-a`, then `large-a`; 2 s to the first token, 3 s between events, 60 s in all."""
    timeouts = Timeouts(first_token_s=2.0, idle_s=3.0, total_s=60.0)
    route = a_route("small-first", SMALL, LARGE, retries=retries, timeouts=timeouts)
    return a_decision(SMALL, LARGE, route=route)


def walk_plan(
    *outcomes: Outcome,
    request: ChatRequest | None = None,
    decision: Decision | None = None,
    takes_s: float = 0.0,
    cancel_at_s: float | None = None,
    send_error: BaseException | None = None,
    cooling: Mapping[str, float] | None = None,
    budgets: RetryBudgets | None = None,
    limits: CallLimits | None = None,
    answer_ok: float | None = None,
    trail: Trail | None = None,
) -> Walk:
    """Walk a plan whose calls have these outcomes in order; `takes_s` is the client's share of each piece sent."""
    request = request or a_request()
    walk = Walk(
        trail=trail or Trail(0.0, 0.0),
        provider=FakeProvider(*outcomes),
        exchange=FakeExchange(request=request, takes_s=takes_s, send_error=send_error),
        health=FakeHealthBoard(cooling),
        asked=[],
        lanes=MemoryLanes(),
    )

    def provider_of(name: str) -> FakeProvider:
        walk.asked.append(name)
        return walk.provider

    attempts = attempts_over(
        provider_of,
        health=walk.health,
        clock=LoopClock(),
        classifier=FakeClassifier(answer_ok=answer_ok),
        budgets=budgets,
        lanes=walk.lanes,
        limits=limits,
    )
    call = Call(
        decision=decision or a_plan(),
        request=request,
        signals=measure(request),
        caller=NOBODY,
        exchange=walk.exchange,
        trail=walk.trail,
    )

    async def main() -> None:
        task = asyncio.create_task(attempts.walk(call))
        if cancel_at_s is not None:
            asyncio.get_running_loop().call_later(cancel_at_s, task.cancel)
        await asyncio.wait([task])
        walk.error = asyncio.CancelledError() if task.cancelled() else task.exception()

    run(main())
    return walk
