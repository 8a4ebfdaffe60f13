"""Walk a plan: call its deployments in turn until one answers.

A call that fails before anything has left for the client is tried again, or followed by the next deployment; after the
first byte there is no way back: the stream ends with an error event.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import inf

from gateway.domain.allowances import Limits
from gateway.domain.decision import Decision
from gateway.domain.errors import (
    AllBusyError,
    AllowanceError,
    AllRestingError,
    AttemptsExhaustedError,
    ContextOverflowError,
    CountersUnavailableError,
    FailedCheckError,
    GatewayError,
    NoDeploymentError,
    PromptTooLongError,
    UpstreamError,
)
from gateway.domain.policy import Deployment, Route
from gateway.domain.retry import wait_s
from gateway.ports import CallLimits, Clock, HealthBoard, Hold, Lanes, RetryBudgets
from gateway.relay import Relay
from gateway.trail import Call, Trail

BUSY_RETRY_S = 1.0
_BUSY = "busy: as many calls under way as its limit lets it"
_RESTING = "cooldown since the plan was made"


class Attempts:
    """Calls upstreams by plan. `draw` gives chance, at least 0 and below 1."""

    def __init__(
        self,
        *,
        relay: Relay,
        health: HealthBoard,
        lanes: Lanes,
        limits: CallLimits,
        budgets: RetryBudgets,
        clock: Clock,
        draw: Callable[[], float],
    ) -> None:
        self._relay = relay
        self._health = health
        self._lanes = lanes
        self._limits = limits
        self._budgets = budgets
        self._clock = clock
        self._draw = draw

    async def walk(self, call: Call) -> None:
        """Answer the client from the first deployment that can.

        Raises NoDeploymentError for an empty plan, AllBusyError where no deployment takes a call, the UpstreamError
        itself where another call would not do better, bytes have left already or all failed alike, else
        AttemptsExhaustedError.
        """
        plan, route = call.decision.plan, call.decision.route
        if not plan:
            raise self._nothing_to_call(call.decision)
        self._budgets.request(route.name, self._clock.monotonic())
        errors: list[UpstreamError] = []
        if await self._walked(plan, call, errors, is_last_resort=False):
            return
        is_resting = not errors and _RESTING in call.trail.passed.values()
        if is_resting and route.insists and await self._walked(plan, call, errors, is_last_resort=True):
            return
        raise self._told(errors, call)

    async def _walked(
        self, plan: Sequence[Deployment], call: Call, errors: list[UpstreamError], *, is_last_resort: bool
    ) -> bool:
        """Whether one of the plan answered; adds what went wrong to `errors`. At last those at rest are called too."""
        failed: Deployment | None = None
        for deployment in plan:
            if failed is not None and not _follows(deployment, failed, errors[-1], call.decision.route):
                continue
            known = len(errors)
            if await self._answered(deployment, call, errors, is_last_resort=is_last_resort):
                return True
            if len(errors) > known:
                failed = deployment
        return False

    async def _answered(
        self, deployment: Deployment, call: Call, errors: list[UpstreamError], *, is_last_resort: bool
    ) -> bool:
        """Call one deployment, as often as its route lets it."""
        for retry in range(1 + call.decision.route.retries):
            if errors and not self._may_repeat(call, errors[-1]):
                return False
            if retry:
                await asyncio.sleep(wait_s(retry, self._draw()))
            if why := await self._enter(deployment, is_last_resort=is_last_resort):
                call.trail.passed[deployment.name] = why
                return self._passed_over(call, errors)
            hold = None
            if deployment.limits is not None:
                hold = await self._limited(deployment, deployment.limits, call)
                if hold is None:
                    return self._passed_over(call, errors)
            error = await self._try(deployment, call, hold)
            if error is None:
                return True
            if call.trail.has_answered or not error.falls_back:
                raise error
            errors.append(error)
            if not error.retryable:
                return False
        return False

    async def _enter(self, deployment: Deployment, *, is_last_resort: bool) -> str:
        """Take a place for a call; why there is none, where there is none."""
        limit = deployment.concurrency
        if limit is not None and not await self._lanes.enter(deployment.name, limit):
            return _BUSY
        if self._health.enter(deployment.name, self._clock.monotonic()) or is_last_resort:
            return ""
        if limit is not None:
            self._lanes.leave(deployment.name)
        return _RESTING

    async def _limited(self, deployment: Deployment, limits: Limits, call: Call) -> Hold | None:
        """Take one call of its limits; where they have no room, write down why, and give its place back."""
        hold = None
        try:
            hold = await self._limits.take_call(deployment.name, limits, call.request)
        except (AllowanceError, CountersUnavailableError) as error:
            call.trail.passed[deployment.name] = f"limit: {error.message}"
            call.trail.limited[deployment.name] = inf if error.retry_after_s is None else error.retry_after_s
        finally:  # where the client leaves while Redis is asked, too
            if hold is None:
                self._health.left(deployment.name)
                if deployment.concurrency is not None:
                    self._lanes.leave(deployment.name)
        return hold

    async def _try(self, deployment: Deployment, call: Call, hold: Hold | None) -> UpstreamError | None:
        """One attempt, from its call to its line in the trail; returns what went wrong."""
        trail, name, now_s = call.trail, deployment.name, self._clock.monotonic
        attempt = trail.begin(deployment, now_s())
        route = call.decision.route
        tested = route.check if route.check is not None and deployment in route.first else None
        try:
            await self._relay.run(attempt, call, tested)
        except UpstreamError as error:
            trail.close(attempt, "interrupted" if trail.has_answered else "failed", now_s(), error)
            self._health.failed(name, error, now_s())
            return error
        except asyncio.CancelledError:
            trail.close(attempt, "cancelled", now_s())
            self._health.left(name)
            raise
        finally:  # closed already, but after a fault of our own
            record = trail.close(attempt, "failed", now_s())
            if hold is not None:
                hold.settle((record,))
            if deployment.concurrency is not None:
                self._lanes.leave(name)
        self._health.succeeded(name, attempt.first_byte_ms, now_s())
        return None

    def _may_repeat(self, call: Call, error: UpstreamError) -> bool:
        """Whether another call may be made after this failure."""
        if error.is_of_request or self._budgets.spend(call.decision.route.name, self._clock.monotonic()):
            return True
        call.trail.is_budget_spent = True
        return False

    def _passed_over(self, call: Call, errors: list[UpstreamError]) -> bool:
        """Not answered, for no call was made: the retry budget has back what was taken for it."""
        if errors and not errors[-1].is_of_request:
            self._budgets.unspend(call.decision.route.name, self._clock.monotonic())
        return False

    def _nothing_to_call(self, decision: Decision) -> GatewayError:
        why = _list(decision.excluded)
        message = f"policy {decision.policy!r} leaves no deployment for this request ({why})"
        if decision.is_resting:
            return AllRestingError(message, retry_after_s=self._rest_s(decision.excluded))
        return (PromptTooLongError if decision.is_too_long else NoDeploymentError)(message)

    def _told(self, errors: list[UpstreamError], call: Call) -> GatewayError:
        """What the client is told once nobody answered."""
        if errors:  # all alike: a 429 of the only deployment stays a 429, a prompt too long for all stays a 400
            return errors[-1] if len({type(error) for error in errors}) == 1 else AttemptsExhaustedError(tuple(errors))
        passed = call.trail.passed
        message = f"no deployment takes another call now ({_list(passed)})"
        if call.trail.limited or _BUSY in passed.values():
            return AllBusyError(message, retry_after_s=self._free_s(call.trail))
        return AllRestingError(message, retry_after_s=self._rest_s(passed))

    def _free_s(self, trail: Trail) -> float | None:
        """Seconds until the first of them takes a call; None where the request is too long for the limits of all."""
        waits = [*trail.limited.values(), *(BUSY_RETRY_S for why in trail.passed.values() if why == _BUSY)]
        if _RESTING in trail.passed.values():
            waits.append(self._rest_s(trail.passed))
        first = min(waits)
        return None if first == inf else first

    def _rest_s(self, deployments: Iterable[str]) -> float:
        """Seconds until the first of them is back."""
        cooling = self._health.fleet(self._clock.monotonic()).cooling
        return min((cooling[name] for name in deployments if name in cooling), default=BUSY_RETRY_S)


def _list(reasons: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {why}" for name, why in reasons.items())


def _follows(deployment: Deployment, failed: Deployment, error: UpstreamError, route: Route) -> bool:
    """Whether the deployment is for what follows that failure of another."""
    if not route.takes_over(deployment.name, error.trigger):
        return False
    if isinstance(error, FailedCheckError):
        return deployment not in route.first  # one escalation: the same tier would not do better
    if isinstance(error, ContextOverflowError) and failed.context_window is not None:
        return deployment.context_window is None or deployment.context_window > failed.context_window
    return True
