"""How many calls each deployment has under way in one process, and who waits for a place."""

import asyncio
from collections import deque

from gateway.domain.policy import Concurrency


class MemoryLanes:
    """`Lanes` of one process; first come, first served."""

    def __init__(self) -> None:
        self._lanes: dict[str, _Lane] = {}

    async def enter(self, deployment: str, limit: Concurrency) -> bool:
        lane = self._lanes.get(deployment)
        if lane is None:
            lane = self._lanes[deployment] = _Lane()
        lane.limit = limit.calls
        if lane.calls < limit.calls and not lane.waiting:
            lane.calls += 1
            return True
        if len(lane.waiting) >= limit.queue:
            return False
        return await lane.wait(limit.queue_s)

    def leave(self, deployment: str) -> None:
        self._lanes[deployment].leave()

    def calls(self, deployment: str) -> int:
        """How many are under way."""
        lane = self._lanes.get(deployment)
        return 0 if lane is None else lane.calls


class _Lane:
    """limit: calls at once, as the policy in force says; calls: under way, those just let in among them."""

    __slots__ = ("calls", "limit", "waiting")

    def __init__(self) -> None:
        self.limit = 0
        self.calls = 0
        self.waiting: deque[asyncio.Future[None]] = deque()

    async def wait(self, seconds: float) -> bool:
        """Wait for a place that another call leaves; False where none was left in time."""
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append(place)
        try:
            await asyncio.wait((place,), timeout=seconds)
        except asyncio.CancelledError:
            if place.done():
                self.leave()
            raise
        finally:
            if not place.done():
                self.waiting.remove(place)
        return place.done()

    def leave(self) -> None:
        self.calls -= 1
        while self.waiting and self.calls < self.limit:
            self.calls += 1
            self.waiting.popleft().set_result(None)
