"""One body of rules for limits and budgets, in memory and in Redis."""

import asyncio
from functools import partial
from typing import Any

import pytest

from gateway.domain.allowances import Allowance, BudgetTerms, Limits, Period
from gateway.domain.budgets import window_of
from gateway.domain.errors import AllowanceError, BudgetError, RateLimitError
from gateway.domain.floors import Floor
from gateway.domain.meters import budget_meter
from tests.builders import an_attempt
from tests.contract.twins import Opened, Twin, memory_twin, of_tokens, redis_twin, used, with_twin

MINUTE_S, DAY_S = 60.0, 86_400.0
SLICE = 0.01
"""What a gateway may have borrowed of a budget is told as used."""
BROKEN_OFF = an_attempt(outcome="cancelled", usage=None, cost_nano_usd=None, unpriced="it ended before that was known")


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.service("redis"))])
def opened(request: pytest.FixtureRequest) -> Opened:
    return memory_twin if request.param == "memory" else partial(redis_twin, request.getfixturevalue("redis_url"))


def allowed(owner: str = "key:k", *budgets: BudgetTerms, **limits: Any) -> Allowance:
    return Allowance(owner=owner, limits=Limits(**limits), budgets=budgets)


def budget(limit_nano_usd: int, **changes: Any) -> BudgetTerms:
    return BudgetTerms(period="month", limit_nano_usd=limit_nano_usd, **changes)


async def refused(twin: Twin, *allowances: Allowance, tokens: int = 10) -> AllowanceError:
    with pytest.raises(AllowanceError) as caught:
        await twin.admit(*allowances, request=of_tokens(tokens))
    return caught.value


@pytest.mark.parametrize(
    ("limits", "window_s"), [({"requests_per_minute": 5}, MINUTE_S), ({"requests_per_day": 5}, DAY_S)]
)
def test_as_many_requests_pass_at_once_as_the_limit_says_and_no_more(
    opened: Opened, limits: dict[str, Any], window_s: float
) -> None:
    async def body(twin: Twin) -> None:
        for _ in range(5):
            await twin.admit(allowed(**limits))

        error = await refused(twin, allowed(**limits))

        assert isinstance(error, RateLimitError)
        assert error.may_retry
        assert error.retry_after_s == pytest.approx(window_s / 5, abs=1.0)

    with_twin(opened, body)


def test_one_more_passes_once_the_time_it_was_told_is_over_and_only_one(opened: Opened) -> None:
    async def body(twin: Twin) -> None:
        limit = allowed(requests_per_minute=300)  # one in 200 ms
        for _ in range(300):
            await twin.admit(limit)
        error = await refused(twin, limit)
        assert error.retry_after_s is not None

        await twin.pass_s(error.retry_after_s)

        await twin.admit(limit)
        await refused(twin, limit)

    with_twin(opened, body)


def test_tokens_count_as_estimated_until_it_is_known_what_they_were(opened: Opened) -> None:
    async def body(twin: Twin) -> None:
        limit = allowed(tokens_per_day=100)
        first = await twin.admit(limit, request=of_tokens(60))
        assert (await refused(twin, limit, tokens=60)).retry_after_s == pytest.approx(DAY_S * 0.2, abs=1.0)

        first.settle(used(10))
        await twin.settled()

        await twin.admit(limit, request=of_tokens(60))
        await refused(twin, limit, tokens=60)

    with_twin(opened, body)


def test_more_tokens_than_estimated_are_owed(opened: Opened) -> None:
    async def body(twin: Twin) -> None:
        limit = allowed(tokens_per_day=100)
        (await twin.admit(limit, request=of_tokens(60))).settle(used(150))
        await twin.settled()

        error = await refused(twin, limit, tokens=10)

        assert error.retry_after_s == pytest.approx(DAY_S * 0.6, abs=1.0)

    with_twin(opened, body)


def test_a_request_of_more_tokens_than_the_limit_is_told_that_it_never_passes(opened: Opened) -> None:
    async def body(twin: Twin) -> None:
        error = await refused(twin, allowed(tokens_per_minute=100), tokens=101)

        assert (error.may_retry, error.retry_after_s) == (False, None)
        assert "never lets this request pass, which counts for 101" in error.message

    with_twin(opened, body)


def test_so_many_requests_are_under_way_at_once_and_a_place_is_free_when_one_is_over(opened: Opened) -> None:
    async def body(twin: Twin) -> None:
        limit = allowed(concurrent=2)
        first, _ = await twin.admit(limit), await twin.admit(limit)
        assert "2 requests under way at once" in (await refused(twin, limit)).message

        first.settle(())

        await twin.admit(limit)
        await refused(twin, limit)

    with_twin(opened, body)


def test_a_request_that_one_meter_refuses_counts_in_none(opened: Opened) -> None:
    async def body(twin: Twin) -> None:
        key, team = allowed("key:k", requests_per_day=1), allowed("team:t", budget(10**9), requests_per_day=3)
        await twin.admit(key, team)
        for _ in range(5):
            await refused(twin, key, team)

        for _ in range(2):
            await twin.admit(team)
        error = await refused(twin, team)

        assert "the limit of 3 requests a day of team" in error.message

    with_twin(opened, body)


def test_the_limit_that_is_free_last_is_the_one_that_is_told(opened: Opened) -> None:
    async def body(twin: Twin) -> None:
        key, team = allowed("key:k", requests_per_minute=1), allowed("team:t", requests_per_day=1)
        await twin.admit(key, team)

        error = await refused(twin, key, team)

        assert f"the limit of 1 requests a day of team 't-{twin.team}' is used up" in error.message
        assert error.retry_after_s == pytest.approx(DAY_S, abs=1.0)

    with_twin(opened, body)


def test_a_hard_budget_refuses_what_it_has_no_room_for_and_says_when_the_next_begins(opened: Opened) -> None:
    async def body(twin: Twin) -> None:
        limit = allowed("team:t", budget(25_000))
        await twin.admit(limit), await twin.admit(limit)  # 10 tokens of 1 000 nano-USD each

        error = await refused(twin, limit)

        assert isinstance(error, BudgetError)
        assert not error.may_retry
        assert error.retry_after_s is not None
        assert 0 < error.retry_after_s <= 31 * DAY_S
        assert "the budget of 0.000025 USD a month of team" in error.message

    with_twin(opened, body)


def test_a_hold_is_replaced_by_what_the_calls_cost(opened: Opened) -> None:
    async def body(twin: Twin) -> None:
        limit = allowed("team:t", budget(25_000))
        first, _ = await twin.admit(limit), await twin.admit(limit)
        await refused(twin, limit)

        first.settle(used(1))
        await twin.settled()

        third = await twin.admit(limit)
        assert third.budget.exists
        assert third.budget.used_ratio == pytest.approx(11_000 / 25_000, abs=1.01 * SLICE)

    with_twin(opened, body)


def test_a_hold_stands_where_nobody_knows_what_the_call_cost(opened: Opened) -> None:
    async def body(twin: Twin) -> None:
        limit = allowed("team:t", budget(10_000))
        hold = await twin.admit(limit)

        hold.settle((BROKEN_OFF,))
        await twin.settled()
        error = await refused(twin, limit)

        assert error.code == "budget_exceeded"

    with_twin(opened, body)


def test_a_soft_budget_lets_pass_and_tells_how_much_is_used(opened: Opened) -> None:
    async def body(twin: Twin) -> None:
        limit = allowed("team:t", budget(10_000, is_hard=False))
        for _ in range(3):
            hold = await twin.admit(limit)

        assert hold.budget.used_ratio == pytest.approx(2.0, abs=1.01 * SLICE)

    with_twin(opened, body)


def test_each_level_of_a_budget_is_told_once(opened: Opened) -> None:
    async def body(twin: Twin) -> None:
        limit = allowed("team:t", budget(100_000, alert_at=(0.5, 0.9)))
        for tokens in (40, 15, 15, 25):
            hold = await twin.admit(limit, request=of_tokens(tokens))
        hold.settle(used(1))
        await twin.settled()
        await twin.admit(limit, request=of_tokens(25))

        owner = f"team:t-{twin.team}"
        assert dict(twin.watch.alerts) == {(owner, "budget_month", "0.5"): 1, (owner, "budget_month", "0.9"): 1}
        assert twin.watch.used_ratios == {(owner, "budget_month"): pytest.approx(0.96, abs=1.01 * SLICE)}

    with_twin(opened, body)


def test_an_answer_tells_the_tightest_limit_on_requests_and_on_tokens(opened: Opened) -> None:
    async def body(twin: Twin) -> None:
        key = allowed("key:k", requests_per_minute=10, tokens_per_day=1_000)
        team = allowed("team:t", requests_per_minute=5)

        quota = (await twin.admit(key, team)).quota

        assert quota is not None
        assert quota.requests is not None
        assert quota.tokens is not None
        assert (quota.requests.limit, quota.requests.remaining) == (5, 4)
        assert quota.requests.reset_s == pytest.approx(12.0, abs=0.5)
        assert (quota.tokens.limit, quota.tokens.remaining) == (1_000, 990)
        assert quota.tokens.reset_s == pytest.approx(864.0, abs=1.0)

    with_twin(opened, body)


def test_a_limit_of_nothing_lets_nothing_pass(opened: Opened) -> None:
    async def body(twin: Twin) -> None:
        for limit in (allowed(requests_per_minute=0), allowed(concurrent=0), allowed("team:t", budget(0))):
            assert not (await refused(twin, limit)).may_retry

    with_twin(opened, body)


def test_refusals_are_counted_by_the_name_of_the_limit(opened: Opened) -> None:
    async def body(twin: Twin) -> None:
        await refused(twin, allowed(requests_per_minute=0))
        await refused(twin, allowed("team:t", budget(0)))

        assert dict(twin.watch.refusals) == {"requests_per_minute": 1, "budget_month": 1}

    with_twin(opened, body)


def test_of_many_that_come_at_once_exactly_the_limit_passes(opened: Opened) -> None:
    async def body(twin: Twin) -> None:
        limit = allowed("team:t", budget(10**12), requests_per_day=50, concurrent=1_000)

        came = await asyncio.gather(*(twin.admit(limit) for _ in range(80)), return_exceptions=True)

        assert sum(isinstance(each, RateLimitError) for each in came) == 30
        assert sum(isinstance(each, Exception) for each in came) == 30

    with_twin(opened, body)


def test_a_deployment_is_sent_as_many_calls_as_its_limit_says_whoever_asks(opened: Opened) -> None:
    async def body(twin: Twin) -> None:
        limits = Limits(requests_per_minute=3)
        for _ in range(3):
            (await twin.take_call("small", limits)).settle(used(1))
        await twin.settled()

        with pytest.raises(RateLimitError) as caught:
            await twin.take_call("small", limits)

        assert caught.value.retry_after_s == pytest.approx(20.0, abs=1.0)
        assert f"3 requests a minute of deployment 'small-{twin.team}' is used up" in caught.value.message
        assert twin.watch.passed == {(f"small-{twin.team}", "requests_per_minute"): 1}
        assert not twin.watch.refusals
        await twin.take_call("large", limits)

    with_twin(opened, body)


def test_what_a_call_estimated_too_high_flows_back_to_its_deployment(opened: Opened) -> None:
    async def body(twin: Twin) -> None:
        limits = Limits(tokens_per_day=100)
        first = await twin.take_call("small", limits, of_tokens(60))
        with pytest.raises(RateLimitError):
            await twin.take_call("small", limits, of_tokens(60))

        first.settle(used(10))
        await twin.settled()

        await twin.take_call("small", limits, of_tokens(60))
        with pytest.raises(RateLimitError):
            await twin.take_call("small", limits, of_tokens(60))

    with_twin(opened, body)


def test_of_calls_that_come_at_once_exactly_the_limit_passes(opened: Opened) -> None:
    async def body(twin: Twin) -> None:
        limits = Limits(requests_per_day=50)

        came = await asyncio.gather(*(twin.take_call("small", limits) for _ in range(80)), return_exceptions=True)

        assert sum(isinstance(each, RateLimitError) for each in came) == 30
        assert sum(isinstance(each, Exception) for each in came) == 30

    with_twin(opened, body)


def floor(twin: Twin, owner: str, nano_usd: int, at_s: float, period: Period = "month") -> Floor:
    meter = budget_meter(f"{owner}-{twin.team}", BudgetTerms(period=period, limit_nano_usd=25_000))
    return Floor(whose=twin.team, meter=meter, window=window_of(period, at_s), nano_usd=nano_usd)


def test_a_budget_shows_no_less_than_the_records_say_and_is_never_lowered(opened: Opened) -> None:
    async def body(twin: Twin) -> None:
        limit, now_s = allowed("team:t", budget(25_000)), twin.now()
        assert await twin.admission.raise_to([floor(twin, "team:t", 12_000, now_s)])
        await twin.settled()
        assert twin.watch.used_ratios == {(f"team:t-{twin.team}", "budget_month"): pytest.approx(0.48)}

        assert await twin.admission.raise_to([floor(twin, "team:t", 3_000, now_s)])
        await twin.settled()

        first = await twin.admit(limit)  # 10 000
        assert first.budget.used_ratio == pytest.approx(0.48)
        await refused(twin, limit)
        first.settle(used(1))
        await twin.settled()
        assert (await twin.admit(limit)).budget.used_ratio == pytest.approx(13_000 / 25_000, abs=1.01 * SLICE)

    with_twin(opened, body)


def test_what_was_settled_already_does_not_count_twice(opened: Opened) -> None:
    async def body(twin: Twin) -> None:
        limit = allowed("team:t", budget(25_000))
        (await twin.admit(limit)).settle(used(12))  # its record says so, too

        await twin.admission.raise_to([floor(twin, "team:t", 12_000, twin.now())])
        await twin.settled()

        assert (await twin.admit(limit)).budget.used_ratio == pytest.approx(12_000 / 25_000, abs=1.01 * SLICE)

    with_twin(opened, body)


def test_what_was_spent_in_a_window_that_is_over_raises_nothing(opened: Opened) -> None:
    async def body(twin: Twin) -> None:
        limit = allowed("team:t", budget(25_000))
        await twin.admit(limit)

        await twin.admission.raise_to([floor(twin, "team:t", 25_000, twin.now() - 40 * DAY_S)])
        await twin.settled()

        await twin.admit(limit)

    with_twin(opened, body)


def test_no_level_is_told_again_of_what_was_spent_before(opened: Opened) -> None:
    async def body(twin: Twin) -> None:
        await twin.admission.raise_to([floor(twin, "team:t", 24_000, twin.now())])
        await twin.settled()

        assert not twin.watch.alerts

    with_twin(opened, body)
