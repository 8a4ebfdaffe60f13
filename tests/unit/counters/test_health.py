import pytest

from gateway.counters.health import LATENCY_KEPT_S, MemoryHealthBoard
from gateway.domain.cooldown import FAILURES_TO_REST, REST_S, WINDOW_S
from gateway.domain.errors import ContentFilterError, UpstreamRateLimitError, UpstreamUnavailableError

_DOWN = UpstreamUnavailableError("down", status=503)


def test_nothing_is_at_rest_to_begin_with() -> None:
    assert MemoryHealthBoard().fleet(0.0).cooling == {}


def test_a_resting_deployment_is_told_with_the_seconds_it_has_left() -> None:
    board = MemoryHealthBoard()

    board.failed("a", UpstreamRateLimitError("slow down", retry_after_s=30.0), 100.0)

    assert board.fleet(110.0).cooling == {"a": pytest.approx(20.0)}


def test_a_rest_ends_by_itself() -> None:
    board = MemoryHealthBoard()
    board.failed("a", UpstreamRateLimitError("slow down", retry_after_s=30.0), 100.0)

    assert board.fleet(130.0).cooling == {}


def test_failures_in_a_row_rest_a_deployment_and_only_that_one() -> None:
    board = MemoryHealthBoard()
    for _ in range(FAILURES_TO_REST):
        board.failed("a", _DOWN, 100.0)
    board.failed("b", _DOWN, 100.0)

    assert board.fleet(100.0).cooling == {"a": pytest.approx(REST_S)}


def test_a_success_between_failures_starts_the_count_again() -> None:
    board = MemoryHealthBoard()
    for _ in range(FAILURES_TO_REST - 1):
        board.failed("a", _DOWN, 100.0)
    board.succeeded("a", None, 100.0)
    board.failed("a", _DOWN, 100.0)

    assert board.fleet(100.0).cooling == {}


def test_a_success_ends_a_rest() -> None:
    board = MemoryHealthBoard()
    board.failed("a", UpstreamRateLimitError("slow down", retry_after_s=30.0), 100.0)

    board.succeeded("a", None, 100.0)

    assert board.fleet(101.0).cooling == {}


def test_what_the_request_brought_about_is_not_kept() -> None:
    board = MemoryHealthBoard()

    board.failed("a", ContentFilterError("filtered"), 100.0)

    assert board._health == {}


def test_a_healthy_fleet_costs_nothing() -> None:
    board = MemoryHealthBoard()
    board.failed("a", _DOWN, 100.0)

    board.succeeded("a", None, 100.0 + WINDOW_S)
    board.succeeded("never failed", None, 100.0)

    assert board._health == {}


def test_latency_is_a_moving_average_of_the_calls_that_answered() -> None:
    board = MemoryHealthBoard()
    board.succeeded("a", 100.0, 100.0)
    board.succeeded("a", 200.0, 100.0)
    board.succeeded("b", None, 100.0)

    assert board.fleet(0.0).latency_ms == {"a": pytest.approx(120.0)}


def test_a_fleet_that_was_handed_out_does_not_change_under_its_decision() -> None:
    board = MemoryHealthBoard()
    board.succeeded("a", 100.0, 100.0)
    fleet = board.fleet(0.0)

    board.succeeded("a", 900.0, 100.0)

    assert fleet.latency_ms == {"a": 100.0}


def _after_a_rest() -> MemoryHealthBoard:
    """The rest of "a" has just ended, at 110 s."""
    board = MemoryHealthBoard()
    for _ in range(FAILURES_TO_REST):
        board.failed("a", _DOWN, 100.0)
    return board


def test_of_a_thousand_calls_after_a_rest_exactly_one_may_begin() -> None:
    board = _after_a_rest()

    begun = [board.enter("a", 100.0 + REST_S) for _ in range(1_000)]

    assert begun.count(True) == 1
    assert board.fleet(100.0 + REST_S).cooling["a"] > 0.0


def test_a_deployment_that_is_well_may_always_be_called() -> None:
    board = _after_a_rest()

    assert board.enter("b", 100.0)
    assert not board.enter("a", 100.0)


def test_a_stream_that_begins_lets_the_others_in() -> None:
    board = _after_a_rest()
    board.enter("a", 100.0 + REST_S)

    board.answers("a")

    assert board.enter("a", 100.0 + REST_S)


def test_a_client_that_left_during_the_trial_makes_room_for_another() -> None:
    board = _after_a_rest()
    board.enter("a", 100.0 + REST_S)

    board.left("a")

    assert board.enter("a", 100.0 + REST_S)


def test_a_latency_that_nobody_measured_for_long_is_forgotten() -> None:
    board = MemoryHealthBoard()
    board.succeeded("slow", 900.0, 0.0)
    board.succeeded("fast", 90.0, 200.0)

    assert set(board.fleet(LATENCY_KEPT_S - 1.0).latency_ms) == {"slow", "fast"}
    assert set(board.fleet(LATENCY_KEPT_S).latency_ms) == {"fast"}
    assert set(board.fleet(LATENCY_KEPT_S + 200.0).latency_ms) == set()
