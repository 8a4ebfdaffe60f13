"""Walk a plan: call its deployments in order until one answers, and keep the trail.

An attempt that fails before anything has left for the client is followed by the next deployment; after the first byte
there is no way back: the stream ends with an error event.
"""

import asyncio
from collections.abc import Callable

from msgspec import Struct

from gateway.deadlines import Deadline, Deadlines
from gateway.domain.decision import Decision
from gateway.domain.errors import (
    AttemptsExhaustedError,
    NoDeploymentError,
    PromptTooLongError,
    UpstreamError,
    UpstreamInvalidAnswerError,
    UpstreamTimeoutError,
)
from gateway.domain.policy import Deployment
from gateway.domain.pricing import Usage, cost_nano_usd
from gateway.domain.record import AttemptOutcome, AttemptRecord
from gateway.domain.request import ChatRequest
from gateway.domain.signals import Signals
from gateway.ports import AnswerHead, Clock, Exchange, HealthBoard, Provider, UpstreamStream

_BYTES_PER_TOKEN = 4


class Attempt:
    """One upstream call under way; `close` turns it into its record."""

    __slots__ = ("_started_s", "deployment", "first_byte_s", "number", "record", "usage")

    def __init__(self, number: int, deployment: Deployment, started_s: float) -> None:
        self.number = number
        self.deployment = deployment
        self._started_s = started_s
        self.first_byte_s: float | None = None
        self.usage: Usage | None = None
        self.record: AttemptRecord | None = None

    @property
    def first_byte_ms(self) -> float | None:
        """From the call to its first byte; None where none came."""
        return None if self.first_byte_s is None else (self.first_byte_s - self._started_s) * 1e3

    def close(
        self, outcome: AttemptOutcome, *, arrived_s: float, ended_s: float, error: UpstreamError | None
    ) -> AttemptRecord:
        cost, unpriced = self._bill(error)
        self.record = AttemptRecord(
            number=self.number,
            deployment=self.deployment.name,
            tier=self.deployment.tier,
            model=self.deployment.model,
            outcome=outcome,
            error_code=None if error is None else error.code,
            status=200 if self.first_byte_s is not None else None if error is None else error.status,
            started_ms=(self._started_s - arrived_s) * 1e3,
            first_byte_ms=None if self.first_byte_s is None else (self.first_byte_s - arrived_s) * 1e3,
            ended_ms=(ended_s - arrived_s) * 1e3,
            usage=self.usage,
            cost_nano_usd=cost,
            unpriced=unpriced,
        )
        return self.record

    def _bill(self, error: UpstreamError | None) -> tuple[int | None, str | None]:
        """Cost in nano-USD, or why there is none. An upstream that answered with an error bills nothing."""
        if self.usage is None:
            answered_with_error = error is not None and (error.status is not None or error.is_free)
            return (0, None) if answered_with_error else (None, "the call ended before its usage was known")
        if self.deployment.price is None:
            return None, self.deployment.unpriced or f"deployment {self.deployment.name!r} has no price"
        return cost_nano_usd(self.usage, self.deployment.price), None


class Trail:
    """What a walk leaves behind: its attempts, who answered, and whether the client has bytes yet."""

    __slots__ = ("arrived_s", "attempts", "has_answered", "served_by")

    def __init__(self, arrived_s: float) -> None:
        self.arrived_s = arrived_s
        self.attempts: list[AttemptRecord] = []
        self.served_by: Deployment | None = None
        self.has_answered = False

    def close(
        self, attempt: Attempt, outcome: AttemptOutcome, ended_s: float, error: UpstreamError | None = None
    ) -> AttemptRecord:
        """Write the attempt's record, once: a client that leaves while its answer is sent does not undo the attempt."""
        if attempt.record is not None:
            return attempt.record
        record = attempt.close(outcome, arrived_s=self.arrived_s, ended_s=ended_s, error=error)
        self.attempts.append(record)
        return record


class Call(Struct, frozen=True, kw_only=True):
    """What every attempt of one walk shares."""

    decision: Decision
    request: ChatRequest
    signals: Signals
    exchange: Exchange
    trail: Trail


class Attempts:
    """Calls upstreams by plan. `provider_of` maps a deployment's provider name to the one that speaks its protocol."""

    def __init__(
        self,
        *,
        provider_of: Callable[[str], Provider],
        health: HealthBoard,
        clock: Clock,
        deadlines: Deadlines,
    ) -> None:
        self._provider_of = provider_of
        self._health = health
        self._clock = clock
        self._deadlines = deadlines

    async def walk(self, call: Call) -> None:
        """Answer the client from the first deployment that can.

        Raises NoDeploymentError for an empty plan, the UpstreamError itself where another deployment would not do
        better, bytes have left already or all failed alike, else AttemptsExhaustedError.
        """
        if not call.decision.plan:
            why = "; ".join(f"{name}: {reason}" for name, reason in call.decision.excluded.items())
            kind = PromptTooLongError if call.decision.is_too_long else NoDeploymentError
            raise kind(f"policy {call.decision.policy!r} leaves no deployment for this request ({why})")
        errors: list[UpstreamError] = []
        for deployment in call.decision.plan:
            if errors and not call.decision.route.takes_over(deployment.name, errors[-1].trigger):
                continue
            for _ in range(1 + call.decision.route.retries):
                error = await self._try(deployment, call)
                if error is None:
                    return
                if call.trail.has_answered or not error.falls_back:
                    raise error
                errors.append(error)
                if not error.retryable:
                    break
        # All alike: a 429 of the only deployment stays a 429, a prompt too long for all stays a 400.
        raise errors[-1] if len({type(error) for error in errors}) == 1 else AttemptsExhaustedError(tuple(errors))

    async def _try(self, deployment: Deployment, call: Call) -> UpstreamError | None:
        """One attempt, from its call to its line in the trail; returns what went wrong."""
        trail, now_s = call.trail, self._clock.monotonic
        attempt = Attempt(len(trail.attempts) + 1, deployment, now_s())
        try:
            await (self._stream if call.request.stream else self._complete)(attempt, call)
        except UpstreamError as error:
            trail.close(attempt, "interrupted" if trail.has_answered else "failed", now_s(), error)
            self._health.failed(deployment.name, error, now_s())
            return error
        except asyncio.CancelledError:
            trail.close(attempt, "cancelled", now_s())
            raise
        finally:  # closed already, but after a fault of our own
            trail.close(attempt, "failed", now_s())
        self._health.succeeded(deployment.name, attempt.first_byte_ms)
        return None

    async def _complete(self, attempt: Attempt, call: Call) -> None:
        deployment, timeouts = attempt.deployment, call.decision.route.timeouts
        try:
            with self._deadlines.within(timeouts.total_s):
                completion = await self._provider_of(deployment.provider).complete(deployment, call.request, timeouts)
        except TimeoutError as exc:
            raise _too_slow(deployment, "answer", timeouts.total_s) from exc
        attempt.first_byte_s = self._clock.monotonic()
        attempt.usage = completion.usage or _estimated(call.signals, len(completion.body) // _BYTES_PER_TOKEN)
        record = call.trail.close(attempt, "ok", attempt.first_byte_s)
        call.trail.served_by = deployment
        call.trail.has_answered = True
        await call.exchange.answer(_head(call, attempt, record.cost_nano_usd), completion.body)

    async def _stream(self, attempt: Attempt, call: Call) -> None:
        deployment, timeouts = attempt.deployment, call.decision.route.timeouts
        stream: UpstreamStream | None = None
        deadline = self._deadlines.within(timeouts.first_token_s, at_most_s=timeouts.total_s)
        try:
            with deadline:
                stream = await self._provider_of(deployment.provider).stream(deployment, call.request, timeouts)
                await self._relay(stream, attempt, call, deadline)
        except TimeoutError as exc:
            if deadline.is_over:
                raise _too_slow(deployment, "whole answer", timeouts.total_s) from exc
            if call.trail.has_answered:
                raise _too_slow(deployment, "next event", timeouts.idle_s) from exc
            raise _too_slow(deployment, "first token", timeouts.first_token_s) from exc
        finally:
            if stream is not None:
                if call.trail.has_answered:
                    attempt.usage = stream.usage or _estimated(call.signals, stream.output_events)
                await stream.aclose()
        call.trail.close(attempt, "ok", self._clock.monotonic())
        await call.exchange.end_stream()

    async def _relay(self, stream: UpstreamStream, attempt: Attempt, call: Call, deadline: Deadline) -> None:
        """Pass events on as they come. The deadline watches the upstream alone: it rests while the client reads."""
        exchange, idle_s = call.exchange, call.decision.route.timeouts.idle_s
        async for events in stream:
            deadline.pause()
            if attempt.first_byte_s is None:
                attempt.first_byte_s = self._clock.monotonic()
                call.trail.served_by = attempt.deployment
                call.trail.has_answered = True
                await exchange.start_stream(_head(call, attempt, None))
            await exchange.send(events)
            deadline.push(idle_s)
        if attempt.first_byte_s is None:
            raise UpstreamInvalidAnswerError(f"deployment {attempt.deployment.name!r} sent a stream without an event")


def _too_slow(deployment: Deployment, awaited: str, limit_s: float) -> UpstreamTimeoutError:
    return UpstreamTimeoutError(f"deployment {deployment.name!r} sent no {awaited} within {limit_s:g} s")


def _estimated(signals: Signals, output_tokens: int) -> Usage:
    return Usage(input_tokens=signals.tokens, output_tokens=output_tokens, estimated=True)


def _head(call: Call, attempt: Attempt, cost: int | None) -> AnswerHead:
    return AnswerHead(
        decision=call.decision, deployment=attempt.deployment, attempts=attempt.number, cost_nano_usd=cost
    )
