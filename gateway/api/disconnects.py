"""Notice clients that leave while they wait.

Waiting for a disconnect takes a task of its own. Most answers are there before one could be of use, so only exchanges
that outlive a tick get one.
"""

import asyncio

from gateway.api.exchange import ChatExchange

TICK_S = 0.25


class Disconnects:
    """Watches the exchanges under way; a client's leaving is noticed within a tick."""

    def __init__(self, tick_s: float = TICK_S) -> None:
        self._tick_s = tick_s
        self._fresh: set[ChatExchange] = set()
        self._older: set[ChatExchange] = set()
        self._ticking = False

    def add(self, exchange: ChatExchange) -> None:
        """Cancel the current task when the client leaves; its request must have been read by the next tick."""
        self._fresh.add(exchange)
        if not self._ticking:
            self._ticking = True
            asyncio.get_running_loop().call_later(self._tick_s, self._tick)

    def discard(self, exchange: ChatExchange) -> None:
        self._fresh.discard(exchange)
        self._older.discard(exchange)
        if exchange.watcher is not None:
            exchange.watcher.cancel()

    def _tick(self) -> None:
        if not self._fresh and not self._older:
            self._ticking = False
            return
        for exchange in self._older:
            if exchange.watcher is None:
                exchange.watcher = asyncio.create_task(exchange.watch())
        self._older |= self._fresh
        self._fresh.clear()
        asyncio.get_running_loop().call_later(self._tick_s, self._tick)
