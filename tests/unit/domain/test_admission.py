from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.domain.admission import Readings, budget_of, passes, quota_of, refusal
from gateway.domain.allowances import Allowance, BudgetTerms, Limits
from gateway.domain.errors import AllowanceError, BudgetError, RateLimitError
from gateway.domain.facts import NO_BUDGET, Budget
from gateway.domain.meters import Meter, meters_of
from gateway.domain.quota import Allotment, Quota

NOON_S = datetime(2026, 7, 30, 12, tzinfo=UTC).timestamp()


def _meter(owner: str = "key:k", *budgets: BudgetTerms, **limits: Any) -> Meter:
    (meter,) = meters_of((Allowance(owner=owner, limits=Limits(**limits), budgets=budgets),))
    return meter


def _budget(limit: int, *, is_hard: bool = True, owner: str = "team:t") -> Meter:
    return _meter(owner, BudgetTerms(period="month", limit_nano_usd=limit, is_hard=is_hard))


def _error(meter: Meter, value: float, units: int) -> AllowanceError:
    return refusal((meter,), Readings((value,), NOON_S), (units,))[1]


@pytest.mark.parametrize(
    ("meter", "value", "units", "is_let"),
    [
        (_meter(requests_per_minute=10), 54.0, 1, True),
        (_meter(requests_per_minute=10), 54.1, 1, False),
        (_meter(concurrent=2), 1, 1, True),
        (_meter(concurrent=2), 2, 1, False),
        (_budget(100), 60, 40, True),
        (_budget(100), 60, 41, False),
        (_budget(100, is_hard=False), 600, 41, True),
    ],
)
def test_a_meter_lets_pass_what_stays_within_its_limit(meter: Meter, value: float, units: int, is_let: bool) -> None:
    assert passes(meter, value, units) is is_let


def test_a_refusal_names_the_limit_whose_it_is_and_when_it_is_free() -> None:
    rate = _error(_meter(requests_per_minute=10), 60.0, 1)
    places = _error(_meter("app:support/chat", concurrent=2), 2, 1)
    money = _error(_budget(10**9), 10**9, 5_000_000)

    assert rate.message == (
        "the limit of 10 requests a minute of key 'k' is used up for this request, which counts for 1; "
        "it is free in 6.000 s"
    )
    assert places.message == (
        "app 'support/chat' may have 2 requests under way at once and has them; send it when one is over"
    )
    assert money.message == (
        "the budget of 1 USD a month of team 't' has no room for this request, which may cost 0.005 USD; "
        "the next begins at 2026-08-01 00:00 UTC"
    )
    assert rate.retry_after_s == pytest.approx(6.0)
    assert places.retry_after_s == 1.0
    assert money.retry_after_s == 1.5 * 86_400


def test_a_budget_is_not_tried_again_by_itself_and_a_limit_is() -> None:
    assert isinstance(_error(_budget(1), 1, 1), BudgetError)
    assert not _error(_budget(1), 1, 1).may_retry
    assert isinstance(_error(_meter(concurrent=1), 1, 1), RateLimitError)
    assert _error(_meter(concurrent=1), 1, 1).may_retry


def test_what_can_never_pass_is_told_so_and_not_to_come_back() -> None:
    tokens, money = _error(_meter(tokens_per_minute=10), 0.0, 11), _error(_budget(10), 0, 11)

    assert "never lets this request pass, which counts for 11" in tokens.message
    assert "is less than this request may cost" in money.message
    assert [(each.retry_after_s, each.may_retry) for each in (tokens, money)] == [(None, False)] * 2


def test_of_several_the_one_to_wait_longest_for_is_told() -> None:
    minute, day = _meter(requests_per_minute=10), _meter("team:t", requests_per_day=10)

    meter, error = refusal((minute, day), Readings((60.0, 86_400.0), NOON_S), (1, 1))

    assert meter is day
    assert error.retry_after_s == pytest.approx(8_640.0)


def test_the_tightest_budget_is_the_one_conditions_read() -> None:
    assert budget_of((_budget(100), _budget(100, owner="key:k")), (20, 70)) == Budget(exists=True, used_ratio=0.7)
    assert budget_of((_meter(concurrent=1),), (0,)) == NO_BUDGET


def test_the_tightest_limit_on_requests_and_on_tokens_is_told() -> None:
    meters = (_meter(requests_per_minute=10), _meter("team:t", requests_per_minute=4), _meter(tokens_per_day=100))

    assert quota_of(meters, (0.0, 30.0, 0.0)) == Quota(
        requests=Allotment(limit=4, remaining=2, reset_s=30.0), tokens=Allotment(limit=100, remaining=100, reset_s=0.0)
    )
    assert quota_of((_budget(1),), (0,)) is None
