import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gateway.deadlines import TICK_S, Deadline, Deadlines
from tests.virtual_time import run

_FOR_EVER_S = 1e4


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _ends_at(
    body: Callable[[Deadline], Awaitable[None]], *, within_s: float, at_most_s: float = float("inf")
) -> float | None:
    """When the deadline ended the body, None where the body came to its own end."""

    async def main() -> float | None:
        try:
            with Deadlines().within(within_s, at_most_s=at_most_s) as deadline:
                await body(deadline)
        except TimeoutError:
            return _now_s()
        return None

    return run(main())


async def _sleep(_: Deadline) -> None:
    await asyncio.sleep(_FOR_EVER_S)


def test_a_deadline_ends_its_body_with_a_timeout_at_most_a_tick_late() -> None:
    ended_s = _ends_at(_sleep, within_s=2.0)

    assert ended_s is not None
    assert 2.0 <= ended_s <= 2.0 + TICK_S + 1e-9


def test_a_body_that_is_in_time_is_left_alone() -> None:
    async def body(_: Deadline) -> None:
        await asyncio.sleep(1.9)

    assert _ends_at(body, within_s=2.0) is None


def test_a_deadline_that_was_left_in_time_does_not_fire_later() -> None:
    async def main() -> str:
        with Deadlines().within(1.0):
            await asyncio.sleep(0.5)
        await asyncio.sleep(10.0)
        return "undisturbed"

    assert run(main()) == "undisturbed"


def test_a_push_moves_the_deadline_from_now() -> None:
    async def body(deadline: Deadline) -> None:
        for _ in range(3):
            await asyncio.sleep(1.5)
            deadline.push(2.0)
        await asyncio.sleep(_FOR_EVER_S)

    assert _ends_at(body, within_s=2.0) == pytest.approx(6.5, abs=TICK_S)


def test_a_push_can_bring_the_deadline_nearer() -> None:
    async def body(deadline: Deadline) -> None:
        deadline.push(1.0)
        await asyncio.sleep(_FOR_EVER_S)

    assert _ends_at(body, within_s=30.0) == pytest.approx(1.0, abs=TICK_S)


def test_a_paused_deadline_rests_until_it_is_pushed() -> None:
    async def body(deadline: Deadline) -> None:
        deadline.pause()
        await asyncio.sleep(100.0)
        deadline.push(2.0)
        await asyncio.sleep(_FOR_EVER_S)

    assert _ends_at(body, within_s=2.0) == pytest.approx(102.0, abs=TICK_S)


def test_no_push_moves_a_deadline_beyond_its_end() -> None:
    async def body(deadline: Deadline) -> None:
        while True:
            await asyncio.sleep(1.0)
            deadline.push(2.0)

    assert _ends_at(body, within_s=2.0, at_most_s=5.5) == pytest.approx(5.5, abs=TICK_S)


def test_a_pause_stops_the_clock_of_the_end_too() -> None:
    async def body(deadline: Deadline) -> None:
        deadline.pause()
        await asyncio.sleep(50.0)
        deadline.push(30.0)
        await asyncio.sleep(_FOR_EVER_S)

    assert _ends_at(body, within_s=2.0, at_most_s=7.0) == pytest.approx(57.0, abs=TICK_S)


def test_an_end_before_the_first_deadline_is_the_deadline() -> None:
    assert _ends_at(_sleep, within_s=30.0, at_most_s=3.0) == pytest.approx(3.0, abs=TICK_S)


def test_an_error_of_the_body_passes_as_it_is() -> None:
    async def body(_: Deadline) -> None:
        raise KeyError("of the body")

    with pytest.raises(KeyError, match="of the body"):
        _ends_at(body, within_s=2.0)


def test_a_cancel_from_outside_stays_a_cancel() -> None:
    async def guarded(deadlines: Deadlines) -> None:
        with deadlines.within(5.0):
            await asyncio.sleep(_FOR_EVER_S)

    async def main() -> bool:
        task = asyncio.create_task(guarded(Deadlines()))
        await asyncio.sleep(1.0)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert run(main())


@pytest.mark.parametrize("outside_first", [True, False])
def test_a_cancel_from_outside_is_not_lost_where_the_deadline_fires_at_the_same_time(outside_first: bool) -> None:
    async def guarded() -> None:
        with Deadlines().within(5.0) as deadline:
            here.append(deadline)
            await asyncio.sleep(_FOR_EVER_S)

    async def main() -> bool:
        task = asyncio.create_task(guarded())
        await asyncio.sleep(1.0)
        cancels: list[Callable[[], object]] = [task.cancel, lambda: here[0].tick(_FOR_EVER_S, 0.0)]
        for cancel in cancels if outside_first else reversed(cancels):
            cancel()
        await asyncio.wait([task])
        return task.cancelled()

    here: list[Deadline] = []

    assert run(main())


def test_of_two_nested_deadlines_only_the_one_that_fired_times_out() -> None:
    async def main() -> tuple[str, float]:
        deadlines = Deadlines()
        with deadlines.within(5.0):
            try:
                with deadlines.within(1.0):
                    await asyncio.sleep(_FOR_EVER_S)
            except TimeoutError:
                await asyncio.sleep(2.0)
                return "inner", _now_s()
        return "neither", _now_s()

    which, ended_s = run(main())

    assert which == "inner"
    assert ended_s == pytest.approx(3.0, abs=TICK_S)


def test_an_outer_deadline_passes_through_an_inner_one_that_has_time_left() -> None:
    async def main() -> str:
        deadlines = Deadlines()
        try:
            with deadlines.within(1.0):
                try:
                    with deadlines.within(5.0):
                        await asyncio.sleep(_FOR_EVER_S)
                except TimeoutError:
                    return "inner"
        except TimeoutError:
            return "outer"
        return "neither"

    assert run(main()) == "outer"


def test_two_nested_deadlines_that_fire_together_are_one_timeout() -> None:
    async def main() -> int:
        deadlines = Deadlines()
        with pytest.raises(TimeoutError), deadlines.within(1.0), deadlines.within(1.0):
            await asyncio.sleep(_FOR_EVER_S)
        task = asyncio.current_task()
        assert task is not None
        return task.cancelling()

    assert run(main()) == 0


def test_each_task_has_its_own_deadline() -> None:
    async def guarded(deadlines: Deadlines, seconds: float) -> float:
        try:
            with deadlines.within(seconds):
                await asyncio.sleep(_FOR_EVER_S)
        except TimeoutError:
            return _now_s()
        return 0.0

    async def main() -> list[float]:
        deadlines = Deadlines()
        return await asyncio.gather(*(guarded(deadlines, seconds) for seconds in (3.0, 1.0, 2.0)))

    assert run(main()) == pytest.approx([3.0, 1.0, 2.0], abs=TICK_S)


def test_the_ticker_stops_when_no_deadline_is_left_and_starts_again_with_the_next() -> None:
    async def main() -> tuple[bool, float]:
        deadlines = Deadlines(tick_s=0.05)
        with deadlines.within(1.0):
            await asyncio.sleep(0.01)
        await asyncio.sleep(1.0)
        idle = not deadlines._ticking
        with pytest.raises(TimeoutError), deadlines.within(1.0):
            await asyncio.sleep(_FOR_EVER_S)
        return idle, _now_s()

    idle, ended_s = run(main())

    assert idle
    assert ended_s == pytest.approx(2.01, abs=TICK_S)


def test_a_deadline_without_a_task_to_guard_is_refused() -> None:
    async def main() -> str:
        loop = asyncio.get_running_loop()
        outside: asyncio.Future[str] = loop.create_future()

        def call() -> None:
            try:
                Deadlines().within(1.0)
            except RuntimeError as error:
                outside.set_result(str(error))

        loop.call_soon(call)
        return await outside

    assert run(main()) == "a deadline guards a task; there is none here"


def test_a_task_that_outlived_a_cancel_can_still_time_out() -> None:
    async def guarded() -> str:
        try:
            await asyncio.sleep(_FOR_EVER_S)
        except asyncio.CancelledError:
            with Deadlines().within(1.0):
                await asyncio.sleep(_FOR_EVER_S)
        return "unreachable"

    async def main() -> BaseException | None:
        task = asyncio.create_task(guarded())
        await asyncio.sleep(0.5)
        task.cancel()
        await asyncio.wait([task])
        return None if task.cancelled() else task.exception()

    assert isinstance(run(main()), TimeoutError)
