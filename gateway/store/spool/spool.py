"""The writing end of the spool: no request waits for it, unless durability is `sync`."""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Final, Literal

from gateway.domain.intent import Intent
from gateway.domain.kept_text import KeptText
from gateway.domain.record import RequestRecord
from gateway.store.spool.contents import intent_frame, record_frame, text_frame
from gateway.store.spool.frames import NOTHING, frame
from gateway.store.spool.segments import OpenSegment, Tail

Durability = Literal["sync", "group", "none"]
"""sync: no call leaves before its request is on the disk; group: the disk confirms what came in `group_s`;
none: the operating system has it within `group_s`, and writes it when it likes."""

GROUP_S: Final = 0.04
SEGMENT_BYTES: Final = 8 << 20
MEMORY_BYTES: Final = 16 << 20
RETRY_S: Final = 1.0
_LOG_EVERY_S: Final = 60.0
_TEXT_SHARE: Final = 0.5
"""Of the bytes that may wait, on the disk and in memory, texts take what is below it; records take all."""
_Waiters = list[asyncio.Future[bool]]

logger = logging.getLogger(__name__)


class Spool:
    """Appends frames to segments on a thread of its own, many to one write and one sync.

    folder        this process's own, held by it
    group_s       the longest a frame waits in memory, the time of the write itself not counted
    max_bytes     of segments that wait for the database; from there on nothing more is taken to the disk
    memory_bytes  of frames that wait for the disk; beyond them records are lost, and counted
    freed_bytes   how many bytes of segments have been deleted so far
    """

    def __init__(
        self,
        folder: Path,
        *,
        durability: Durability = "group",
        group_s: float = GROUP_S,
        max_bytes: int = 1 << 30,
        segment_bytes: int = SEGMENT_BYTES,
        memory_bytes: int = MEMORY_BYTES,
        freed_bytes: Callable[[], int] = lambda: 0,
        retry_s: float = RETRY_S,
    ) -> None:
        self._folder = folder
        self._is_sync = durability == "sync"
        self._is_synced = durability != "none"
        self._group_s = group_s
        self._max_bytes = max_bytes
        self._segment_bytes = segment_bytes
        self._memory_bytes = memory_bytes
        self._freed_bytes = freed_bytes
        self._retry_s = retry_s
        self._under_way: dict[str, bytes] = {}
        self._frames: deque[bytes] = deque()
        self._waiters: deque[asyncio.Future[bool]] = deque()
        self._taken_bytes = self._settled_bytes = self._written_bytes = 0
        self._texts: deque[bytes] = deque()
        self._text_bytes_taken = self._text_bytes_settled = 0
        self._in_hand: list[bytes] = []
        self._segment: OpenSegment | None = None
        self._next_number = 1
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self._logged_at_s: float | None = None
        self.failure: str | None = None
        """Why nothing can be written now."""
        self.tail = Tail(0, 0)
        self.lost = 0
        """Records that were not kept: the disk took none, and memory was full; or they could not be encoded."""
        self.recorded = 0
        self.texts_lost = 0
        """Texts that were not kept because the disk took none when their turn came."""

    @property
    def can_record(self) -> bool:
        return self.failure is None

    @property
    def is_settled(self) -> bool:
        """Whether the disk has everything, and nothing is under way."""
        return not (self._frames or self._in_hand or self._under_way)

    @property
    def waiting_bytes(self) -> int:
        """Bytes on the disk that the database does not have."""
        return max(self._written_bytes - self._freed_bytes(), 0)

    def start(self) -> None:
        self._thread.start()

    def begun(self, intent: Intent) -> Awaitable[bool] | None:
        """Keep it until its record comes. With `sync`, awaiting it waits for the disk, and says whether that has it."""
        each = intent_frame(intent)
        self._under_way[intent.id] = each
        is_taken = self._append(each)
        if not self._is_sync:
            return None
        waiter = asyncio.get_running_loop().create_future()
        if is_taken:
            self._waiters.append(waiter)
            self._wake.set()
        else:
            waiter.set_result(False)
        return waiter

    def record(self, record: RequestRecord) -> None:
        try:
            each = record_frame(record)
        except (OverflowError, TypeError, ValueError):
            self.lost += 1
            logger.exception("record %r is lost: it cannot be encoded", record.id)
        else:
            if self._append(each):
                self.recorded += 1
            else:
                self.lost += 1
        # Only now: a segment begun in between must have one of the two.
        self._under_way.pop(record.id, None)

    def add_text(self, text: KeptText) -> bool:
        """Keep it, once its request is recorded; False where that would take room from records. On one thread."""
        each = text_frame(text)
        waiting = self._text_bytes_taken - self._text_bytes_settled + len(each)
        has_room = waiting <= self._memory_bytes * _TEXT_SHARE and self.waiting_bytes <= self._max_bytes * _TEXT_SHARE
        if self.failure is not None or not has_room:
            return False
        self._text_bytes_taken += len(each)
        self._texts.append(each)
        self._wake.set()
        return True

    def close(self, timeout_s: float) -> None:
        """Write what waits in memory, for at most `timeout_s`."""
        self._closing.set()
        self._wake.set()
        self._thread.join(timeout_s)
        if self._thread.is_alive() or self._in_hand:
            logger.error("records are lost at shutdown: the spool could not be written: %s", self.failure)

    def _append(self, each: bytes) -> bool:
        if self._taken_bytes - self._settled_bytes + len(each) > self._memory_bytes:
            return False
        self._taken_bytes += len(each)
        self._frames.append(each)
        if not self._wake.is_set():
            self._wake.set()
        return True

    def _run(self) -> None:
        while True:
            self._wake.wait(None if self.failure is None else self._retry_s)
            self._wake.clear()
            is_last = self._closing.is_set()
            if not (self._is_sync or is_last):
                self._closing.wait(self._group_s if self.failure is None else self._retry_s)
            try:
                self._commit()
            except Exception as error:  # the thread must outlive whatever it meets
                logger.exception("unexpected failure of the spool")
                self._failed(str(error))
            if is_last:
                break
        self._drop_segment()

    def _commit(self) -> None:
        # The waiters and texts first: the frame of each waiter, and the record of each text, was appended before it.
        waiters = [self._waiters.popleft() for _ in range(len(self._waiters))]
        texts = [self._texts.popleft() for _ in range(len(self._texts))]
        self._in_hand.extend(self._frames.popleft() for _ in range(len(self._frames)))
        is_written = False
        try:
            if self._in_hand or texts or self.failure is not None:
                self._write([*self._in_hand, *texts] or [frame(NOTHING, b"")])
                self._settled_bytes += sum(map(len, self._in_hand))
                self._in_hand = []
            is_written = True
            self._recovered()
        except OSError as error:
            self._failed(error.strerror or str(error))
        finally:
            self._text_bytes_settled += sum(map(len, texts))
            self.texts_lost += 0 if is_written else len(texts)  # the records are tried again without them
            _tell(waiters, is_written)

    def _write(self, frames: list[bytes]) -> None:
        if self.waiting_bytes >= self._max_bytes:
            raise OSError(f"{self.waiting_bytes} bytes wait for the database, and {self._max_bytes} is the limit")
        try:
            segment = self._segment
            if segment is None or segment.size >= self._segment_bytes:
                segment = self._new_segment()
            before = segment.size
            segment.append(frames)
        except OSError:
            self._drop_segment()
            raise
        self._written_bytes += segment.size - before
        self.tail = Tail(segment.number, segment.size)

    def _new_segment(self) -> OpenSegment:
        """The next one, which begins with the intents of all that is under way: those before it may be deleted."""
        self._drop_segment()
        self._segment = segment = OpenSegment(self._folder, self._next_number, is_synced=self._is_synced)
        self._next_number += 1
        segment.append(list(self._under_way.values()))
        self._written_bytes += segment.size
        return segment

    def _drop_segment(self) -> None:
        if self._segment is not None:
            self._segment.close()
            self._segment = None

    def _failed(self, reason: str) -> None:
        self.failure = reason
        now_s = time.monotonic()
        if self._logged_at_s is None or now_s - self._logged_at_s >= _LOG_EVERY_S:
            self._logged_at_s = now_s
            logger.error("records cannot be kept on the disk now, they wait in memory (%d lost): %s", self.lost, reason)

    def _recovered(self) -> None:
        if self.failure is not None:
            logger.warning("records are kept on the disk again; %d were lost so far", self.lost)
            self.failure, self._logged_at_s = None, None


def _tell(waiters: Iterable[asyncio.Future[bool]], is_written: bool) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, _Waiters] = {}
    for waiter in waiters:
        by_loop.setdefault(waiter.get_loop(), []).append(waiter)
    for loop, theirs in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, theirs, is_written)


def _settle(waiters: _Waiters, is_written: bool) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(is_written)
