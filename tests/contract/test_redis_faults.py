"""Redis dead, slow, read-only, full, forgetful or wrong (faults 50 to 52): no request waits, and the limits hold."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any

import pytest
from redis.asyncio import Redis

from gateway.counters.redis_link import CALL_S, FAILURES
from gateway.domain.allowances import Allowance, BudgetTerms, Limits
from gateway.domain.errors import AllowanceError, CountersUnavailableError
from tests.contract.twins import Twin, redis_twin, used, with_twin
from tests.services import running_redis

pytestmark = pytest.mark.service("redis")
BACK_WITHIN_S = 5.0
SLACK_S = 0.1
"""On a busy machine a call that gives up in time may be seen to a while later."""
TEN = Allowance(owner="key:k", limits=Limits(requests_per_day=10))
Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(scope="module")
def own_redis() -> Iterator[str]:
    """A Redis these tests may ruin."""
    with running_redis() as url:
        yield url


async def _grants(twin: Twin, allowance: Allowance, most: int = 100) -> int:
    """How many pass in a row."""
    for count in range(most):
        try:
            await twin.admit(allowance)
        except AllowanceError:
            return count
    return most


async def _is_up(twin: Twin) -> None:
    async with asyncio.timeout(BACK_WITHIN_S):
        while not _link(twin).is_up:  # noqa: ASYNC110 (it is looked at from outside)
            await asyncio.sleep(0.02)


def _link(twin: Twin) -> Any:
    return twin.admission.link  # type: ignore[attr-defined]


async def _command(operator: Any, line: str) -> None:
    await operator.execute_command(line)


@asynccontextmanager
async def _stopped(url: str) -> AsyncIterator[None]:
    """Redis takes what it is sent, and does nothing, while the block runs."""
    async with Redis.from_url(url) as operator:
        process = int((await operator.info("server"))["process_id"])
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


@asynccontextmanager
async def _told(url: str, begin: str, end: str) -> AsyncIterator[None]:
    async with Redis.from_url(url) as operator:
        await _command(operator, begin)
        try:
            yield
        finally:
            await _command(operator, end)


TROUBLES: dict[str, Callable[[str], AbstractAsyncContextManager[None]]] = {
    "read-only after a failover": lambda url: _told(url, "REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE"),
    "out of memory": lambda url: _told(url, "CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0"),
    "silent": _stopped,
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_while_redis_is_in_trouble_each_gateway_lets_its_share_pass_and_no_request_waits(
    own_redis: str, trouble: str
) -> None:
    async def body(twin: Twin) -> None:
        await twin.admit(TEN)
        async with TROUBLES[trouble](own_redis):
            begun_s = time.perf_counter()
            granted = await _grants(twin, TEN)
            took_s = time.perf_counter() - begun_s
        assert granted == 5
        assert took_s < FAILURES * CALL_S + SLACK_S
        await _is_up(twin)
        assert await _grants(twin, TEN) >= 10 - 1 - FAILURES  # a call that came too late may yet have counted

    with_twin(partial(redis_twin, own_redis, gateways=2), body)


def test_a_redis_that_forgot_the_scripts_gets_them_again(own_redis: str) -> None:
    async def body(twin: Twin) -> None:
        async with Redis.from_url(own_redis) as operator:
            await twin.admit(TEN)
            await operator.script_flush()

        assert await _grants(twin, TEN) == 9
        assert _link(twin).is_up

    with_twin(partial(redis_twin, own_redis), body)


def test_connections_that_were_cut_are_made_anew(own_redis: str) -> None:
    async def body(twin: Twin) -> None:
        async with Redis.from_url(own_redis) as operator:
            await twin.admit(TEN)
            await _command(operator, "CLIENT KILL TYPE normal SKIPME yes")

        await twin.admit(TEN)
        await twin.admit(TEN)

        assert _link(twin).answered >= 2

    with_twin(partial(redis_twin, own_redis), body)


@asynccontextmanager
async def _false_redis(answer: Answer) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A listener that does one thing with whatever it is sent: its URL, and what it was sent."""
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            seen.append(data)
            await answer(writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"redis://127.0.0.1:{port}/0", seen
    finally:
        server.close()


async def _silence(writer: asyncio.StreamWriter) -> None: ...


def _says(line: str) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(f"-{line}\r\n".encode() * 4)

    return answer


ERRORS = [
    "LOADING Redis is loading the dataset in memory",
    "MOVED 3999 127.0.0.1:6381",
    "CROSSSLOT Keys in request don't hash to the same slot",
    "NOAUTH Authentication required.",
    "BUSY Redis is busy running a script.",
]


@pytest.mark.parametrize("line", ERRORS, ids=lambda line: line.partition(" ")[0])
def test_whatever_redis_answers_that_is_no_count_the_share_passes(line: str) -> None:
    async def main() -> None:
        async with _false_redis(_says(line)) as (url, _), redis_twin(url, gateways=2) as twin:
            assert await _grants(twin, TEN) == 5
            assert not _link(twin).is_up

    asyncio.run(main())


def test_a_blackholed_redis_costs_three_requests_50_ms_and_all_others_nothing() -> None:
    async def main() -> list[float]:
        took: list[float] = []
        async with _false_redis(_silence) as (url, seen), redis_twin(url) as twin:
            for _ in range(400):
                begun_s = time.perf_counter()
                await twin.admit(Allowance(owner="key:k", limits=Limits(requests_per_day=1_000)))
                took.append(time.perf_counter() - begun_s)
            assert len(seen) <= 2 * FAILURES  # what is asked while an answer is missing waits, and is dropped
        return took

    took = asyncio.run(main())

    assert max(took[:FAILURES]) < CALL_S + SLACK_S
    assert sorted(took[FAILURES:])[-4] < 0.005


def test_a_redis_that_takes_20_ms_for_each_answer_is_still_asked(own_redis: str) -> None:
    port = int(own_redis.rpartition(":")[2].partition("/")[0])

    async def main() -> tuple[int, int]:
        async with _slow_way(port, 0.02) as url, redis_twin(url) as twin:
            await asyncio.sleep(0.3)  # it connects
            granted = await _grants(twin, TEN)
            assert _link(twin).is_up
            return granted, _link(twin).answered

    granted, answered = asyncio.run(main())

    assert 10 <= granted < 10 + FAILURES  # on a busy machine one of them may be too late, and pass as a share
    assert answered > 5


def test_a_redis_that_is_far_is_found_again(own_redis: str) -> None:
    """Making a connection to it takes longer than a request may wait."""
    port = int(own_redis.rpartition(":")[2].partition("/")[0])

    async def main() -> None:
        async with _slow_way(port, 0.02) as url, redis_twin(url) as twin:
            async with _stopped(own_redis):
                await _grants(twin, TEN)
                assert not _link(twin).is_up
            await _is_up(twin)

    asyncio.run(main())


@asynccontextmanager
async def _slow_way(port: int, delay_s: float) -> AsyncIterator[str]:
    """A way to the Redis at that port on which each answer takes so long: its URL."""
    ways: list[asyncio.Task[None]] = []

    async def carry(source: asyncio.StreamReader, target: asyncio.StreamWriter, wait_s: float) -> None:
        while data := await source.read(65_536):
            await asyncio.sleep(wait_s)
            target.write(data)
        target.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_redis, to_redis = await asyncio.open_connection("127.0.0.1", port)
        ways.extend(
            (asyncio.create_task(carry(reader, to_redis, 0.0)), asyncio.create_task(carry(from_redis, writer, delay_s)))
        )

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    finally:
        server.close()
        await asyncio.gather(*ways)


def test_nobody_listens_at_all_from_the_start() -> None:
    async def main() -> None:
        async with redis_twin("redis://127.0.0.1:9/0", gateways=5) as twin:
            assert await _grants(twin, TEN) == 2

    asyncio.run(main())


@pytest.mark.parametrize(
    ("options", "refused"),
    [
        ({"limits_down": "refuse"}, TEN),
        ({"budgets_down": "refuse"}, Allowance(owner="t", budgets=(BudgetTerms(period="day", limit_nano_usd=10**9),))),
    ],
    ids=["limits", "budgets"],
)
def test_what_is_set_to_be_refused_without_redis_is_a_503_that_says_when_to_come_back(
    options: dict[str, str], refused: Allowance
) -> None:
    async def body(twin: Twin) -> None:
        with pytest.raises(CountersUnavailableError) as caught:
            await twin.admit(refused)
        assert caught.value.retry_after_s == 1.0

    with_twin(partial(redis_twin, "redis://127.0.0.1:9/0", **options), body)


def test_what_a_late_answer_took_is_given_back(own_redis: str) -> None:
    async def body(twin: Twin) -> None:
        budget = Allowance(
            owner="t",
            limits=Limits(requests_per_day=10),
            budgets=(BudgetTerms(period="day", limit_nano_usd=30_000),),
        )
        await twin.admit(budget)
        async with _stopped(own_redis):
            late = await twin.admit(budget)
            late.settle(used(1, 3_000))
        await asyncio.sleep(0.2)
        await twin.settled()

        hold = await twin.admit(Allowance(owner="t", budgets=budget.budgets))

        assert hold.budget.used_ratio == pytest.approx((10_000 + 3_000) / 30_000, abs=0.011)

    with_twin(partial(redis_twin, own_redis), body)


def test_a_request_whose_client_leaves_while_redis_thinks_is_given_back(own_redis: str) -> None:
    async def body(twin: Twin) -> None:
        await twin.admit(TEN)
        async with _stopped(own_redis):
            asking = asyncio.create_task(twin.admit(TEN))
            await asyncio.sleep(0.02)
            asking.cancel()
            await asyncio.wait([asking])
        await asyncio.sleep(0.2)
        await twin.settled()

        assert asking.cancelled()
        assert await _grants(twin, TEN) == 9

    with_twin(partial(redis_twin, own_redis), body)


def test_a_budget_is_not_raised_while_redis_is_away_nor_just_after(own_redis: str) -> None:
    """What was spent meanwhile is in the records too: it has to be told first, or it would count twice."""

    async def body(twin: Twin) -> None:
        await twin.admit(TEN)
        async with _stopped(own_redis):
            await _grants(twin, TEN)
            assert not await twin.admission.raise_to([])
        await _is_up(twin)

        assert not await twin.admission.raise_to([])

    with_twin(partial(redis_twin, own_redis), body)


def test_what_was_spent_while_redis_was_away_is_told_to_it_once_it_is_back(own_redis: str) -> None:
    async def body(twin: Twin) -> None:
        budget = Allowance(owner="t", budgets=(BudgetTerms(period="day", limit_nano_usd=1_000_000),))
        async with Redis.from_url(own_redis) as operator:
            (await twin.admit(budget)).settle(used(100))
            await twin.settled()
            await _command(operator, "CONFIG SET maxmemory 1")
            for _ in range(4):
                away = await twin.admit(budget)
                away.settle(used(50))
            assert away.budget.used_ratio > 0.2
            await _command(operator, "CONFIG SET maxmemory 0")
        await _is_up(twin)
        await asyncio.sleep(0.6)

        hold = await twin.admit(budget)

        assert hold.budget.used_ratio == pytest.approx(0.3, abs=0.011)

    with_twin(partial(redis_twin, own_redis), body)


def test_a_batch_that_is_sent_twice_counts_once(own_redis: str) -> None:
    async def body(twin: Twin) -> None:
        change = ("budget", 20_000, 500, 60)
        mark, key = f"sw:{{{twin.team}}}:batch:1", f"sw:{{{twin.team}}}:b"

        first = await _link(twin).amend(mark, (key,), (change,))
        again = await _link(twin).amend(mark, (key,), (change,))

        assert (first, again) == ([500], [])

    with_twin(partial(redis_twin, own_redis), body)


def test_a_budget_of_a_window_that_is_over_is_left_as_it_is(own_redis: str) -> None:
    async def body(twin: Twin) -> None:
        key = f"sw:{{{twin.team}}}:b"
        await _link(twin).amend(f"sw:{{{twin.team}}}:1", (key,), (("budget", 20_001, 500, 60),))

        told = await _link(twin).amend(f"sw:{{{twin.team}}}:2", (key,), (("budget", 20_000, -500, 60),))

        assert told == [0]
        async with Redis.from_url(own_redis) as operator:
            assert await operator.get(key) == b"20001:500"

    with_twin(partial(redis_twin, own_redis), body)
