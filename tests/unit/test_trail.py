from msgspec.structs import replace

from gateway.domain.errors import UpstreamUnavailableError
from gateway.domain.price_tiers import Hours, OffPeak, Tariff
from gateway.domain.pricing import price_version
from gateway.domain.record import AttemptRecord, CheckResult
from gateway.domain.usage import MoreUsage, Usage
from gateway.trail import Delivered, Trail
from tests.builders import a_deployment, a_price

_DOWN = UpstreamUnavailableError("down", status=503)
_MIDNIGHT = 1_790_035_200.0
_USAGE = Usage(input_tokens=10, output_tokens=20)


def _called(trail: Trail, name: str, *, failed_check: bool = False) -> AttemptRecord:
    """A call that failed, or whose answer failed its check."""
    attempt = trail.begin(a_deployment(name), 0.0)
    attempt.checked = CheckResult(passed=False, failures=("refusal",)) if failed_check else None
    return trail.close(attempt, "failed", 0.5, _DOWN)


def test_an_attempt_is_written_down_once() -> None:
    trail = Trail(1.0, 0.0)
    attempt = trail.begin(a_deployment("small-a"), 2.0)

    first = trail.close(attempt, "ok", 3.0)
    second = trail.close(attempt, "cancelled", 4.0)

    assert first is second
    assert trail.attempts == [first]


def test_attempts_are_numbered_from_one_and_timed_from_the_arrival() -> None:
    trail = Trail(1.0, 0.0)
    down = UpstreamUnavailableError("down", status=503)

    for started_s in (2.0, 3.0):
        trail.close(trail.begin(a_deployment("small-a"), started_s), "failed", started_s + 0.5, down)

    assert [(each.number, each.started_ms, each.ended_ms) for each in trail.attempts] == [
        (1, 1_000.0, 1_500.0),
        (2, 2_000.0, 2_500.0),
    ]


def test_the_first_call_is_the_first() -> None:
    assert _called(Trail(0.0, 0.0), "small-a").origin == "first"


def test_the_same_deployment_again_is_a_retry_and_another_a_fallback() -> None:
    trail = Trail(0.0, 0.0)

    assert [_called(trail, name).origin for name in ("a", "a", "b", "a")] == ["first", "retry", "fallback", "fallback"]


def test_another_after_a_failed_check_is_an_escalation() -> None:
    trail = Trail(0.0, 0.0)
    _called(trail, "small-a", failed_check=True)

    assert _called(trail, "large-a").origin == "escalation"


def test_the_first_call_goes_to_a_fallback_where_the_first_of_the_plan_was_passed_over() -> None:
    trail = Trail(0.0, 0.0)
    trail.passed["small-a"] = "busy"

    assert _called(trail, "large-a").origin == "fallback"


def test_the_first_of_the_plan_called_after_all_is_the_first() -> None:
    trail = Trail(0.0, 0.0)
    trail.passed |= {"small-a": "resting", "large-a": "resting"}

    assert _called(trail, "small-a").origin == "first"


def test_a_call_costs_what_the_hour_of_its_beginning_does() -> None:
    at_night = OffPeak(hours=(Hours(from_s=0, until_s=3_600),), input_atto_usd=0, output_atto_usd=10**9)
    price = replace(a_price(150, 600), tariff=Tariff(off_peak=at_night))
    trail = Trail(100.0, _MIDNIGHT - 5.0)

    by_day = trail.begin(a_deployment(price=price), 104.9)
    by_night = trail.begin(a_deployment(price=price), 105.1)
    by_day.usage = by_night.usage = _USAGE

    assert trail.close(by_day, "ok", 106.0).cost_nano_usd == 10 * 150 + 20 * 600
    assert trail.close(by_night, "ok", 107.0).cost_nano_usd == 20


def test_what_the_price_does_not_know_leaves_a_call_unpriced_with_the_reason() -> None:
    trail = Trail(0.0, 0.0)
    attempt = trail.begin(a_deployment(), 0.0)
    attempt.usage = replace(_USAGE, more=MoreUsage(searches=2))

    record = trail.close(attempt, "ok", 1.0)

    assert (record.cost_nano_usd, record.unpriced) == (None, "the policy file has no price for searches")
    assert trail.bill() == (None, "attempt 1: the policy file has no price for searches")


def test_an_attempt_holds_the_version_of_its_price_and_what_it_took_in_energy() -> None:
    trail = Trail(0.0, 0.0)
    deployment = a_deployment(energy_nwh=1_000)
    attempt = trail.begin(deployment, 0.0)
    attempt.usage = _USAGE

    record = trail.close(attempt, "ok", 1.0)

    assert record.price_version == price_version(a_price())
    assert record.energy_uwh == 30


def test_a_call_that_used_nothing_has_no_version_of_a_price() -> None:
    record = _called(Trail(0.0, 0.0), "small-a")

    assert (record.price_version, record.energy_uwh) == (None, None)


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
