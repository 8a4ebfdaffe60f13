"""Plays one script to one client: writes, waits, and stops while the client does not read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from gateway.providers.scripted.ledger import UpstreamLedger
from gateway.providers.scripted.script import Outcome, Script


class Playback:
    """A script under way. No task, only a timer where it waits, so that thousands of slow streams stay cheap.

    The call is booked just before its last write, so that a client that has read the whole answer finds it in
    the ledger.

    head            the request's, for the ledger
    keep_alive      whether the request lets the connection live on
    """

    __slots__ = (
        "_head",
        "_index",
        "_ledger",
        "_loop",
        "_on_end",
        "_paused",
        "_started_s",
        "_timer",
        "_tokens",
        "_transport",
        "_waited",
        "keep_alive",
        "script",
    )

    def __init__(
        self,
        script: Script,
        *,
        head: bytes,
        keep_alive: bool,
        ledger: UpstreamLedger,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        on_end: Callable[[], None],
    ) -> None:
        self.script = script
        self.keep_alive = keep_alive
        self._head = head
        self._ledger = ledger
        self._started_s = time.monotonic()
        self._tokens = 0
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
            self._tokens += step.tokens
            if self._index == len(steps) and self.script.ending != "hang":
                self._book(self.script.outcome)
            if step.data:
                write(step.data)
        self._on_end()

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        if self._timer is None:
            self.play()

    def break_off(self, outcome: Outcome) -> None:
        """The connection is gone: wait no longer, and book what was written."""
        if self._timer is not None:
            self._timer.cancel()
        self._book(outcome)

    def _book(self, outcome: Outcome) -> None:
        self._ledger.record(self.script, self._head, self._started_s, self._tokens, outcome)

    def _play_on(self) -> None:
        self._timer = None
        self._waited = True
        self.play()
