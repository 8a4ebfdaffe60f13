"""What a route's check does to answers, whole and streamed; how a stream is timed."""

import json
from typing import Any

import pytest

from gateway.deadlines import TICK_S
from gateway.domain.answer import Checks
from gateway.domain.decision import Decision
from gateway.domain.errors import FailedCheckError, UpstreamTimeoutError
from gateway.domain.policy import Check, Timeouts
from gateway.trail import Delivered, Trail
from tests.builders import a_decision, a_request, a_route
from tests.fakes import Answers, Fails, Streams
from tests.unit.walks import COST, DOWN, LARGE, SMALL, STREAMED, USAGE, a_plan, walk_plan

NOT_EMPTY = Check(wanted=Checks(not_empty=True))
SCORED = Check(wanted=Checks(not_empty=True), min_score=0.6)
OTHER_SMALL = SMALL.__class__(name="small-b", tier="small", provider="openai", model="small-b")


def _answer(text: str, **choice: Any) -> Answers:
    body = {"choices": [{"index": 0, "message": {"content": text}, "finish_reason": "stop", **choice}]}
    return Answers(body=json.dumps(body).encode(), usage=USAGE)


def _stream(*texts: str, finish_reason: str = "stop") -> Streams:
    chunks: list[dict[str, Any]] = [{"choices": [{"index": 0, "delta": {"content": text}}]} for text in texts]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish_reason}]})
    events = (b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks)
    return Streams(steps=(*events, b"data: [DONE]\n\n"), usage=USAGE)


def _checked(check: Check, *, first: tuple[Any, ...] = (SMALL,), **changes: Any) -> Decision:
    timeouts = Timeouts(first_token_s=2.0, idle_s=3.0, total_s=60.0)
    route = a_route("checked", *first, then=(LARGE,), check=check, timeouts=timeouts, **changes)
    return a_decision(*first, LARGE, route=route)


@pytest.mark.parametrize("request_", [a_request(), STREAMED], ids=["whole", "streamed"])
def test_an_answer_that_passes_is_the_clients(request_: Any) -> None:
    answer = _stream("Pa", "ris") if request_.stream else _answer("Paris")

    walk = walk_plan(answer, request=request_, decision=_checked(NOT_EMPTY))

    assert walk.provider.called == ["small-a"]
    assert b"ris" in b"".join(walk.exchange.sent)
    check = walk.attempts[0].checked
    assert check is not None
    assert (check.passed, check.failures, check.is_whole) == (True, (), True)


@pytest.mark.parametrize("request_", [a_request(), STREAMED], ids=["whole", "streamed"])
def test_an_answer_that_fails_never_reaches_the_client_and_the_large_one_answers(request_: Any) -> None:
    bad, good = (_stream(" "), _stream("Paris")) if request_.stream else (_answer(" "), _answer("Paris"))

    walk = walk_plan(bad, good, request=request_, decision=_checked(NOT_EMPTY))

    small, large = walk.attempts
    assert walk.error is None
    assert (small.outcome, small.error_code) == ("failed", "failed_check")
    assert small.checked is not None
    assert small.checked.failures == ("empty",)
    assert (large.outcome, large.checked) == ("ok", None)
    assert b"Paris" in b"".join(walk.exchange.sent)
    assert len(walk.exchange.heads) == 1


def test_both_attempts_of_a_cascade_are_billed() -> None:
    walk = walk_plan(_answer(""), _answer("Paris"), decision=_checked(NOT_EMPTY))

    assert [attempt.cost_nano_usd for attempt in walk.attempts] == [COST, COST]
    assert walk.exchange.heads[0].cost_nano_usd == 2 * COST


def test_the_large_one_gets_the_original_request() -> None:
    walk = walk_plan(_answer(""), _answer("Paris"), decision=_checked(NOT_EMPTY))

    first, second = walk.provider.requests
    assert first is second


def test_there_is_one_escalation_and_the_large_answer_is_not_tested() -> None:
    walk = walk_plan(_answer(""), _answer(""), decision=_checked(NOT_EMPTY))

    assert walk.error is None
    assert walk.provider.called == ["small-a", "large-a"]


def test_an_answer_that_failed_its_check_is_not_asked_of_another_small_one() -> None:
    walk = walk_plan(_answer(""), _answer("Paris"), decision=_checked(NOT_EMPTY, first=(SMALL, OTHER_SMALL)))

    assert walk.provider.called == ["small-a", "large-a"]


def test_an_answer_that_failed_its_check_is_not_asked_again() -> None:
    walk = walk_plan(_answer(""), _answer("Paris"), decision=_checked(NOT_EMPTY, retries=3))

    assert walk.provider.called == ["small-a", "large-a"]


def test_a_failed_check_is_no_fault_of_the_deployments_health() -> None:
    walk = walk_plan(_answer(""), _answer("Paris"), decision=_checked(NOT_EMPTY))

    assert walk.health.told == [("small-a", "failed_check"), ("large-a", None)]
    assert not FailedCheckError.blames_deployment


def test_where_nobody_is_left_a_failed_check_is_the_error() -> None:
    walk = walk_plan(_answer(""), Fails(error=DOWN), decision=_checked(NOT_EMPTY))

    assert walk.exchange.sent == []
    assert walk.error is not None


@pytest.mark.parametrize(("score", "called"), [(0.7, ["small-a"]), (0.5, ["small-a", "large-a"])])
def test_the_classifier_is_asked_where_the_check_has_a_least_score(score: float, called: list[str]) -> None:
    answers = (_answer("Paris"), _answer("Paris"))[: len(called)]

    walk = walk_plan(*answers, decision=_checked(SCORED), answer_ok=score)

    check = walk.attempts[0].checked
    assert walk.provider.called == called
    assert check is not None
    assert check.score == score
    assert check.failures == (() if score > 0.6 else ("low_score",))


def test_the_classifier_is_not_asked_about_what_failed_already() -> None:
    walk = walk_plan(_answer(""), _answer("Paris"), decision=_checked(SCORED), answer_ok=0.9)

    check = walk.attempts[0].checked
    assert check is not None
    assert (check.failures, check.score) == (("empty",), None)


def test_a_stream_longer_than_the_buffer_is_tested_on_its_beginning_and_then_passed_on() -> None:
    check = Check(wanted=Checks(not_empty=True, complete=True), buffer_bytes=100)
    stream = _stream(*["word "] * 20, finish_reason="length")

    walk = walk_plan(stream, request=STREAMED, decision=_checked(check))

    result = walk.attempts[0].checked
    assert walk.error is None
    assert result is not None
    assert (result.passed, result.is_whole) == (True, False)
    assert b"".join(walk.exchange.sent) == b"".join(step for step in stream.steps if isinstance(step, bytes))


def test_nothing_leaves_before_the_test_is_decided() -> None:
    walk = walk_plan(
        Streams(steps=(*_stream("Pa").steps[:1], 2.0, *_stream("ris").steps), usage=USAGE),
        request=STREAMED,
        decision=_checked(NOT_EMPTY),
        cancel_at_s=1.0,
    )

    assert walk.exchange.heads == []
    assert walk.outcomes == ["cancelled"]
    assert walk.attempts[0].cost_nano_usd == COST


def test_a_stream_that_stalls_while_it_is_held_back_falls_back() -> None:
    held = Streams(steps=(*_stream("Pa").steps[:1], 1e4))

    walk = walk_plan(held, _stream("Paris"), request=STREAMED, decision=_checked(NOT_EMPTY))

    assert walk.error is None
    assert walk.outcomes == ["failed", "ok"]
    assert walk.attempts[0].error_code == "upstream_timeout"


def test_a_comment_that_keeps_the_connection_alive_does_not_move_the_content_deadline() -> None:
    comment = b": ping\n\n"
    steps: list[bytes | float | BaseException] = [1.0, comment]

    walk = walk_plan(Streams(steps=(b"data: a\n\n", *steps * 1_000)), request=STREAMED)

    assert isinstance(walk.error, UpstreamTimeoutError)
    assert walk.attempts[0].ended_ms == pytest.approx(3_000, abs=2 * TICK_S * 1e3)
    assert comment in walk.exchange.sent


def test_the_health_board_hears_of_a_streams_first_byte() -> None:
    walk = walk_plan(Streams(), request=STREAMED, decision=a_plan())

    assert walk.health.answering == ["small-a"]


@pytest.mark.parametrize("request_", [a_request(), STREAMED], ids=["whole", "streamed"])
def test_only_the_answer_that_was_delivered_is_collected(request_: Any) -> None:
    bad, good = (_stream(" "), _stream("Paris")) if request_.stream else (_answer(" "), _answer("Paris"))
    trail = Trail(0.0, 0.0)
    trail.delivered = Delivered(10_000)

    walk = walk_plan(bad, good, request=request_, decision=_checked(NOT_EMPTY), trail=trail)

    assert walk.provider.called == ["small-a", "large-a"]
    assert trail.delivered.data == b"".join(walk.exchange.sent)
    assert b"Paris" in trail.delivered.data
