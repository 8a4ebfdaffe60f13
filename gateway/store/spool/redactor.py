"""Redacts what policies want kept, on a thread of its own, and hands it to the spool: before, none of it is on a disk.

Not the spool's thread, whose commits requests may wait for, nor the writer's: what that reads was on the disk already.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from gateway.domain.kept_text import KeptText, Said, kept_text

MEMORY_BYTES: Final = 16 << 20

logger = logging.getLogger(__name__)


class Redactor:
    """Whoever hands it something never waits. Its thread begins with the first that comes.

    keep          takes what is redacted, on the thread; False where it has no room
    memory_bytes  of what waits to be redacted; what is beyond is lost, and counted
    """

    def __init__(self, keep: Callable[[KeptText], bool], *, memory_bytes: int = MEMORY_BYTES) -> None:
        self._keep = keep
        self._memory_bytes = memory_bytes
        self._waiting: deque[tuple[Said, int]] = deque()
        self._taken_bytes = self._settled_bytes = 0
        self._turned_away = self._not_kept = 0
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._gave_up = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def lost(self) -> int:
        return self._turned_away + self._not_kept

    def add(self, said: Said) -> None:
        """Called on one thread."""
        size = said.size
        if self._closing.is_set() or self._taken_bytes - self._settled_bytes + size > self._memory_bytes:
            self._turned_away += 1
            return
        self._taken_bytes += size
        self._waiting.append((said, size))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="redactor", daemon=True)
            self._thread.start()
        self._wake.set()

    def close(self, timeout_s: float) -> None:
        """Redact what waits, for at most `timeout_s`."""
        self._closing.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout_s)
            self._gave_up.set()
        self._not_kept += len(self._waiting)

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            is_last = self._closing.is_set()
            while self._waiting and not self._gave_up.is_set():
                said, size = self._waiting.popleft()
                self._not_kept += not self._is_kept(said)
                self._settled_bytes += size
            if is_last:
                return

    def _is_kept(self, said: Said) -> bool:
        try:
            return self._keep(kept_text(said))
        except Exception as error:  # noqa: BLE001 (the thread goes on; what the error says may be out of the text)
            logger.error("the text of request %r is not kept: %s", said.request_id, type(error).__name__)  # noqa: TRY400
            return False
