"""The files of one process's spool: numbered segments, appended to by one thread, read by another."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from gateway.store.spool.frames import HEAD, Frame, check_head, frames_in

_CHUNK: Final = 1 << 20
MOST_AT_ONCE: Final = 4 << 20
"""Bytes of frames that are read at once, and the last frame: texts are long, and a batch is in memory whole."""
_SUFFIX: Final = ".segment"


class Tail(NamedTuple):
    """How far the segments are on the disk: all before `number`, and of that one the first `size` bytes."""

    number: int
    size: int


def segment_path(folder: Path, number: int) -> Path:
    return folder / f"{number:08d}{_SUFFIX}"


def segment_numbers(folder: Path) -> list[int]:
    return sorted(int(path.stem) for path in folder.glob(f"*{_SUFFIX}"))


class OpenSegment:
    """A segment being written. Where an append raises OSError nothing of it counts, and the segment is done with."""

    def __init__(self, folder: Path, number: int, *, is_synced: bool) -> None:
        self.number = number
        self.size = 0
        self._is_synced = is_synced
        path = segment_path(folder, number)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            self.append((HEAD,))
            if is_synced:
                _sync_folder(folder)
        except OSError:
            self.close()
            path.unlink(missing_ok=True)
            raise

    def append(self, frames: Iterable[bytes]) -> None:
        """Write them all and, unless told not to, have the disk confirm it."""
        data = memoryview(b"".join(frames))
        end = self.size + len(data)
        try:
            while data:  # a disk that fills up takes a part first, and refuses the rest
                data = data[os.write(self._file, data) :]
            if self._is_synced:
                os.fdatasync(self._file)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._file, self.size)
            raise
        self.size = end

    def close(self) -> None:
        os.close(self._file)


class SegmentReader:
    """Frames of one segment, in order. `damaged`: bytes passed over because their CRC was wrong.

    Raises SpoolVersionError at once for a segment of another version.
    """

    def __init__(self, folder: Path, number: int) -> None:
        self.number = number
        self.offset = len(HEAD)
        self.damaged = 0
        self._path = segment_path(folder, number)
        self._file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        head = os.pread(self._file, len(HEAD), 0)
        try:
            check_head(head, str(self._path))
        except Exception:
            self.close()
            raise

    def size(self) -> int:
        return os.fstat(self._file).st_size

    def read(self, end: int, limit: int) -> list[Frame]:
        """The next whole frames before offset `end`, at most `limit`; none: the rest, if any, is torn."""
        found: list[Frame] = []
        want = _CHUNK
        stop = min(end, self.offset + MOST_AT_ONCE)
        while len(found) < limit and self.offset < stop:
            data = os.pread(self._file, min(want, end - self.offset), self.offset)
            before = self.offset
            for each in frames_in(data, self.offset):
                if isinstance(each, int):
                    self.damaged += each
                    self.offset += each
                    continue
                found.append(each)
                self.offset = each.end
                if len(found) == limit:
                    break
            if self.offset == before:
                if len(data) < want:
                    break
                want *= 4
        return found

    def close(self) -> None:
        os.close(self._file)


def _sync_folder(folder: Path) -> None:
    """A new file's name outlives a power cut only if its folder is synced too."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
