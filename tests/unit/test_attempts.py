import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from gateway.attempts import Attempts, Call, Trail
from gateway.deadlines import TICK_S, Deadlines
from gateway.domain.decision import Decision
from gateway.domain.errors import (
    AttemptsExhaustedError,
    ContentFilterError,
    ContextOverflowError,
    GatewayError,
    NoDeploymentError,
    UpstreamConnectError,
    UpstreamCredentialsError,
    UpstreamError,
    UpstreamInterruptedError,
    UpstreamInvalidAnswerError,
    UpstreamMissingModelError,
    UpstreamQuotaError,
    UpstreamRateLimitError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from gateway.domain.policy import Timeouts
from gateway.domain.pricing import Usage
from gateway.domain.record import AttemptRecord
from gateway.domain.request import ChatRequest
from gateway.domain.signals import measure
from tests.builders import a_decision, a_deployment, a_request, a_route
from tests.fakes import Answers, FakeExchange, FakeHealthBoard, FakeProvider, FakeStream, Fails, Outcome, Streams
from tests.virtual_time import LoopClock, run

_SMALL = a_deployment("small-a")
_LARGE = a_deployment("large-a", tier="large")
_PLAN = (_SMALL, _LARGE)
_USAGE = Usage(input_tokens=12, output_tokens=30)
_COST = 12 * 150 + 30 * 600
_TIMEOUTS = Timeouts(first_token_s=2.0, idle_s=3.0, total_s=60.0)
_FOR_EVER_S = 1e6
_DOWN = UpstreamUnavailableError("down", status=503)
_STREAMED = a_request(stream=True)


@dataclass(kw_only=True)
class Walk:
    """What one walk left behind."""

    trail: Trail
    provider: FakeProvider
    exchange: FakeExchange
    health: FakeHealthBoard
    error: BaseException | None

    @property
    def attempts(self) -> list[AttemptRecord]:
        return self.trail.attempts

    @property
    def outcomes(self) -> list[str]:
        return [attempt.outcome for attempt in self.trail.attempts]

    @property
    def stream(self) -> FakeStream:
        return self.provider.streams[-1]


def _walk(
    *outcomes: Outcome,
    request: ChatRequest | None = None,
    decision: Decision | None = None,
    takes_s: float = 0.0,
    cancel_at_s: float | None = None,
    send_error: BaseException | None = None,
) -> Walk:
    """Walk a plan of `small-a`, then `large-a`, whose calls have these outcomes in order."""
    request = request or a_request()
    decision = decision or _decision()
    walk = Walk(
        trail=Trail(0.0),
        provider=FakeProvider(*outcomes),
        exchange=FakeExchange(request=request, takes_s=takes_s, send_error=send_error),
        health=FakeHealthBoard(),
        error=None,
    )
    attempts = Attempts(
        provider_of=lambda _: walk.provider, health=walk.health, clock=LoopClock(), deadlines=Deadlines()
    )
    call = Call(
        decision=decision, request=request, signals=measure(request), exchange=walk.exchange, trail=walk.trail
    )

    async def main() -> None:
        task = asyncio.create_task(attempts.walk(call))
        if cancel_at_s is not None:
            asyncio.get_running_loop().call_later(cancel_at_s, task.cancel)
        await asyncio.wait([task])
        walk.error = asyncio.CancelledError() if task.cancelled() else task.exception()

    run(main())
    return walk


def _decision(*, retries: int = 0) -> Decision:
    route = a_route("small-first", *_PLAN, retries=retries, timeouts=_TIMEOUTS)
    return a_decision(*_PLAN, route=route)


def test_the_first_deployment_that_answers_is_the_only_one_called() -> None:
    walk = _walk(Answers(body=b"{}", usage=_USAGE))

    assert walk.error is None
    assert walk.provider.called == ["small-a"]
    assert walk.exchange.sent == [b"{}"]
    assert walk.trail.served_by == _SMALL
    assert walk.outcomes == ["ok"]


def test_deployments_are_tried_in_the_order_of_the_plan() -> None:
    walk = _walk(Fails(error=_DOWN), Answers())

    assert walk.provider.called == ["small-a", "large-a"]
    assert walk.outcomes == ["failed", "ok"]
    assert walk.trail.served_by == _LARGE


@pytest.mark.parametrize(
    "kind",
    [
        ContentFilterError,
        ContextOverflowError,
        UpstreamConnectError,
        UpstreamCredentialsError,
        UpstreamInterruptedError,
        UpstreamInvalidAnswerError,
        UpstreamMissingModelError,
        UpstreamQuotaError,
        UpstreamRateLimitError,
        UpstreamTimeoutError,
        UpstreamUnavailableError,
    ],
)
@pytest.mark.parametrize("request_", [a_request(), _STREAMED], ids=["whole", "streamed"])
def test_what_another_deployment_may_do_better_falls_back(kind: type[UpstreamError], request_: ChatRequest) -> None:
    answer = Streams() if request_.stream else Answers()

    walk = _walk(Fails(error=kind("failed")), answer, request=request_)

    assert walk.error is None
    assert walk.provider.called == ["small-a", "large-a"]
    assert walk.attempts[0].error_code == kind.code


def test_a_rejected_request_is_not_tried_elsewhere() -> None:
    rejection = UpstreamRejectedError("malformed", status=400)

    walk = _walk(Fails(error=rejection), decision=_decision(retries=2))

    assert walk.error is rejection
    assert walk.provider.called == ["small-a"]


def test_when_every_deployment_fails_the_error_holds_all_of_theirs() -> None:
    errors = (_DOWN, UpstreamTimeoutError("slow"))

    walk = _walk(*(Fails(error=error) for error in errors))

    assert isinstance(walk.error, AttemptsExhaustedError)
    assert walk.error.errors == errors
    assert walk.exchange.heads == []


def test_an_empty_plan_is_refused_with_the_reasons_and_nothing_is_called() -> None:
    empty = a_decision(excluded={"small-a": "constraint 'stays home'"})
    empty = a_decision(plan=(), excluded=empty.excluded)

    walk = _walk(decision=empty)

    assert isinstance(walk.error, NoDeploymentError)
    assert "small-a: constraint 'stays home'" in str(walk.error)
    assert walk.provider.called == []


def test_a_retryable_error_is_retried_on_the_same_deployment_before_the_next() -> None:
    walk = _walk(Fails(error=_DOWN), Fails(error=_DOWN), Answers(), decision=_decision(retries=1))

    assert walk.provider.called == ["small-a", "small-a", "large-a"]
    assert [attempt.number for attempt in walk.attempts] == [1, 2, 3]


def test_an_error_that_is_not_retryable_goes_to_the_next_at_once() -> None:
    walk = _walk(Fails(error=UpstreamTimeoutError("slow")), Answers(), decision=_decision(retries=3))

    assert walk.provider.called == ["small-a", "large-a"]


def test_there_are_no_more_calls_than_deployments_times_one_and_the_retries() -> None:
    walk = _walk(*[Fails(error=_DOWN)] * 6, decision=_decision(retries=2))

    assert walk.provider.called == ["small-a"] * 3 + ["large-a"] * 3
    assert isinstance(walk.error, AttemptsExhaustedError)


def test_each_attempt_tells_the_health_board_once() -> None:
    walk = _walk(Fails(error=_DOWN), Answers())

    assert walk.health.told == [("small-a", "upstream_unavailable"), ("large-a", None)]


def test_an_attempts_times_are_milliseconds_since_the_arrival() -> None:
    walk = _walk(Fails(error=_DOWN, after_s=0.5), Streams(steps=(1.0, b"a", 2.0, b"b")), request=_STREAMED)

    failed, answered = walk.attempts
    assert (failed.started_ms, failed.first_byte_ms, failed.ended_ms) == (0.0, None, 500.0)
    assert (answered.started_ms, answered.first_byte_ms, answered.ended_ms) == (500.0, 1500.0, 3500.0)


def test_a_whole_answer_is_priced_from_the_usage_it_reports() -> None:
    walk = _walk(Answers(usage=_USAGE))

    (attempt,) = walk.attempts
    assert (attempt.usage, attempt.cost_nano_usd, attempt.unpriced, attempt.status) == (_USAGE, _COST, None, 200)
    assert walk.exchange.heads[0].cost_nano_usd == _COST


def test_the_head_says_who_answers_and_after_how_many_attempts() -> None:
    walk = _walk(Fails(error=_DOWN), Answers(usage=_USAGE))

    (head,) = walk.exchange.heads
    assert (head.deployment, head.attempts) == (_LARGE, 2)
    assert head.decision is not None


def test_a_whole_answer_without_usage_is_estimated_and_says_so() -> None:
    walk = _walk(Answers(body=b"x" * 400, usage=None))

    usage = walk.attempts[0].usage
    assert usage == Usage(input_tokens=measure(a_request()).tokens, output_tokens=100, estimated=True)
    assert walk.attempts[0].cost_nano_usd is not None


def test_a_stream_without_usage_is_estimated_by_its_events() -> None:
    walk = _walk(Streams(steps=(b"a", b"b", b"c"), usage=None), request=_STREAMED)

    usage = walk.attempts[0].usage
    assert usage == Usage(input_tokens=measure(_STREAMED).tokens, output_tokens=3, estimated=True)


@pytest.mark.parametrize(
    ("unpriced", "why"), [("no token prices in the map", "no token prices in the map"), (None, "has no price")]
)
def test_an_unknown_price_is_unpriced_with_the_reason_never_zero(unpriced: str | None, why: str) -> None:
    deployment = a_deployment("free-a", price=None, unpriced=unpriced)

    walk = _walk(Answers(usage=_USAGE), decision=a_decision(deployment))

    (attempt,) = walk.attempts
    assert attempt.cost_nano_usd is None
    assert why in (attempt.unpriced or "")


@pytest.mark.parametrize("error", [_DOWN, UpstreamConnectError("refused")])
def test_an_upstream_that_answered_with_an_error_or_was_never_reached_bills_nothing(error: UpstreamError) -> None:
    walk = _walk(Fails(error=error), Answers())

    assert (walk.attempts[0].cost_nano_usd, walk.attempts[0].unpriced) == (0, None)
    assert walk.attempts[0].status == error.status


@pytest.mark.parametrize("error", [UpstreamTimeoutError("slow"), UpstreamInterruptedError("broke off")])
def test_a_call_that_may_have_generated_something_is_unpriced(error: UpstreamError) -> None:
    walk = _walk(Fails(error=error), Answers())

    assert walk.attempts[0].cost_nano_usd is None
    assert walk.attempts[0].unpriced == "the call ended before its usage was known"


def test_a_stream_is_passed_on_byte_for_byte_and_closed() -> None:
    walk = _walk(Streams(steps=(b"data: a\n\n", b"data: b\n\n"), usage=_USAGE), request=_STREAMED)

    assert walk.exchange.sent == [b"data: a\n\n", b"data: b\n\n"]
    assert walk.exchange.ended == [None]
    assert walk.stream.closings == 1
    assert (walk.outcomes, walk.attempts[0].cost_nano_usd) == (["ok"], _COST)


def test_a_streams_head_leaves_before_its_cost_is_known() -> None:
    walk = _walk(Streams(usage=_USAGE), request=_STREAMED)

    assert [head.cost_nano_usd for head in walk.exchange.heads] == [None]


def test_a_stream_that_breaks_before_its_first_event_falls_back_and_is_closed() -> None:
    walk = _walk(Streams(steps=(UpstreamInterruptedError("broke off"),)), Streams(), request=_STREAMED)

    assert walk.error is None
    assert walk.provider.called == ["small-a", "large-a"]
    assert walk.outcomes == ["failed", "ok"]
    assert [stream.closings for stream in walk.provider.streams] == [1, 1]


def test_no_fallback_after_the_first_chunk_has_left() -> None:
    broken = UpstreamInterruptedError("broke off")

    walk = _walk(Streams(steps=(b"a", broken)), request=_STREAMED, decision=_decision(retries=2))

    assert walk.error is broken
    assert walk.provider.called == ["small-a"]
    assert walk.exchange.sent == [b"a"]
    assert walk.outcomes == ["interrupted"]
    assert walk.stream.closings == 1


def test_an_interrupted_stream_is_billed_for_the_tokens_that_came() -> None:
    walk = _walk(Streams(steps=(b"a", b"b", UpstreamInterruptedError("broke off"))), request=_STREAMED)

    (attempt,) = walk.attempts
    assert attempt.usage is not None
    assert (attempt.usage.output_tokens, attempt.usage.estimated) == (2, True)
    assert attempt.cost_nano_usd == attempt.usage.input_tokens * 150 + 2 * 600
    assert (attempt.status, attempt.error_code) == (200, "upstream_interrupted")


@pytest.mark.parametrize("first", [Streams(after_s=_FOR_EVER_S), Streams(steps=(_FOR_EVER_S,))], ids=["call", "event"])
def test_a_first_token_that_does_not_come_in_time_falls_back(first: Streams) -> None:
    walk = _walk(first, Streams(), request=_STREAMED)

    slow, answered = walk.attempts
    assert walk.error is None
    assert (slow.outcome, slow.error_code) == ("failed", "upstream_timeout")
    assert slow.ended_ms == pytest.approx(2_000, abs=TICK_S * 1e3)
    assert answered.outcome == "ok"
    assert all(stream.closings == 1 for stream in walk.provider.streams)


def test_silence_within_a_stream_interrupts_it() -> None:
    walk = _walk(Streams(steps=(b"a", _FOR_EVER_S)), request=_STREAMED)

    assert isinstance(walk.error, UpstreamTimeoutError)
    assert "no next event within 3 s" in str(walk.error)
    assert walk.outcomes == ["interrupted"]
    assert walk.attempts[0].ended_ms == pytest.approx(3_000, abs=TICK_S * 1e3)
    assert walk.stream.closings == 1


def test_a_stream_may_go_on_for_long_as_long_as_its_events_keep_coming() -> None:
    walk = _walk(Streams(steps=(b"a", 2.5) * 10), request=_STREAMED)

    assert walk.error is None
    assert walk.outcomes == ["ok"]


def test_a_slow_client_does_not_trip_the_idle_deadline() -> None:
    walk = _walk(Streams(steps=(b"a", 1.0, b"b", 1.0, b"c")), request=_STREAMED, takes_s=10.0)

    assert walk.error is None
    assert walk.exchange.sent == [b"a", b"b", b"c"]
    assert walk.outcomes == ["ok"]


def test_a_stream_that_never_ends_is_ended_at_its_total() -> None:
    walk = _walk(Streams(steps=(b"a", 2.0) * 1_000), request=_STREAMED)

    assert isinstance(walk.error, UpstreamTimeoutError)
    assert walk.outcomes == ["interrupted"]
    assert walk.attempts[0].ended_ms == pytest.approx(60_000, abs=TICK_S * 1e3)


def test_a_whole_answer_that_does_not_come_in_time_falls_back() -> None:
    walk = _walk(Answers(after_s=_FOR_EVER_S), Answers())

    assert walk.outcomes == ["failed", "ok"]
    assert walk.attempts[0].ended_ms == pytest.approx(60_000, abs=TICK_S * 1e3)
    assert walk.attempts[0].error_code == "upstream_timeout"


@pytest.mark.parametrize(
    ("script", "output_tokens"),
    [(Streams(steps=(b"a", b"b", 2.0)), 2), (Streams(steps=(b"a", b"b", 2.0), usage=_USAGE), 30)],
    ids=["estimated", "reported"],
)
def test_a_cancelled_stream_is_closed_and_billed_for_the_tokens_streamed_so_far(
    script: Streams, output_tokens: int
) -> None:
    walk = _walk(script, request=_STREAMED, cancel_at_s=1.0)

    (attempt,) = walk.attempts
    assert isinstance(walk.error, asyncio.CancelledError)
    assert walk.stream.closings == 1
    assert (attempt.outcome, attempt.error_code) == ("cancelled", None)
    assert attempt.usage is not None
    assert attempt.usage.output_tokens == output_tokens
    assert attempt.cost_nano_usd is not None
    assert attempt.ended_ms == 1_000.0


@pytest.mark.parametrize("outcome", [Streams(after_s=5.0), Streams(steps=(1.5, b"a"))], ids=["call", "event"])
def test_a_stream_cancelled_before_its_first_event_is_unpriced(outcome: Streams) -> None:
    walk = _walk(outcome, request=_STREAMED, cancel_at_s=1.0)

    assert isinstance(walk.error, asyncio.CancelledError)
    assert walk.outcomes == ["cancelled"]
    assert walk.attempts[0].cost_nano_usd is None
    assert all(stream.closings == 1 for stream in walk.provider.streams)


def test_a_cancelled_call_is_one_cancelled_attempt_and_falls_back_to_nobody() -> None:
    walk = _walk(Answers(after_s=5.0), cancel_at_s=1.0)

    assert isinstance(walk.error, asyncio.CancelledError)
    assert walk.outcomes == ["cancelled"]
    assert walk.provider.called == ["small-a"]
    assert walk.health.told == []


@pytest.mark.parametrize("request_", [a_request(), _STREAMED], ids=["whole", "streamed"])
def test_a_client_that_leaves_while_the_last_of_its_answer_is_sent_does_not_undo_the_attempt(
    request_: ChatRequest,
) -> None:
    answer = Streams(steps=(b"a",), usage=_USAGE) if request_.stream else Answers(usage=_USAGE)

    walk = _walk(answer, request=request_, takes_s=4.0, cancel_at_s=6.0 if request_.stream else 2.0)

    assert isinstance(walk.error, asyncio.CancelledError)
    assert (walk.outcomes, walk.attempts[0].cost_nano_usd) == (["ok"], _COST)


@pytest.mark.parametrize(
    "outcomes",
    [
        (Fails(error=_DOWN), Fails(error=_DOWN), Streams()),
        (Streams(steps=(UpstreamInterruptedError("a"),)), Streams(steps=(9.0,)), Streams(steps=(b"a", _DOWN))),
        (Streams(after_s=9.0), Fails(error=ContextOverflowError("long")), Streams()),
    ],
)
def test_each_call_leaves_exactly_one_attempt(outcomes: tuple[Outcome, ...]) -> None:
    walk = _walk(*outcomes, request=_STREAMED, decision=_decision(retries=1))

    assert [attempt.deployment for attempt in walk.attempts] == walk.provider.called
    assert [attempt.number for attempt in walk.attempts] == list(range(1, len(walk.attempts) + 1))


@pytest.mark.xfail(
    strict=True, reason="attempts.py:137: _try closes an attempt only for UpstreamError and CancelledError; cost is 0"
)
@pytest.mark.parametrize(
    ("outcome", "send_error"),
    [(Fails(error=ValueError("a bug in the provider")), None), (Answers(), None), (Streams(), OSError("a bug"))],
)
def test_a_bug_while_calling_leaves_an_attempt_too(outcome: Outcome, send_error: Exception | None) -> None:
    walk = _walk(outcome, request=_STREAMED, send_error=send_error)

    assert isinstance(walk.error, ValueError | AssertionError | OSError)
    assert [attempt.deployment for attempt in walk.attempts] == walk.provider.called


@pytest.mark.xfail(strict=True, reason="attempts.py:165: with no event sent, end_stream ends what never started")
def test_a_stream_without_a_single_event_is_no_answer() -> None:
    walk = _walk(Streams(steps=()), Streams(), request=_STREAMED)

    assert walk.error is None
    assert walk.outcomes == ["failed", "ok"]


@pytest.mark.xfail(strict=True, reason="attempts.py:157: a client over total_s counts against the deployment's health")
def test_a_client_that_takes_longer_than_the_total_is_no_fault_of_the_deployment() -> None:
    walk = _walk(Streams(steps=(b"a", b"b")), request=_STREAMED, takes_s=_FOR_EVER_S)

    assert isinstance(walk.error, GatewayError)
    assert walk.health.told == []


@pytest.mark.xfail(strict=True, reason="attempts.py:158: past total_s the message names idle_s or first_token_s")
@pytest.mark.parametrize(
    ("timeouts", "steps"),
    [
        (Timeouts(first_token_s=30.0, idle_s=3.0, total_s=60.0), (b"a", 2.0) * 1_000),
        (Timeouts(first_token_s=30.0, idle_s=3.0, total_s=5.0), (_FOR_EVER_S,)),
    ],
)
def test_the_message_of_a_timeout_names_the_limit_that_was_passed(
    timeouts: Timeouts, steps: tuple[bytes | float, ...]
) -> None:
    decision = a_decision(_SMALL, route=a_route("r", _SMALL, timeouts=timeouts))

    walk = _walk(Streams(steps=steps), request=_STREAMED, decision=decision)

    error = walk.error.errors[0] if isinstance(walk.error, AttemptsExhaustedError) else walk.error
    assert f"within {timeouts.total_s:g} s" in str(error)


def test_a_provider_is_chosen_by_the_deployments_provider_name() -> None:
    asked: list[str] = []
    plan = (a_deployment("a", provider="openai"), a_deployment("b", provider="azure"))

    def provider_of(name: str) -> FakeProvider:
        asked.append(name)
        return FakeProvider(Fails(error=_DOWN))

    walking: Callable[[], None] = lambda: run(_exhaust(provider_of, a_decision(*plan)))  # noqa: E731

    with pytest.raises(AttemptsExhaustedError):
        walking()

    assert asked == ["openai", "azure"]


async def _exhaust(provider_of: Callable[[str], FakeProvider], decision: Decision) -> None:
    request = a_request()
    attempts = Attempts(
        provider_of=provider_of, health=FakeHealthBoard(), clock=LoopClock(), deadlines=Deadlines()
    )
    call = Call(
        decision=decision,
        request=request,
        signals=measure(request),
        exchange=FakeExchange(),
        trail=Trail(0.0),
    )
    await attempts.walk(call)
