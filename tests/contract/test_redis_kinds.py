"""A Redis Cluster, and a primary that a Sentinel names, count like one server does."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from redis.asyncio import Redis, RedisCluster
from redis.exceptions import ResponseError

from gateway.domain.allowances import Allowance, BudgetTerms, Limits
from gateway.domain.errors import AllowanceError, CountersUnavailableError
from gateway.ports import Hold
from tests.contract.twins import Twin, redis_twin, used
from tests.services import running_redis_cluster, running_redis_sentinel

pytestmark = pytest.mark.service("redis")
THREE = Allowance(owner="key:k", limits=Limits(requests_per_day=3))
TEAMS = 12


@pytest.fixture(scope="module")
def cluster() -> Iterator[tuple[str, ...]]:
    with running_redis_cluster() as nodes:
        yield nodes


async def _admitted(twin: Twin, allowance: Allowance, team: str = "") -> Hold:
    """By what Redis says and nothing else: on a busy machine an answer may be too late, and is asked for again."""
    while True:
        twin.team = team or twin.team
        try:
            return await twin.admit(allowance)
        except CountersUnavailableError:
            await asyncio.sleep(0.02)
            await twin.settled()


async def _grants(twin: Twin, allowance: Allowance, most: int = 100) -> int:
    for count in range(most):
        try:
            await _admitted(twin, allowance)
        except AllowanceError:
            return count
    return most


def test_teams_are_spread_over_the_nodes_and_each_has_its_limit(cluster: tuple[str, ...]) -> None:
    """One node is all a gateway has to be told of."""

    async def main() -> tuple[list[int], list[int]]:
        async with redis_twin(f"redis+cluster://{cluster[0]}", limits_down="refuse") as twin:
            granted = []
            for number in range(TEAMS):
                twin.team = f"team-{number}"
                granted.append(await _grants(twin, THREE))
        held = []
        for node in cluster:
            async with Redis.from_url(f"redis://{node}") as redis:
                held.append(len([key async for key in redis.scan_iter("sw:*requests_per_day")]))
        return granted, held

    granted, held = asyncio.run(main())

    assert max(granted) == 3
    assert sum(granted) >= 3 * TEAMS - 3, "on a busy machine a call may take longer than 50 ms, and is refused"
    assert sum(held) == TEAMS
    assert all(held)


def test_a_node_that_lost_the_scripts_gets_them_again_and_the_others_count_nothing_twice(
    cluster: tuple[str, ...],
) -> None:
    fifty = Allowance(owner="team:t", limits=Limits(requests_per_day=50))

    async def main() -> list[int]:
        async with redis_twin(f"redis+cluster://{','.join(cluster)}", limits_down="refuse") as twin:
            for number in range(TEAMS):
                twin.team = f"lost-{number}"
                await _admitted(twin, fifty)
            async with Redis.from_url(f"redis://{cluster[1]}") as node:
                await node.script_flush()

            async def ask(number: int) -> None:
                await _admitted(twin, fifty, f"lost-{number}")

            await asyncio.gather(*(ask(number) for number in range(TEAMS)))
            await twin.settled()
            granted = []
            for number in range(TEAMS):
                twin.team = f"lost-{number}"
                granted.append(await _grants(twin, fifty))
            return granted

    assert asyncio.run(main()) == [48] * TEAMS


def test_what_a_request_cost_is_told_to_the_node_that_counts_it(cluster: tuple[str, ...]) -> None:
    budget = Allowance(owner="team:t", budgets=(BudgetTerms(period="month", limit_nano_usd=10**9),))

    async def main() -> list[str]:
        async with redis_twin(f"redis+cluster://{cluster[2]}", budgets_down="refuse") as twin:
            teams = [f"cost-{number}" for number in range(TEAMS)]
            for team in teams:
                twin.team = team
                (await _admitted(twin, budget)).settle(used(7))
            await twin.settled()
        host, _, port = cluster[0].partition(":")
        async with RedisCluster(host=host, port=int(port), decode_responses=True) as redis:
            return [str(await redis.get(f"sw:{{{team}}}:team:t-{team}:budget_month")) for team in teams]

    told = asyncio.run(main())

    assert {text.partition(":")[2] for text in told} == {"7000"}


def test_the_primary_that_a_sentinel_names_counts_and_after_a_failover_the_next_one_does() -> None:
    async def main(sentinel: str, port: int) -> None:
        async with redis_twin(f"redis+sentinel://{sentinel}/counts") as twin:
            assert await _grants(twin, THREE) == 3
            async with Redis(host="127.0.0.1", port=port, decode_responses=True) as watcher:
                after = await _failed_over(watcher)
            twin.team = "after"
            async with asyncio.timeout(20.0):
                while not await _is_counted(twin, int(after[1])):  # noqa: ASYNC110 (it is looked at from outside)
                    await asyncio.sleep(0.1)

    with running_redis_sentinel() as (sentinel, port):
        asyncio.run(main(sentinel, port))


async def _failed_over(watcher: Any) -> tuple[str, str]:
    """Have the Sentinel name the replica the primary, once it thinks it good enough: HOST and PORT."""
    old = await _primary(watcher)
    async with asyncio.timeout(60.0):
        while not await _is_taken(watcher):  # noqa: ASYNC110 (it is looked at from outside)
            await asyncio.sleep(0.2)
        while (new := await _primary(watcher)) == old:  # noqa: ASYNC110 (it is looked at from outside)
            await asyncio.sleep(0.1)
    return new


async def _is_taken(watcher: Any) -> bool:
    try:
        await watcher.execute_command("SENTINEL", "FAILOVER", "counts")
    except ResponseError as error:
        if "NOGOODSLAVE" in str(error):
            return False
        raise
    return True


async def _primary(watcher: Any) -> tuple[str, str]:
    host, port = await watcher.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "counts")
    return host, port


async def _is_counted(twin: Twin, port: int) -> bool:
    """Whether what passes is counted at the Redis on that port."""
    await twin.admit(Allowance(owner="key:k", limits=Limits(requests_per_day=1_000)))
    async with Redis(host="127.0.0.1", port=port) as redis:
        return bool(await redis.keys("sw:{after}:*"))
