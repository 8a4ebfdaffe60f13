"""Watches the policy files by looking at them; why not by being told: docs/decisions/005-policy-reload.md."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Protocol

from gateway.policyfile.source import Stamp

MOST_RESTLESS_POLLS: Final = 5

_log = logging.getLogger(__name__)


class Reloadable(Protocol):
    """`FilePolicySource`, as far as it is watched. Both calls block."""

    def stamp(self) -> Stamp:
        """Changes with the files."""
        ...

    def try_reload(self) -> bool:
        """Whether the files' present state is in force now."""
        ...


class PolicyWatcher:
    """Reloads files that changed, once they have stood still from one poll to the next; at once on SIGHUP.

    Looking and reloading happen on a worker thread. Files that never stand still are tried at every
    `MOST_RESTLESS_POLLS`th poll, those that were refused at every one: what was in the way may be gone without a trace.
    """

    def __init__(self, files: Reloadable, *, poll_s: float) -> None:
        """`poll_s`: how often to look; 0: on SIGHUP only."""
        self._files = files
        self._poll_s = poll_s
        self._told = asyncio.Event()
        self._seen: Stamp | None = None
        self._reloaded: Stamp | None = None
        self._restless = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Watch while the block runs."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self._told.set)
        watching = asyncio.create_task(self._watch(), name="policy watcher")
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGHUP)
            watching.cancel()
            await asyncio.wait([watching])

    async def poll(self) -> None:
        """Look once, and reload where it is time to."""
        stamp = await asyncio.to_thread(self._files.stamp)
        stands_still = stamp == self._seen
        self._seen = stamp
        if stamp == self._reloaded:
            self._restless = 0
            return
        self._restless += 1
        if stands_still or self._restless >= MOST_RESTLESS_POLLS:
            self._restless = 0
            self._reloaded = stamp if await asyncio.to_thread(self._files.try_reload) else None

    async def _watch(self) -> None:
        while True:
            try:
                if await self._is_told():
                    await asyncio.to_thread(self._files.try_reload)
                else:
                    await self.poll()
            except Exception:  # noqa: BLE001 - outermost of its task, which must not end
                _log.exception("the policy files could not be looked at; the policies in force stay")

    async def _is_told(self) -> bool:
        """Whether a signal came before it was time for a poll."""
        try:
            async with asyncio.timeout(self._poll_s or None):
                await self._told.wait()
        except TimeoutError:
            return False
        self._told.clear()
        return True
