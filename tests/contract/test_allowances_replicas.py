"""Several gateways over one Redis: what all of them together let pass."""

import asyncio
import random
from contextlib import AsyncExitStack
from functools import partial
from uuid import uuid4

import hypothesis
import pytest
from hypothesis import strategies as st
from redis.asyncio import Redis

from gateway.counters.redis_link import script_text
from gateway.counters.slices import LARGEST
from gateway.domain.allowances import Allowance, BudgetTerms, Limits
from gateway.domain.budgets import window_of
from gateway.domain.errors import AllowanceError, CountersUnavailableError
from gateway.ports import Hold
from tests.contract.twins import Twin, of_tokens, redis_twin, used, with_twin

pytestmark = pytest.mark.service("redis")
HOLD_TOKENS, NANO_USD = 10, 1_000
CALLERS, GATEWAYS = 200, 3


async def _gateways(stack: AsyncExitStack, url: str, count: int, **options: object) -> list[Twin]:
    team = uuid4().hex
    strict = {"limits_down": "refuse", "budgets_down": "refuse"} | options
    return [await stack.enter_async_context(redis_twin(url, team=team, **strict)) for _ in range(count)]


async def _admitted(twin: Twin, allowance: Allowance) -> Hold:
    """By what Redis says and nothing else: on a busy machine an answer may be too late, and is asked for again."""
    while True:
        try:
            return await twin.admit(allowance, request=of_tokens(HOLD_TOKENS))
        except CountersUnavailableError:
            await asyncio.sleep(0.02)


def _spend(url: str, costs: tuple[int, int], budget_nano_usd: int) -> tuple[int, int]:
    """200 callers on 3 gateways spend until each is refused: the sum of the real costs, and what Redis holds."""
    chance = random.Random(7)
    spent = 0

    async def call(twin: Twin, allowance: Allowance) -> None:
        nonlocal spent
        while True:
            try:
                hold = await _admitted(twin, allowance)
            except AllowanceError:
                return
            await asyncio.sleep(chance.random() / 100)
            cost = chance.randint(*costs) * NANO_USD
            spent += cost
            hold.settle(used(1, cost))

    async def main() -> int:
        async with AsyncExitStack() as stack:
            twins = await _gateways(stack, url, GATEWAYS)
            allowance = Allowance(
                owner="team:t", budgets=(BudgetTerms(period="month", limit_nano_usd=budget_nano_usd),)
            )
            await asyncio.gather(*(call(twins[each % GATEWAYS], allowance) for each in range(CALLERS)))
            team = twins[0].team
        async with Redis.from_url(url) as redis:
            text = await redis.get(f"sw:{{{team}}}:team:t-{team}:budget_month")
        assert isinstance(text, bytes)
        return int(text.partition(b":")[2])

    counted = asyncio.run(main())
    return spent, counted


def test_200_callers_on_3_gateways_never_overspend_a_budget_their_holds_cover(redis_url: str) -> None:
    budget = 5_000 * NANO_USD

    spent, counted = _spend(redis_url, (1, HOLD_TOKENS), budget)

    assert spent == counted
    assert budget * 0.95 < spent <= budget


def test_calls_that_cost_more_than_their_hold_overspend_by_no_more_than_those_under_way_cost_beyond_it(
    redis_url: str,
) -> None:
    budget, dearest = 5_000 * NANO_USD, 3 * HOLD_TOKENS

    spent, counted = _spend(redis_url, (1, dearest), budget)

    assert spent == counted
    assert spent <= budget + CALLERS * (dearest - HOLD_TOKENS) * NANO_USD


@hypothesis.settings(max_examples=20, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(
    gateways=st.integers(1, 4),
    limit=st.integers(1, 3_000),
    asks=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 400)), min_size=1, max_size=12),
)
def test_gateways_with_slices_let_pass_no_more_than_the_limit_and_leave_no_more_than_their_slices(
    redis_url: str, gateways: int, limit: int, asks: list[tuple[int, int]]
) -> None:
    """Each of `asks`: so many requests, one after the other, at one gateway. A day's limit hardly flows back."""
    allowance = Allowance(owner="team:t", limits=Limits(requests_per_day=limit))

    async def main() -> int:
        granted = 0
        async with AsyncExitStack() as stack:
            twins = await _gateways(stack, redis_url, gateways)
            for which, count in asks:
                for _ in range(count):
                    try:
                        await _admitted(twins[which % gateways], allowance)
                    except AllowanceError:
                        break
                    granted += 1
        return granted

    granted, wanted = asyncio.run(main()), sum(count for _, count in asks)

    assert granted <= limit + gateways * (limit // LARGEST)
    assert granted >= min(wanted, limit) if len(asks) == 1 else granted > 0


def test_a_busy_gateway_asks_redis_for_few_of_its_requests(redis_url: str) -> None:
    async def body(twin: Twin) -> None:
        allowance = Allowance(owner="key:k", limits=Limits(requests_per_minute=60_000))
        for _ in range(1_000):
            await twin.admit(allowance)

        assert twin.admission.link.answered < 100  # type: ignore[attr-defined]  # of Redis, not of the port

    with_twin(partial(redis_twin, redis_url), body)


def test_what_was_borrowed_and_not_used_is_given_back(redis_url: str) -> None:
    allowance = Allowance(owner="key:k", limits=Limits(requests_per_day=1_000))

    async def main() -> int:
        async with AsyncExitStack() as stack:
            first, second = await _gateways(stack, redis_url, 2)
            for _ in range(20):
                await first.admit(allowance)
            await asyncio.sleep(1.6)
            hold = await second.admit(allowance)
            assert hold.quota is not None
            assert hold.quota.requests is not None
            return hold.quota.requests.remaining

    assert asyncio.run(main()) == 1_000 - 21


def test_a_place_at_one_gateway_is_taken_at_the_other_and_free_there_once_it_is_left(redis_url: str) -> None:
    allowance = Allowance(owner="key:k", limits=Limits(concurrent=1))

    async def main() -> None:
        async with AsyncExitStack() as stack:
            first, second = await _gateways(stack, redis_url, 2)
            hold = await first.admit(allowance)
            with pytest.raises(AllowanceError):
                await second.admit(allowance)
            hold.settle(())
            await first.settled()
            await second.admit(allowance)

    asyncio.run(main())


def test_a_place_is_kept_while_its_request_lasts_and_falls_free_when_its_gateway_dies(redis_url: str) -> None:
    allowance = Allowance(owner="key:k", limits=Limits(concurrent=1))

    async def main() -> None:
        async with AsyncExitStack() as stack:
            (other,) = await _gateways(stack, redis_url, 1, lease_s=0.6)
            async with redis_twin(redis_url, team=other.team, lease_s=0.6) as holder:
                await holder.admit(allowance)
                await asyncio.sleep(1.5)
                with pytest.raises(AllowanceError):
                    await other.admit(allowance)
            await asyncio.sleep(0.8)
            await other.admit(allowance)

    asyncio.run(main())


@hypothesis.settings(max_examples=300, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(at_s=st.integers(0, 8_000_000_000))
def test_redis_and_the_domain_agree_on_the_calendar(redis_url: str, at_s: int) -> None:
    ask = "local at = tonumber(ARGV[1]) return {window_of('day', at), window_of('week', at), window_of('month', at)}"

    async def main() -> list[int]:
        async with Redis.from_url(redis_url) as redis:
            return list(await redis.eval(script_text() + ask, 0, at_s))

    assert asyncio.run(main()) == [window_of(period, at_s) for period in ("day", "week", "month")]
