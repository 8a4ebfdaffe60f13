"""Plays one script to one client: writes, waits, and stops while the client does not read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from gateway.providers.scripted.script import Script


class Playback:
    """A script under way. No task, only a timer where it waits, so that thousands of slow streams stay cheap.

    head, started_s     what the ledger needs to know of the request
    keep_alive          whether the request lets the connection live on
    tokens              completion tokens written so far
    """

    __slots__ = (
        "_index",
        "_loop",
        "_on_end",
        "_paused",
        "_timer",
        "_transport",
        "_waited",
        "head",
        "keep_alive",
        "script",
        "started_s",
        "tokens",
    )

    def __init__(
        self,
        script: Script,
        *,
        head: bytes,
        keep_alive: bool,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        on_end: Callable[[], None],
    ) -> None:
        self.script = script
        self.head = head
        self.keep_alive = keep_alive
        self.started_s = time.monotonic()
        self.tokens = 0
        self._transport = transport
        self._loop = loop
        self._on_end = on_end
        self._index = 0
        self._waited = False
        self._paused = False
        self._timer: asyncio.TimerHandle | None = None

    def play(self) -> None:
        """Go on until the script waits, the transport's buffer is full, or the end, which calls `on_end`."""
        steps = self.script.steps
        write = self._transport.write
        while self._index < len(steps):
            step = steps[self._index]
            if self._paused or self._transport.is_closing():
                return
            if step.wait_s and not self._waited:
                self._timer = self._loop.call_later(step.wait_s, self._play_on)
                return
            self._waited = False
            self._index += 1
            self.tokens += step.tokens
            if step.data:
                write(step.data)
        self._on_end()

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        if self._timer is None:
            self.play()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _play_on(self) -> None:
        self._timer = None
        self._waited = True
        self.play()
