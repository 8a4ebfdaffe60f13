from gateway.domain.errors import UpstreamUnavailableError
from gateway.trail import Delivered, Trail
from tests.builders import a_deployment


def test_an_attempt_is_written_down_once() -> None:
    trail = Trail(1.0)
    attempt = trail.begin(a_deployment("small-a"), 2.0)

    first = trail.close(attempt, "ok", 3.0)
    second = trail.close(attempt, "cancelled", 4.0)

    assert first is second
    assert trail.attempts == [first]


def test_attempts_are_numbered_from_one_and_timed_from_the_arrival() -> None:
    trail = Trail(1.0)
    down = UpstreamUnavailableError("down", status=503)

    for started_s in (2.0, 3.0):
        trail.close(trail.begin(a_deployment("small-a"), started_s), "failed", started_s + 0.5, down)

    assert [(each.number, each.started_ms, each.ended_ms) for each in trail.attempts] == [
        (1, 1_000.0, 1_500.0),
        (2, 2_000.0, 2_500.0),
    ]


def test_what_is_delivered_beyond_the_bound_is_not_collected_and_it_is_told() -> None:
    delivered = Delivered(10)

    for part in (b"12345", b"67890", b"x", b""):
        delivered.add(part)

    assert (delivered.data, delivered.is_cut) == (b"1234567890", True)


def test_what_is_delivered_within_the_bound_is_whole() -> None:
    delivered = Delivered(10)

    delivered.add(b"123")
    delivered.add(b"456")

    assert (delivered.data, delivered.is_cut) == (b"123456", False)
