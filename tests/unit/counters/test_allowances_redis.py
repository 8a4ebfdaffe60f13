"""Without a Redis; tests/contract has the rules with one."""

import asyncio

from gateway.counters.allowance_watch import AllowanceWatch
from gateway.counters.allowances_memory import NO_HOLD
from gateway.counters.allowances_redis import RedisAllowances
from gateway.domain.request import NOBODY
from tests.builders import a_policy, a_request
from tests.fakes import ManualClock


def test_for_a_caller_without_allowances_redis_is_not_asked() -> None:
    called: list[str] = []

    async def main() -> object:
        shared = RedisAllowances(
            "redis://127.0.0.1:9/0",
            ManualClock(),
            AllowanceWatch(),
            called=lambda seconds, result: called.append(result),
        )
        async with shared.running():
            return await shared.admit(NOBODY, a_request(), a_policy())

    assert asyncio.run(main()) is NO_HOLD
    assert called == []
