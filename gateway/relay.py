"""One attempt: call the upstream, test its answer where the route says so, and pass it on to the client."""

from collections.abc import Callable
from functools import partial

from msgspec.structs import replace

from gateway.deadlines import Deadline, Deadlines
from gateway.domain.answer import Answer
from gateway.domain.chat_answer import answer_of, streamed_answer
from gateway.domain.checks import check
from gateway.domain.errors import FailedCheckError, UpstreamInvalidAnswerError, UpstreamTimeoutError
from gateway.domain.policy import Check, Deployment
from gateway.domain.record import CheckResult
from gateway.domain.signals import Signals
from gateway.domain.tokens import estimated_tokens
from gateway.domain.usage import Usage
from gateway.ports import Classifier, Clock, HealthBoard, Provider, UpstreamStream
from gateway.trail import Attempt, Call

_OF_A_WHOLE = {"complete": False, "tool_calls": False, "json_schema": False, "code_parses": False}
"""Tests that the beginning of an answer cannot pass."""


class Relay:
    """Makes the calls of a walk.

    provider_of  from a deployment's provider name to the one that speaks its protocol
    classifier   asked about answers where a route's check has a least score
    """

    def __init__(
        self,
        *,
        provider_of: Callable[[str], Provider],
        health: HealthBoard,
        clock: Clock,
        deadlines: Deadlines,
        classifier: Classifier,
    ) -> None:
        self._provider_of = provider_of
        self._health = health
        self._clock = clock
        self._deadlines = deadlines
        self._classifier = classifier

    async def run(self, attempt: Attempt, call: Call, tested: Check | None) -> None:
        """Answer the client by this attempt. Raises UpstreamError.

        tested  what the answer must pass before any of it leaves
        """
        if call.request.stream:
            await self._stream(attempt, call, tested)
        else:
            await self._complete(attempt, call, tested)

    async def _complete(self, attempt: Attempt, call: Call, tested: Check | None) -> None:
        deployment, timeouts = attempt.deployment, call.decision.route.timeouts
        try:
            with self._deadlines.within(timeouts.total_s):
                completion = await self._provider_of(deployment.provider).complete(deployment, call.request, timeouts)
        except TimeoutError as exc:
            raise _too_slow(deployment, "answer", timeouts.total_s) from exc
        attempt.first_byte_s = self._clock.monotonic()
        attempt.usage = completion.usage or _estimated(call.signals, _said_tokens(answer_of(completion.body)))
        if tested is not None:
            self._test(attempt, call, tested, answer_of(completion.body), is_whole=True)
        call.trail.close(attempt, "ok", self._clock.monotonic())
        call.trail.served_by = deployment
        call.trail.has_answered = True
        await call.exchange.answer(call.head(attempt), completion.body)
        if call.trail.delivered is not None:
            call.trail.delivered.add(completion.body)

    async def _stream(self, attempt: Attempt, call: Call, tested: Check | None) -> None:
        deployment, timeouts = attempt.deployment, call.decision.route.timeouts
        stream: UpstreamStream | None = None
        deadline = self._deadlines.within(timeouts.first_token_s, at_most_s=timeouts.total_s)
        try:
            with deadline:
                stream = await self._provider_of(deployment.provider).stream(deployment, call.request, timeouts)
                await self._pass_on(stream, attempt, call, deadline, tested)
        except TimeoutError as exc:
            if deadline.is_over:
                raise _too_slow(deployment, "whole answer", timeouts.total_s) from exc
            if attempt.first_byte_s is not None:
                raise _too_slow(deployment, "next content", timeouts.idle_s) from exc
            raise _too_slow(deployment, "first token", timeouts.first_token_s) from exc
        finally:
            if stream is not None:
                if attempt.first_byte_s is not None:
                    attempt.usage = stream.usage or _estimated(call.signals, stream.output_events)
                await stream.aclose()
        call.trail.close(attempt, "ok", self._clock.monotonic())
        await call.exchange.end_stream()

    async def _pass_on(
        self, stream: UpstreamStream, attempt: Attempt, call: Call, deadline: Deadline, tested: Check | None
    ) -> None:
        """Pass events on as they come, or once their test is decided.

        The deadline watches the upstream alone: it rests while the client reads, and what brings no content, such as a
        comment that keeps the connection alive, does not move it.
        """
        idle_s = call.decision.route.timeouts.idle_s
        held = None if tested is None else _Held(tested.buffer_bytes, partial(self._test, attempt, call, tested))
        contents = 0
        async for events in stream:
            deadline.pause()
            if attempt.first_byte_s is None:
                attempt.first_byte_s = self._clock.monotonic()
                self._health.answers(attempt.deployment.name)
            if ready := events if held is None else held.ready(events):
                await self._send(ready, attempt, call)
            if stream.output_events > contents:
                contents = stream.output_events
                deadline.push(idle_s)
            else:
                deadline.resume()
        deadline.pause()
        if attempt.first_byte_s is None:
            raise UpstreamInvalidAnswerError(f"deployment {attempt.deployment.name!r} sent a stream without an event")
        if held is not None and (ready := held.rest()):
            await self._send(ready, attempt, call)

    async def _send(self, events: bytes, attempt: Attempt, call: Call) -> None:
        """Once the first bytes have left there is no way back."""
        if not call.trail.has_answered:
            call.trail.served_by = attempt.deployment
            call.trail.has_answered = True
            await call.exchange.start_stream(call.head(attempt))
        await call.exchange.send(events)
        if call.trail.delivered is not None:
            call.trail.delivered.add(events)

    def _test(self, attempt: Attempt, call: Call, tested: Check, answer: Answer, is_whole: bool) -> None:
        """Write down what comes of the test. Raises FailedCheckError."""
        wanted = tested.wanted if is_whole else replace(tested.wanted, **_OF_A_WHOLE)
        failures: list[str] = [
            each.code for each in check(answer, call.request, call.signals, wanted) if not each.is_weak
        ]
        score = None
        if not failures and tested.min_score is not None:
            score = self._classifier.judge(answer, call.request, call.signals, call.caller).small_ok
            failures = ["low_score"] if score < tested.min_score else []
        codes = tuple(failures)
        attempt.checked = CheckResult(passed=not codes, failures=codes, score=score, is_whole=is_whole)
        if codes:
            raise FailedCheckError(
                f"deployment {attempt.deployment.name!r} gave an answer that failed its check: {', '.join(codes)}"
            )


class _Held:
    """The events of a stream that wait for its test. `test` takes the answer, and whether it is whole."""

    __slots__ = ("_events", "_is_decided", "_most_bytes", "_test")

    def __init__(self, most_bytes: int, test: Callable[[Answer, bool], None]) -> None:
        self._most_bytes = most_bytes
        self._test = test
        self._events = bytearray()
        self._is_decided = False

    def ready(self, events: bytes) -> bytes:
        """What may be passed on now that these events have come. Raises FailedCheckError."""
        if self._is_decided:
            return events
        self._events += events
        return self._decided(is_whole=False) if len(self._events) >= self._most_bytes else b""

    def rest(self) -> bytes:
        """What may be passed on at the end. Raises FailedCheckError."""
        return b"" if self._is_decided else self._decided(is_whole=True)

    def _decided(self, *, is_whole: bool) -> bytes:
        events = bytes(self._events)
        self._test(streamed_answer(events), is_whole)
        self._is_decided = True
        self._events.clear()
        return events


def _too_slow(deployment: Deployment, awaited: str, limit_s: float) -> UpstreamTimeoutError:
    return UpstreamTimeoutError(f"deployment {deployment.name!r} sent no {awaited} within {limit_s:g} s")


def _said_tokens(answer: Answer) -> int:
    """About how many tokens the model wrote."""
    calls = [part for call in answer.tool_calls for part in (call.name, call.arguments)]
    return estimated_tokens("".join((answer.text, answer.refusal, *calls)))


def _estimated(signals: Signals, output_tokens: int) -> Usage:
    return Usage(input_tokens=signals.tokens, output_tokens=output_tokens, estimated=True)
