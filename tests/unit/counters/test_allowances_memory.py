"""What the contract of tests/contract/test_allowances.py leaves to a clock that can be moved by hand."""

import asyncio
from datetime import UTC, datetime

import pytest

from gateway.counters.allowance_watch import AllowanceWatch
from gateway.counters.allowances_memory import NO_HOLD, MemoryAllowances, MemoryHold
from gateway.domain.allowances import Allowance, BudgetTerms, Limits
from gateway.domain.errors import AllowanceError, BudgetError
from gateway.domain.meters import Need, meters_of, share_of
from gateway.domain.request import NOBODY
from tests.builders import a_policy, a_request
from tests.fakes import ManualClock

NEW_YEARS_EVE_S = datetime(2026, 12, 31, 23, 59, 50, tzinfo=UTC).timestamp()
BUDGET = meters_of((Allowance(owner="team:t", budgets=(BudgetTerms(period="month", limit_nano_usd=100),)),))


def _allowances(now_s: float = NEW_YEARS_EVE_S) -> tuple[MemoryAllowances, ManualClock]:
    clock = ManualClock(now_s=now_s)
    return MemoryAllowances(clock, AllowanceWatch()), clock


def _spend(allowances: MemoryAllowances, nano_usd: int) -> MemoryHold:
    return allowances.take(BUDGET, (nano_usd,), Need(tokens=1, nano_usd=nano_usd))


def test_a_caller_without_allowances_is_let_in_and_nothing_is_kept_of_it() -> None:
    allowances, _ = _allowances()

    assert asyncio.run(allowances.admit(NOBODY, a_request(), a_policy())) is NO_HOLD


def test_a_budget_begins_anew_with_its_period() -> None:
    allowances, clock = _allowances()
    _spend(allowances, 100)
    with pytest.raises(BudgetError):
        _spend(allowances, 1)

    clock.advance(10.0)

    _spend(allowances, 100)


def test_what_a_call_cost_that_began_in_a_period_before_is_no_matter_of_this_one() -> None:
    allowances, clock = _allowances()
    hold = _spend(allowances, 60)
    clock.advance(10.0)
    hold.settle(())

    _spend(allowances, 100)
    with pytest.raises(BudgetError):
        _spend(allowances, 1)


def test_a_clock_set_back_and_forth_makes_no_limit_wider() -> None:
    allowances, clock = _allowances()
    rate = meters_of((Allowance(owner="key:k", limits=Limits(requests_per_minute=2)),))
    for _ in range(2):
        allowances.take(rate, (1,), Need(tokens=1))
    clock._now_s -= 3_600.0

    with pytest.raises(AllowanceError):
        allowances.take(rate, (1,), Need(tokens=1))


def test_what_others_used_leaves_a_share_of_the_rest() -> None:
    allowances, _ = _allowances()
    first = _spend(allowances, 0)
    window = first._taken[0][2]
    allowances.assume({BUDGET[0].key: (window, 60)})
    share = (share_of(BUDGET[0], 2, allowances.used_elsewhere(BUDGET[0], window)),)

    allowances.take(share, (20,), Need(tokens=1, nano_usd=20))
    with pytest.raises(BudgetError, match="share of this gateway"):
        allowances.take(share, (1,), Need(tokens=1, nano_usd=1))


def test_of_a_window_that_is_over_nothing_is_known_to_be_used_elsewhere() -> None:
    allowances, _ = _allowances()
    allowances.assume({BUDGET[0].key: (5, 60)})

    assert allowances.used_elsewhere(BUDGET[0], 6) == 0
