"""Whether the event loop gets to its work: what blocks it blocks every request."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

TICK_S: Final = 0.25
LATE_S: Final = 0.5
"""From here on a delay is worth a line in the log."""

_log = logging.getLogger(__name__)


class LoopWatch:
    """Wakes every `TICK_S` and notes by how much it came too late."""

    def __init__(self, tick_s: float = TICK_S) -> None:
        self._tick_s = tick_s
        self._worst_s = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None

    def take_worst_s(self) -> float:
        """The longest delay since this was last asked."""
        worst_s, self._worst_s = self._worst_s, 0.0
        return worst_s

    def tasks(self) -> int:
        """How many tasks there are; 0 while nothing is watched."""
        return 0 if self._loop is None else len(asyncio.all_tasks(self._loop))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Watch while the block runs."""
        self._loop = asyncio.get_running_loop()
        watching = asyncio.create_task(self._watch(self._loop), name="loop watch")
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.wait([watching])
            self._loop = None

    async def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            due_s = loop.time() + self._tick_s
            await asyncio.sleep(self._tick_s)
            late_s = loop.time() - due_s
            self._worst_s = max(self._worst_s, late_s)
            if late_s >= LATE_S:
                _log.warning("the event loop was blocked for %.2f s: every request waited", late_s)
