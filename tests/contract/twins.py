"""Both admissions, each with its way of letting time pass."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any, Protocol
from uuid import uuid4

from msgspec.structs import replace

from gateway.bootstrap.recording import SystemClock
from gateway.counters.allowance_watch import AllowanceWatch
from gateway.counters.allowances_memory import MemoryAllowances
from gateway.counters.allowances_redis import RedisAllowances
from gateway.domain.allowances import Allowance, Limits
from gateway.domain.floors import Floor
from gateway.domain.policy import Policy
from gateway.domain.record import AttemptRecord
from gateway.domain.request import Caller, ChatRequest
from gateway.domain.usage import Usage
from gateway.ports import Admission, CallLimits, Hold
from tests.builders import a_deployment, a_policy, a_price, a_request, a_route, an_attempt
from tests.fakes import ManualClock

PRICED = a_policy(default=a_route("only", a_deployment(price=a_price(1_000, 1_000))))
"""A thousand nano-USD a token."""


class Counting(Admission, CallLimits, Protocol):
    """What both twins are."""

    async def raise_to(self, floors: Iterable[Floor]) -> bool: ...


class Twin:
    """An admission whose owners no other test has. pass_s: lets seconds pass; settled: waits until all is told."""

    def __init__(
        self,
        admission: Counting,
        watch: AllowanceWatch,
        pass_s: Callable[[float], Awaitable[None]],
        settled: Callable[[], Awaitable[None]],
        now: Callable[[], float],
        team: str = "",
    ) -> None:
        self.admission = admission
        self.watch = watch
        self.pass_s = pass_s
        self.settled = settled
        self.now = now
        self.team = team or uuid4().hex

    async def admit(self, *allowances: Allowance, request: ChatRequest | None = None, policy: Policy = PRICED) -> Hold:
        """Of an owner "key:k" there is one in each twin."""
        own = tuple(replace(each, owner=f"{each.owner}-{self.team}") for each in allowances)
        caller = Caller(key_id="k", team=self.team, allowances=own)
        return await self.admission.admit(caller, request or of_tokens(10), policy)

    async def take_call(self, deployment: str, limits: Limits, request: ChatRequest | None = None) -> Hold:
        return await self.admission.take_call(f"{deployment}-{self.team}", limits, request or of_tokens(10))


def of_tokens(tokens: int) -> ChatRequest:
    """A request that counts for so many: one for its answer, the rest for its prompt."""
    return a_request(size_bytes=4 * (tokens - 1), max_output_tokens=1)


def used(tokens: int, nano_usd: int | None = None) -> tuple[AttemptRecord, ...]:
    """One call that took so many tokens; at the price of `PRICED` where no other cost is given."""
    cost = 1_000 * tokens if nano_usd is None else nano_usd
    return (an_attempt(usage=Usage(input_tokens=tokens, output_tokens=0), cost_nano_usd=cost),)


@asynccontextmanager
async def memory_twin() -> AsyncIterator[Twin]:
    clock, watch = ManualClock(), AllowanceWatch()

    async def pass_s(seconds: float) -> None:
        clock.advance(seconds)

    async def settled() -> None: ...

    yield Twin(MemoryAllowances(clock, watch), watch, pass_s, settled, clock.now)


@asynccontextmanager
async def redis_twin(url: str, *, team: str = "", **options: Any) -> AsyncIterator[Twin]:
    watch = AllowanceWatch()
    shared = RedisAllowances(url, SystemClock(), watch, called=lambda seconds, result: None, **options)
    async with shared.running():
        yield Twin(shared, watch, asyncio.sleep, shared.flushed, time.time, team)


Opened = Callable[[], Any]
Body = Callable[[Twin], Coroutine[Any, Any, None]]


def with_twin(opened: Opened, body: Body) -> None:
    async def main() -> None:
        async with opened() as twin:
            await body(twin)

    asyncio.run(main())
