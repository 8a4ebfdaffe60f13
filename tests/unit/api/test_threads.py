import asyncio
import threading
import time

import pytest

from gateway.api.threads import Threads


def test_work_runs_beside_the_event_loop_and_returns_what_it_returns() -> None:
    async def ask() -> tuple[str, int]:
        threads, ticks = Threads(most=1, turn_s=5, work_s=5, name="t"), 0

        def work() -> str:
            time.sleep(0.2)
            return threading.current_thread().name

        task = asyncio.create_task(threads.run(work))
        while not task.done():
            await asyncio.sleep(0.01)
            ticks += 1
        return await task, ticks

    name, ticks = asyncio.run(ask())

    assert name == "t"
    assert ticks > 3


def test_what_the_work_raises_is_raised() -> None:
    async def ask() -> None:
        await Threads(most=1, turn_s=5, work_s=5, name="t").run(lambda: 1 // 0)

    with pytest.raises(ZeroDivisionError):
        asyncio.run(ask())


def test_no_more_than_so_many_work_at_a_time() -> None:
    at_work: list[int] = []
    most: list[int] = []

    def work() -> None:
        at_work.append(1)
        most.append(len(at_work))
        time.sleep(0.02)
        at_work.pop()

    async def ask() -> None:
        threads = Threads(most=2, turn_s=5, work_s=5, name="t")
        await asyncio.gather(*(threads.run(work) for _ in range(8)))

    asyncio.run(ask())

    assert (len(most), max(most)) == (8, 2)


def test_what_hangs_is_given_up_and_keeps_its_turn_until_it_ends() -> None:
    ends = threading.Event()

    async def ask() -> str:
        threads = Threads(most=1, turn_s=0.1, work_s=0.1, name="t")
        for _ in range(2):  # the second finds no turn
            with pytest.raises(TimeoutError):
                await threads.run(ends.wait)
        ends.set()
        await asyncio.sleep(0.1)
        return await threads.run(lambda: "goes on")

    assert asyncio.run(ask()) == "goes on"


def test_work_that_ends_after_the_loop_disturbs_nobody() -> None:
    ends = threading.Event()

    async def ask() -> None:
        with pytest.raises(TimeoutError):
            await Threads(most=1, turn_s=5, work_s=0.05, name="outlives").run(ends.wait)

    asyncio.run(ask())
    ends.set()
    for thread in threading.enumerate():
        if thread.name == "outlives":
            thread.join(5)

    assert "outlives" not in {thread.name for thread in threading.enumerate()}


def test_a_thread_that_cannot_begin_gives_its_turn_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def ask() -> str:
        threads = Threads(most=1, turn_s=0.1, work_s=1.0, name="t")
        with monkeypatch.context() as machine:
            machine.setattr(threading.Thread, "start", fails)
            with pytest.raises(RuntimeError):
                await threads.run(lambda: "never")
        return await threads.run(lambda: "goes on")

    assert asyncio.run(ask()) == "goes on"
