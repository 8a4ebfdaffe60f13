import asyncio
import logging
import time

import pytest

from gateway.telemetry.loop_watch import LATE_S, LoopWatch


def test_a_loop_that_is_blocked_is_noticed_by_how_long_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    watch = LoopWatch(tick_s=0.01)

    async def main() -> None:
        async with watch.running():
            await asyncio.sleep(0.03)
            time.sleep(LATE_S + 0.1)  # noqa: ASYNC251 (what must not happen)
            await asyncio.sleep(0.03)

    with caplog.at_level(logging.WARNING):
        asyncio.run(main())

    assert watch.take_worst_s() >= LATE_S
    assert "blocked" in caplog.text


def test_the_worst_delay_is_told_once() -> None:
    watch = LoopWatch(tick_s=0.01)

    async def main() -> None:
        async with watch.running():
            await asyncio.sleep(0.05)

    asyncio.run(main())

    assert 0.0 < watch.take_worst_s() < LATE_S
    assert watch.take_worst_s() == 0.0


def test_tasks_are_counted_while_they_are_there() -> None:
    watch = LoopWatch()

    async def main() -> None:
        assert watch.tasks() == 0
        async with watch.running():
            before = watch.tasks()
            sleeping = [asyncio.create_task(asyncio.sleep(10)) for _ in range(5)]
            await asyncio.sleep(0)
            assert watch.tasks() == before + 5
            for task in sleeping:
                task.cancel()

    asyncio.run(main())
    assert watch.tasks() == 0
