import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.cooldown import (
    CALLS_TO_TELL,
    FAILURES_TO_REST,
    HEALTHY,
    LONGEST_REST_S,
    QUOTA_REST_S,
    RATE_LIMIT_REST_S,
    REST_S,
    TRIAL_S,
    WINDOW_S,
    Health,
    after_failure,
    after_first_byte,
    after_leaving,
    after_success,
    entered,
)
from gateway.domain.errors import (
    ContentFilterError,
    ContextOverflowError,
    UpstreamConnectError,
    UpstreamError,
    UpstreamQuotaError,
    UpstreamRateLimitError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)

_DOWN = UpstreamUnavailableError("down", status=503)


def _after(*errors: UpstreamError, health: Health = HEALTHY, now_s: float = 100.0) -> Health:
    for error in errors:
        health = after_failure(health, error, now_s)
    return health


def test_a_few_failures_in_a_row_do_not_rest_a_deployment() -> None:
    health = _after(*[_DOWN] * (FAILURES_TO_REST - 1))

    assert health.cooling_s(100.0) == 0.0
    assert health.failures == FAILURES_TO_REST - 1


def test_enough_failures_in_a_row_do() -> None:
    health = _after(*[_DOWN] * FAILURES_TO_REST)

    assert health.cooling_s(100.0 + REST_S - 1.0) == 1.0
    assert health.cooling_s(100.0 + REST_S) == 0.0


def test_each_rest_in_a_row_is_twice_as_long_up_to_a_limit() -> None:
    health, rests_s = HEALTHY, []
    for number in range(8):
        now_s = 10_000.0 * (number + 1)
        health = _after(*[_DOWN] * FAILURES_TO_REST, health=health, now_s=now_s)
        rests_s.append(health.until_s - now_s)

    assert rests_s == [10.0, 20.0, 40.0, 80.0, 160.0, LONGEST_REST_S, LONGEST_REST_S, LONGEST_REST_S]


def test_a_rate_limit_rests_at_once_for_as_long_as_it_says() -> None:
    assert _after(UpstreamRateLimitError("slow down", retry_after_s=42.0)).until_s == 142.0


def test_a_rate_limit_that_names_no_time_rests_a_moment() -> None:
    assert _after(UpstreamRateLimitError("slow down")).until_s == 100.0 + RATE_LIMIT_REST_S


def test_no_upstream_can_ask_for_more_than_the_longest_rest() -> None:
    assert _after(UpstreamRateLimitError("slow down", retry_after_s=86_400.0)).until_s == 100.0 + LONGEST_REST_S


def test_an_empty_account_rests_at_once() -> None:
    assert _after(UpstreamQuotaError("no money")).until_s == 100.0 + QUOTA_REST_S


def test_a_shorter_rest_does_not_cut_a_longer_one() -> None:
    health = _after(UpstreamQuotaError("no money"), UpstreamRateLimitError("slow down", retry_after_s=1.0))

    assert health.until_s == 100.0 + QUOTA_REST_S


@pytest.mark.parametrize("kind", [UpstreamRejectedError, ContextOverflowError, ContentFilterError])
def test_what_the_request_brought_about_leaves_health_as_it_was(kind: type[UpstreamError]) -> None:
    health = Health(failures=2)

    assert after_failure(health, kind("its own fault"), 100.0) is health


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([_DOWN, UpstreamConnectError("a"), UpstreamTimeoutError("b"), UpstreamQuotaError("c")])),
    st.floats(0, 1e9),
)
def test_a_failure_never_shortens_a_rest_and_none_is_longer_than_the_longest(
    errors: list[UpstreamError], now_s: float
) -> None:
    health = HEALTHY

    for error in errors:
        before, health = health, after_failure(health, error, now_s)

        assert health.until_s >= before.until_s
        assert health.until_s <= now_s + LONGEST_REST_S


def test_calls_under_way_when_a_rest_began_do_not_lengthen_it() -> None:
    health = _after(*[_DOWN] * 30)

    assert health.until_s == 100.0 + REST_S


def _rested() -> Health:
    """After a rest that has just ended at 110 s."""
    return _after(*[_DOWN] * FAILURES_TO_REST)


def test_half_of_the_calls_failing_rests_a_deployment_though_none_fail_in_a_row() -> None:
    health = HEALTHY
    for _ in range(CALLS_TO_TELL // 2):
        health = after_success(after_failure(health, _DOWN, 100.0), 100.0)
    assert health.cooling_s(100.0) == 0.0

    health = after_failure(health, _DOWN, 100.0)

    assert health.cooling_s(100.0) == REST_S


def test_a_share_below_half_does_not() -> None:
    health = HEALTHY
    for _ in range(50):
        health = after_failure(health, _DOWN, 100.0)
        health = after_success(after_success(health, 100.0), 100.0)

    assert health.cooling_s(100.0) == 0.0


def test_failures_of_an_earlier_window_do_not_count_towards_the_share() -> None:
    health = HEALTHY
    for number in range(40):
        now_s = 100.0 + number * WINDOW_S
        health = after_success(after_failure(health, _DOWN, now_s), now_s)

    assert health.cooling_s(1e6) == 0.0
    assert health.calls <= 2


def test_after_a_rest_exactly_one_call_may_try_it() -> None:
    trial = entered(_rested(), 110.0)

    assert trial is not None
    assert entered(trial, 110.0) is None
    assert trial.cooling_s(111.0) == TRIAL_S - 1.0


def test_nobody_may_enter_while_it_rests() -> None:
    assert entered(_rested(), 109.9) is None


def test_a_trial_that_never_answers_makes_room_for_another() -> None:
    trial = entered(_rested(), 110.0)

    assert trial is not None
    assert entered(trial, 110.0 + TRIAL_S) is not None


def test_a_trial_that_fails_rests_it_at_once_and_for_longer() -> None:
    trial = entered(_rested(), 110.0)
    assert trial is not None

    health = after_failure(trial, _DOWN, 110.5)

    assert health.cooling_s(110.5) == 2 * REST_S


def test_a_trial_that_succeeds_ends_the_matter() -> None:
    trial = entered(_rested(), 110.0)

    assert trial is not None
    assert after_success(trial, 111.0) == HEALTHY


def test_a_trial_whose_stream_begins_lets_the_others_in_and_the_next_failure_rests_it_again() -> None:
    trial = entered(_rested(), 110.0)
    assert trial is not None

    health = after_first_byte(trial)

    assert entered(health, 110.1) is not None
    assert after_failure(health, _DOWN, 110.5).cooling_s(110.5) == 2 * REST_S


def test_a_trial_whose_client_left_makes_room_for_another() -> None:
    trial = entered(_rested(), 110.0)
    assert trial is not None

    assert entered(after_leaving(trial), 110.1) is not None


def test_a_trial_that_the_request_itself_made_fail_makes_room_for_another() -> None:
    trial = entered(_rested(), 110.0)
    assert trial is not None

    assert entered(after_failure(trial, ContextOverflowError("long"), 110.1), 110.1) is not None


def test_a_first_byte_of_a_deployment_that_is_well_changes_nothing() -> None:
    health = Health(failures=2)

    assert after_first_byte(health) is health
