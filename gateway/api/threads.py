"""Work that blocks, on a few threads of its own: the event loop goes on, and what hangs holds up nothing else."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

T = TypeVar("T")


class Threads:
    """At most `most` at a time. Who has to wait for a turn does so `turn_s` at most, and for the work `work_s`.

    A thread that hangs keeps its turn until it ends. They are daemons: the process does not wait for them.
    """

    def __init__(self, *, most: int, turn_s: float, work_s: float, name: str) -> None:
        self._turns = asyncio.Semaphore(most)
        self._turn_s = turn_s
        self._work_s = work_s
        self._name = name

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns, or raises. Raises TimeoutError: it was not begun, or hangs and may yet end."""
        async with asyncio.timeout(self._turn_s):
            await self._turns.acquire()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        try:
            threading.Thread(target=self._work, args=(work, done, loop), name=self._name, daemon=True).start()
        except RuntimeError:  # the machine has no thread left
            self._turns.release()
            raise
        async with asyncio.timeout(self._work_s):
            return await done

    def _work(self, work: Callable[[], T], done: "asyncio.Future[T]", loop: asyncio.AbstractEventLoop) -> None:
        try:
            tell = partial(done.set_result, work())
        except Exception as error:  # noqa: BLE001 - whoever waits for the work is told
            tell = partial(done.set_exception, error)
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(self._end, done, tell)

    def _end(self, done: "asyncio.Future[T]", tell: Callable[[], None]) -> None:
        self._turns.release()
        if not done.done():
            tell()
