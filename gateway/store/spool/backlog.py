"""The reading end of the spool: what the disk has and the database has not, oldest first."""

import logging
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from gateway.domain.intent import Intent, unfinished
from gateway.domain.kept_text import KeptText
from gateway.domain.record import RequestRecord
from gateway.store.spool.contents import intent_of, record_of, text_of
from gateway.store.spool.folders import HeldFolder, left_folders
from gateway.store.spool.frames import INTENT, RECORD, TEXT, Frame, SpoolVersionError
from gateway.store.spool.segments import MOST_AT_ONCE, SegmentReader, Tail, segment_numbers, segment_path

_ENDLESS: Final = Tail(2**62, 0)
Entry = RequestRecord | KeptText
"""What the database gets. A text comes after its record."""

logger = logging.getLogger(__name__)


class Segments:
    """One process's segments, read from the first to the tail; what has been taken is deleted when it is `done`.

    tail  how far they may be read; None: their process is dead, and they are all there will be
    """

    def __init__(self, folder: Path, tail: Callable[[], Tail] | None = None) -> None:
        self._folder = folder
        self._tail = tail
        self._reader: SegmentReader | None = None
        self._finished: list[tuple[int, int]] = []
        self._under_way: dict[str, Intent] = {}
        self.freed_bytes = 0
        self.unreadable = 0
        """Frames that were whole and still no record."""

    def take(self, limit: int) -> list[Entry]:
        """The next entries, at most `limit`, fewer where they are long; none: there are no more now.

        Raises SpoolVersionError.
        """
        taken: list[Entry] = []
        size = 0
        tail = _ENDLESS if self._tail is None else self._tail()
        while len(taken) < limit and size < MOST_AT_ONCE:
            reader = self._reader or self._next_reader(tail)
            if reader is None:
                break
            end = tail.size if reader.number == tail.number else reader.size()
            frames = reader.read(end, limit - len(taken))
            taken.extend(entry for each in frames if (entry := self._told(each)) is not None)
            if frames:
                size += sum(len(each.payload) for each in frames) if taken else 0
                continue
            if reader.number >= tail.number:
                break
            self._finish(reader, end)
        return taken

    def done(self) -> None:
        """All that was taken is in the database: delete the segments that were read to their end.

        Each begins with what was under way when those before it ended. The last of a dead process goes with its folder,
        for of what was under way then it alone tells.
        """
        kept = self._finished[-1:] if self._tail is None else []
        for number, size in self._finished[: len(self._finished) - len(kept)]:
            segment_path(self._folder, number).unlink(missing_ok=True)
            self.freed_bytes += size
        self._finished = kept

    def left_under_way(self) -> list[RequestRecord]:
        """The requests whose process died before they were over, once everything else was taken."""
        left = [unfinished(intent) for intent in self._under_way.values()]
        self._under_way.clear()
        return left

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _next_reader(self, tail: Tail) -> SegmentReader | None:
        past = max((number for number, _ in self._finished), default=0)
        numbers = [number for number in segment_numbers(self._folder) if past < number <= tail.number]
        self._reader = SegmentReader(self._folder, numbers[0]) if numbers else None
        return self._reader

    def _finish(self, reader: SegmentReader, end: int) -> None:
        if reader.damaged or reader.offset < end:
            logger.warning(
                "segment %s: %d bytes are damaged, %d at its end are torn; they are passed over",
                segment_path(self._folder, reader.number),
                reader.damaged,
                max(end - reader.offset, 0),
            )
        self._finished.append((reader.number, end))
        self.close()

    def _told(self, each: Frame) -> Entry | None:
        try:
            if each.kind == RECORD:
                record = record_of(each.payload)
                self._under_way.pop(record.id, None)
                return record
            if each.kind == TEXT:
                return text_of(each.payload)
            if each.kind == INTENT and self._tail is None:
                intent = intent_of(each.payload)
                self._under_way[intent.id] = intent
        except msgspec.MsgspecError as error:
            self.unreadable += 1
            logger.error("a record in %s cannot be read, it is passed over: %s", self._folder, error)  # noqa: TRY400
        return None


class Backlog:
    """What waits for the database: first what processes that died left behind, then our own.

    spool   where the folders of all processes are
    folder  this process's own, and `own` its segments
    """

    def __init__(self, spool: Path, folder: HeldFolder, own: Segments) -> None:
        self._spool = spool
        self._folder = folder
        self._own = own
        self._left: deque[tuple[HeldFolder, Segments]] = deque()
        self._refused: list[HeldFolder] = []
        self._recovered = 0

    def find_left(self) -> None:
        """Look for folders of processes that died. Blocking, and cheap."""
        for folder in left_folders(self._spool):
            logger.info("records were left in %s by a process that died: they are taken over", folder.path)
            self._left.append((folder, Segments(folder.path)))

    def take(self, limit: int) -> list[Entry]:
        """The next entries, at most `limit` of what was recorded, and more of what was not over; none: all is taken."""
        while self._left:
            folder, segments = self._left[0]
            try:
                taken = segments.take(limit) or [*segments.left_under_way()]
            except (SpoolVersionError, OSError) as error:
                logger.error("records stay in the spool: %s", error)  # noqa: TRY400
                segments.close()
                self._refused.append(folder)  # held, so that it is not found again
                self._left.popleft()
                continue
            if taken:
                self._recovered += sum(isinstance(each, RequestRecord) for each in taken)
                return taken
            segments.done()
            segments.close()
            folder.remove()
            self._left.popleft()
            logger.info("%d records of processes that died are in the database", self._recovered)
            self._recovered = 0
        return self._own.take(limit)

    def done(self) -> None:
        """What was taken last is in the database."""
        if self._left:
            self._left[0][1].done()
        self._own.done()

    def close(self, *, is_empty: bool) -> None:
        """Let go of everything; what is not in the database stays for the next process.

        is_empty  the database has all of ours: nothing of it need stay
        """
        self._own.close()
        if is_empty:
            self._folder.remove()
        else:
            self._folder.release()
        for folder, segments in self._left:
            segments.close()
            folder.release()
        for folder in self._refused:
            folder.release()
