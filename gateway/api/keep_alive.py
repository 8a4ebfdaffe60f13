"""Comments for clients whose stream is silent, so that no load balancer on the way takes it for dead."""

import asyncio
from typing import Protocol


class Silent(Protocol):
    """A stream that may need a sign of life."""

    def keep_alive(self) -> None:
        """Called regularly: send a comment, unless something was sent since the last call."""
        ...


class KeepAlives:
    """Looks at all streams under way, on one ticker that runs only while there are any.

    silence_s  the longest a client hears nothing; 0: nobody is sent comments
    """

    def __init__(self, silence_s: float) -> None:
        self._tick_s = silence_s / 2
        self._streams: set[Silent] = set()
        self._is_ticking = False

    def add(self, stream: Silent) -> None:
        if self._tick_s <= 0:
            return
        self._streams.add(stream)
        if not self._is_ticking:
            self._is_ticking = True
            asyncio.get_running_loop().call_later(self._tick_s, self._tick)

    def discard(self, stream: Silent) -> None:
        self._streams.discard(stream)

    def _tick(self) -> None:
        if not self._streams:
            self._is_ticking = False
            return
        for stream in tuple(self._streams):
            stream.keep_alive()
        asyncio.get_running_loop().call_later(self._tick_s, self._tick)
