import pytest

from gateway.counters.memory import MemoryHealthBoard, OpenAdmission
from gateway.domain.cooldown import FAILURES_TO_REST, REST_S
from gateway.domain.errors import ContentFilterError, UpstreamRateLimitError, UpstreamUnavailableError
from gateway.domain.request import Caller
from tests.builders import a_request

_DOWN = UpstreamUnavailableError("down", status=503)


def test_nothing_is_at_rest_to_begin_with() -> None:
    assert MemoryHealthBoard().cooling(0.0) == {}


def test_a_resting_deployment_is_told_with_the_seconds_it_has_left() -> None:
    board = MemoryHealthBoard()

    board.failed("a", UpstreamRateLimitError("slow down", retry_after_s=30.0), 100.0)

    assert board.cooling(110.0) == {"a": pytest.approx(20.0)}


def test_a_rest_ends_by_itself() -> None:
    board = MemoryHealthBoard()
    board.failed("a", UpstreamRateLimitError("slow down", retry_after_s=30.0), 100.0)

    assert board.cooling(130.0) == {}


def test_failures_in_a_row_rest_a_deployment_and_only_that_one() -> None:
    board = MemoryHealthBoard()
    for _ in range(FAILURES_TO_REST):
        board.failed("a", _DOWN, 100.0)
    board.failed("b", _DOWN, 100.0)

    assert board.cooling(100.0) == {"a": pytest.approx(REST_S)}


def test_a_success_between_failures_starts_the_count_again() -> None:
    board = MemoryHealthBoard()
    for _ in range(FAILURES_TO_REST - 1):
        board.failed("a", _DOWN, 100.0)
    board.succeeded("a")
    board.failed("a", _DOWN, 100.0)

    assert board.cooling(100.0) == {}


def test_a_success_ends_a_rest() -> None:
    board = MemoryHealthBoard()
    board.failed("a", UpstreamRateLimitError("slow down", retry_after_s=30.0), 100.0)

    board.succeeded("a")

    assert board.cooling(101.0) == {}


def test_what_the_request_brought_about_is_not_kept() -> None:
    board = MemoryHealthBoard()

    board.failed("a", ContentFilterError("filtered"), 100.0)

    assert board._health == {}


def test_a_healthy_fleet_costs_nothing() -> None:
    board = MemoryHealthBoard()
    board.failed("a", _DOWN, 100.0)

    board.succeeded("a")
    board.succeeded("never failed")

    assert board._health == {}


def test_everyone_is_admitted() -> None:
    admission = OpenAdmission()

    for _ in range(3):
        admission.admit(Caller(key_id="anyone"), a_request())  # raises GatewayError for one it does not admit

    assert vars(admission) == {}
