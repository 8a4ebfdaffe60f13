"""What holds for streamed answers, on top of test_attempts.py."""

import asyncio

import pytest

from gateway.deadlines import TICK_S
from gateway.domain.errors import (
    UpstreamInterruptedError,
    UpstreamTimeoutError,
)
from gateway.domain.policy import Timeouts
from gateway.domain.signals import measure
from gateway.domain.usage import Usage
from tests.builders import a_decision, a_route
from tests.fakes import Streams
from tests.unit.walks import COST, FOR_EVER_S, SMALL, STREAMED, USAGE, a_plan, walk_plan


def test_a_stream_without_usage_is_estimated_by_its_events() -> None:
    walk = walk_plan(Streams(steps=(b"a", b"b", b"c"), usage=None), request=STREAMED)

    usage = walk.attempts[0].usage
    assert usage == Usage(input_tokens=measure(STREAMED).tokens, output_tokens=3, estimated=True)


def test_a_stream_is_passed_on_byte_for_byte_and_closed() -> None:
    walk = walk_plan(Streams(steps=(b"data: a\n\n", b"data: b\n\n"), usage=USAGE), request=STREAMED)

    assert walk.exchange.sent == [b"data: a\n\n", b"data: b\n\n"]
    assert walk.exchange.ended == [None]
    assert walk.stream.closings == 1
    assert (walk.outcomes, walk.attempts[0].cost_nano_usd) == (["ok"], COST)


def test_a_streams_head_leaves_before_its_cost_is_known() -> None:
    walk = walk_plan(Streams(usage=USAGE), request=STREAMED)

    assert [head.cost_nano_usd for head in walk.exchange.heads] == [None]


def test_a_stream_that_breaks_before_its_first_event_falls_back_and_is_closed() -> None:
    walk = walk_plan(Streams(steps=(UpstreamInterruptedError("broke off"),)), Streams(), request=STREAMED)

    assert walk.error is None
    assert walk.provider.called == ["small-a", "large-a"]
    assert walk.outcomes == ["failed", "ok"]
    assert [stream.closings for stream in walk.provider.streams] == [1, 1]


def test_no_fallback_after_the_first_chunk_has_left() -> None:
    broken = UpstreamInterruptedError("broke off")

    walk = walk_plan(Streams(steps=(b"a", broken)), request=STREAMED, decision=a_plan(retries=2))

    assert walk.error is broken
    assert walk.provider.called == ["small-a"]
    assert walk.exchange.sent == [b"a"]
    assert walk.outcomes == ["interrupted"]
    assert walk.stream.closings == 1


def test_an_interrupted_stream_is_billed_for_the_tokens_that_came() -> None:
    walk = walk_plan(Streams(steps=(b"a", b"b", UpstreamInterruptedError("broke off"))), request=STREAMED)

    (attempt,) = walk.attempts
    assert attempt.usage is not None
    assert (attempt.usage.output_tokens, attempt.usage.estimated) == (2, True)
    assert attempt.cost_nano_usd == attempt.usage.input_tokens * 150 + 2 * 600
    assert (attempt.status, attempt.error_code) == (200, "upstream_interrupted")


@pytest.mark.parametrize("first", [Streams(after_s=FOR_EVER_S), Streams(steps=(FOR_EVER_S,))], ids=["call", "event"])
def test_a_first_token_that_does_not_come_in_time_falls_back(first: Streams) -> None:
    walk = walk_plan(first, Streams(), request=STREAMED)

    slow, answered = walk.attempts
    assert walk.error is None
    assert (slow.outcome, slow.error_code) == ("failed", "upstream_timeout")
    assert slow.ended_ms == pytest.approx(2_000, abs=TICK_S * 1e3)
    assert answered.outcome == "ok"
    assert all(stream.closings == 1 for stream in walk.provider.streams)


def test_silence_within_a_stream_interrupts_it() -> None:
    walk = walk_plan(Streams(steps=(b"a", FOR_EVER_S)), request=STREAMED)

    assert isinstance(walk.error, UpstreamTimeoutError)
    assert "no next content within 3 s" in str(walk.error)
    assert walk.outcomes == ["interrupted"]
    assert walk.attempts[0].ended_ms == pytest.approx(3_000, abs=TICK_S * 1e3)
    assert walk.stream.closings == 1


def test_a_stream_may_go_on_for_long_as_long_as_its_events_keep_coming() -> None:
    walk = walk_plan(Streams(steps=(b"a", 2.5) * 10), request=STREAMED)

    assert walk.error is None
    assert walk.outcomes == ["ok"]


def test_a_slow_client_does_not_trip_the_idle_deadline() -> None:
    walk = walk_plan(Streams(steps=(b"a", 1.0, b"b", 1.0, b"c")), request=STREAMED, takes_s=10.0)

    assert walk.error is None
    assert walk.exchange.sent == [b"a", b"b", b"c"]
    assert walk.outcomes == ["ok"]


def test_a_stream_that_never_ends_is_ended_at_its_total() -> None:
    walk = walk_plan(Streams(steps=(b"a", 2.0) * 1_000), request=STREAMED)

    assert isinstance(walk.error, UpstreamTimeoutError)
    assert walk.outcomes == ["interrupted"]
    assert walk.attempts[0].ended_ms == pytest.approx(60_000, abs=TICK_S * 1e3)


@pytest.mark.parametrize(
    ("script", "output_tokens"),
    [(Streams(steps=(b"a", b"b", 2.0)), 2), (Streams(steps=(b"a", b"b", 2.0), usage=USAGE), 30)],
    ids=["estimated", "reported"],
)
def test_a_cancelled_stream_is_closed_and_billed_for_the_tokens_streamed_so_far(
    script: Streams, output_tokens: int
) -> None:
    walk = walk_plan(script, request=STREAMED, cancel_at_s=1.0)

    (attempt,) = walk.attempts
    assert isinstance(walk.error, asyncio.CancelledError)
    assert walk.stream.closings == 1
    assert (attempt.outcome, attempt.error_code) == ("cancelled", None)
    assert attempt.usage is not None
    assert attempt.usage.output_tokens == output_tokens
    assert attempt.cost_nano_usd is not None
    assert attempt.ended_ms == pytest.approx(1_000.0)


@pytest.mark.parametrize("outcome", [Streams(after_s=5.0), Streams(steps=(1.5, b"a"))], ids=["call", "event"])
def test_a_stream_cancelled_before_its_first_event_is_unpriced(outcome: Streams) -> None:
    walk = walk_plan(outcome, request=STREAMED, cancel_at_s=1.0)

    assert isinstance(walk.error, asyncio.CancelledError)
    assert walk.outcomes == ["cancelled"]
    assert walk.attempts[0].cost_nano_usd is None
    assert all(stream.closings == 1 for stream in walk.provider.streams)


def test_a_stream_without_a_single_event_is_no_answer() -> None:
    walk = walk_plan(Streams(steps=()), Streams(), request=STREAMED)

    assert walk.error is None
    assert walk.outcomes == ["failed", "ok"]


def test_a_client_that_takes_longer_than_the_total_is_no_fault_of_the_deployment() -> None:
    walk = walk_plan(Streams(steps=(b"a", b"b")), request=STREAMED, takes_s=10_000.0)

    assert walk.error is None
    assert walk.outcomes == ["ok"]


@pytest.mark.parametrize(
    ("timeouts", "steps"),
    [
        (Timeouts(first_token_s=30.0, idle_s=3.0, total_s=60.0), (b"a", 2.0) * 1_000),
        (Timeouts(first_token_s=30.0, idle_s=3.0, total_s=5.0), (FOR_EVER_S,)),
    ],
)
def test_the_message_of_a_timeout_names_the_limit_that_was_passed(
    timeouts: Timeouts, steps: tuple[bytes | float, ...]
) -> None:
    decision = a_decision(SMALL, route=a_route("r", SMALL, timeouts=timeouts))

    walk = walk_plan(Streams(steps=steps), request=STREAMED, decision=decision)

    assert f"within {timeouts.total_s:g} s" in str(walk.error)
