"""Deadlines for many tasks on one ticker.

A timer of one's own costs a request several microseconds each time it is set; here setting one is an assignment. A
deadline fires up to `TICK_S` late, which is nothing beside the seconds it guards.
"""

import asyncio
import math
from types import TracebackType
from typing import Self

TICK_S = 0.05


class Deadline:
    """A context manager that ends its body with TimeoutError when the deadline passes.

    `push` moves it, never beyond its end; `pause` stops the clock, the end included, while the body waits for someone
    who is not timed, and `resume` lets it go on.
    """

    __slots__ = ("_cancels_before", "_deadlines", "_due_s", "_end_s", "_expired", "_is_paused", "_task")

    def __init__(self, deadlines: "Deadlines", due_s: float, end_s: float) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a deadline guards a task; there is none here")
        self._deadlines = deadlines
        self._task = task
        self._due_s = due_s
        self._end_s = end_s
        self._is_paused = False
        self._expired = False
        self._cancels_before = task.cancelling()

    @property
    def is_over(self) -> bool:
        """The end itself has passed, not only the time since the last push."""
        return self._deadlines.now_s() >= self._end_s

    def push(self, seconds: float) -> None:
        self._is_paused = False
        self._due_s = min(self._deadlines.now_s() + seconds, self._end_s)

    def pause(self) -> None:
        self._is_paused = True

    def resume(self) -> None:
        self._is_paused = False

    def tick(self, now_s: float, passed_s: float) -> None:
        """Expire if it is time; a pause moves it by as much as has passed, and its end too."""
        if self._is_paused:
            self._due_s += passed_s
            self._end_s += passed_s
        elif now_s >= self._due_s and not self._expired:
            self._expired = True
            self._task.cancel()

    def __enter__(self) -> Self:
        self._deadlines.add(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._deadlines.discard(self)
        if self._expired and self._task.uncancel() <= self._cancels_before and kind is asyncio.CancelledError:
            raise TimeoutError from exc


class Deadlines:
    """All deadlines of one event loop; the ticker runs only while there are any."""

    def __init__(self, tick_s: float = TICK_S) -> None:
        self._tick_s = tick_s
        self._active: set[Deadline] = set()
        self._ticking = False
        self._ticked_s = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None

    def within(self, seconds: float, *, at_most_s: float = math.inf) -> Deadline:
        """Guard the current task for `seconds` from now, and with every push no longer than `at_most_s` in all."""
        now_s = self.now_s()
        return Deadline(self, now_s + min(seconds, at_most_s), now_s + at_most_s)

    def now_s(self) -> float:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop.time()

    def add(self, deadline: Deadline) -> None:
        self._active.add(deadline)
        if not self._ticking:
            self._ticking = True
            self._ticked_s = self.now_s()
            asyncio.get_running_loop().call_later(self._tick_s, self._tick)

    def discard(self, deadline: Deadline) -> None:
        self._active.discard(deadline)

    def _tick(self) -> None:
        if not self._active:
            self._ticking = False
            return
        now_s = self.now_s()
        passed_s, self._ticked_s = now_s - self._ticked_s, now_s
        for deadline in tuple(self._active):
            deadline.tick(now_s, passed_s)
        asyncio.get_running_loop().call_later(self._tick_s, self._tick)
