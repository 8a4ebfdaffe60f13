import pytest

from gateway.counters.memory import MemoryHealthBoard, MemorySessions, OpenAdmission
from gateway.domain.cooldown import FAILURES_TO_REST, REST_S
from gateway.domain.errors import ContentFilterError, UpstreamRateLimitError, UpstreamUnavailableError
from gateway.domain.request import Caller
from tests.builders import a_request, a_session

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
    board.succeeded("a", None)
    board.failed("a", _DOWN, 100.0)

    assert board.fleet(100.0).cooling == {}


def test_a_success_ends_a_rest() -> None:
    board = MemoryHealthBoard()
    board.failed("a", UpstreamRateLimitError("slow down", retry_after_s=30.0), 100.0)

    board.succeeded("a", None)

    assert board.fleet(101.0).cooling == {}


def test_what_the_request_brought_about_is_not_kept() -> None:
    board = MemoryHealthBoard()

    board.failed("a", ContentFilterError("filtered"), 100.0)

    assert board._health == {}


def test_a_healthy_fleet_costs_nothing() -> None:
    board = MemoryHealthBoard()
    board.failed("a", _DOWN, 100.0)

    board.succeeded("a", None)
    board.succeeded("never failed", None)

    assert board._health == {}


def test_everyone_is_admitted() -> None:
    admission = OpenAdmission()

    for _ in range(3):
        admission.admit(Caller(key_id="anyone"), a_request())  # raises GatewayError for one it does not admit

    assert vars(admission) == {}


def test_latency_is_a_moving_average_of_the_calls_that_answered() -> None:
    board = MemoryHealthBoard()
    board.succeeded("a", 100.0)
    board.succeeded("a", 200.0)
    board.succeeded("b", None)

    assert board.fleet(0.0).latency_ms == {"a": pytest.approx(120.0)}


def test_a_session_is_found_as_it_was_last_kept() -> None:
    sessions = MemorySessions()
    sessions.keep("s", a_session("small-a"))
    sessions.keep("s", a_session("large-a"))

    assert sessions.find("s") == a_session("large-a")
    assert sessions.find("another") is None


def test_keeping_a_session_lifts_no_restriction_of_it() -> None:
    sessions = MemorySessions()
    sessions.restrict("s", ("personal",), 5.0)
    sessions.keep("s", a_session("large-a"))

    assert sessions.find("s") == a_session("large-a", sensitive=("personal",), sensitive_at_s=5.0)


def test_the_session_not_used_for_longest_is_forgotten_first() -> None:
    sessions = MemorySessions(most=2)
    for key in ("one", "two", "one", "three"):
        sessions.keep(key, a_session())

    assert [sessions.find(key) is not None for key in ("one", "two", "three")] == [True, False, True]


def test_a_fleet_that_was_handed_out_does_not_change_under_its_decision() -> None:
    board = MemoryHealthBoard()
    board.succeeded("a", 100.0)
    fleet = board.fleet(0.0)

    board.succeeded("a", 900.0)

    assert fleet.latency_ms == {"a": 100.0}


def test_no_number_of_other_sessions_lifts_a_restriction() -> None:
    sessions = MemorySessions(most=2)
    sessions.restrict("s", ("personal",), 5.0)
    for number in range(10):
        sessions.keep(f"other-{number}", a_session())

    kept = sessions.find("s")
    assert kept is not None
    assert kept.sensitive == ("personal",)


def test_a_session_that_is_looked_up_is_in_use() -> None:
    sessions = MemorySessions(most=2)
    for key in ("one", "two"):
        sessions.keep(key, a_session())

    sessions.find("one")
    sessions.keep("three", a_session())

    assert [sessions.find(key) is not None for key in ("one", "two", "three")] == [True, False, True]
