import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.counters.lanes import MemoryLanes
from gateway.domain.policy import Concurrency
from tests.virtual_time import run

TWO = Concurrency(calls=2)
QUEUED = Concurrency(calls=1, queue=2, queue_s=5.0)


def _run(main: Callable[[MemoryLanes], Awaitable[None]]) -> None:
    async def within() -> None:
        await main(MemoryLanes())

    run(within())


def test_as_many_calls_as_the_limit_says_are_let_in_at_once_and_no_more() -> None:
    async def main(lanes: MemoryLanes) -> None:
        assert [await lanes.enter("a", TWO) for _ in range(3)] == [True, True, False]
        assert await lanes.enter("b", TWO)

    _run(main)


def test_a_call_that_ends_makes_room_for_the_next() -> None:
    async def main(lanes: MemoryLanes) -> None:
        await lanes.enter("a", TWO)
        await lanes.enter("a", TWO)

        lanes.leave("a")

        assert await lanes.enter("a", TWO)

    _run(main)


def test_those_who_wait_come_in_the_order_they_came() -> None:
    async def main(lanes: MemoryLanes) -> None:
        await lanes.enter("a", QUEUED)
        came: list[str] = []

        async def wait(name: str) -> None:
            assert await lanes.enter("a", QUEUED)
            came.append(name)

        tasks = [asyncio.create_task(wait(name)) for name in ("first", "second")]
        await asyncio.sleep(1.0)
        assert not await lanes.enter("a", QUEUED)  # the queue is full
        lanes.leave("a")
        await asyncio.sleep(1.0)
        assert came == ["first"]
        lanes.leave("a")
        await asyncio.gather(*tasks)

        assert came == ["first", "second"]

    _run(main)


def test_who_has_waited_long_enough_goes_without() -> None:
    async def main(lanes: MemoryLanes) -> None:
        await lanes.enter("a", QUEUED)
        began_s = asyncio.get_running_loop().time()

        assert not await lanes.enter("a", QUEUED)

        assert asyncio.get_running_loop().time() - began_s == pytest.approx(5.0)
        lanes.leave("a")
        assert await lanes.enter("a", QUEUED)

    _run(main)


@pytest.mark.parametrize("is_let_in", [False, True])
def test_who_leaves_the_queue_takes_no_place_with_him(is_let_in: bool) -> None:
    async def main(lanes: MemoryLanes) -> None:
        await lanes.enter("a", QUEUED)
        waiting = asyncio.create_task(lanes.enter("a", QUEUED))
        await asyncio.sleep(1.0)

        if is_let_in:
            lanes.leave("a")
        waiting.cancel()
        await asyncio.wait([waiting])
        if not is_let_in:
            lanes.leave("a")

        assert await lanes.enter("a", QUEUED)
        assert not await lanes.enter("a", Concurrency(calls=1))

    _run(main)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.floats(0.0, 3.0), st.floats(0.0, 3.0), st.booleans()), max_size=30), st.integers(1, 3))
def test_never_more_calls_than_the_limit_are_under_way(calls: list[tuple[float, float, bool]], most: int) -> None:
    limit = Concurrency(calls=most, queue=5, queue_s=1.0)
    under_way: set[int] = set()

    async def main(lanes: MemoryLanes) -> None:
        async def call(number: int, after_s: float, takes_s: float) -> None:
            await asyncio.sleep(after_s)
            if await lanes.enter("a", limit):
                under_way.add(number)
                assert len(under_way) <= most
                try:
                    await asyncio.sleep(takes_s)
                finally:
                    under_way.discard(number)
                    lanes.leave("a")

        tasks = []
        for number, (after_s, takes_s, is_cancelled) in enumerate(calls):
            tasks.append(asyncio.create_task(call(number, after_s, takes_s)))
            if is_cancelled:
                asyncio.get_running_loop().call_later(after_s + takes_s / 2, tasks[-1].cancel)
        await asyncio.gather(*tasks, return_exceptions=True)
        assert not any(isinstance(task.exception(), AssertionError) for task in tasks if not task.cancelled())
        assert [await lanes.enter("a", Concurrency(calls=most)) for _ in range(most + 1)] == [True] * most + [False]

    _run(main)
