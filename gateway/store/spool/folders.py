"""Which process a folder of segments belongs to, and whether that one still lives: a lock that dies with it tells."""

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_LIVES: Final = "process-"
_STARTS: Final = "starting-"
_LOCK: Final = "lock"


class SpoolFolderError(Exception):
    """The spool's folder cannot be used."""


class HeldFolder:
    """A folder that is ours for as long as we hold its lock; None: it is not made yet."""

    def __init__(self, path: Path, lock: int | None) -> None:
        self.path = path
        self._lock = lock

    def release(self) -> None:
        """Leave it, with what it holds, to whoever finds it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def remove(self) -> None:
        """Delete it and let go of it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.release()


class OwnFolder(HeldFolder):
    """This process's own folder, or one of them, below the spool's; `make` it before it is used."""

    def __init__(self, spool: Path) -> None:
        self._spool = spool
        self._name = f"{os.getpid()}-{secrets.token_hex(4)}"
        super().__init__(spool / f"{_LIVES}{self._name}", None)

    def make(self) -> "OwnFolder":
        """Raises SpoolFolderError. It gets its name once its lock is held: nobody takes it for one that was left."""
        beginning = self._spool / f"{_STARTS}{self._name}"
        try:
            beginning.mkdir(parents=True, mode=0o700)
            self._lock = os.open(beginning / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            beginning.rename(self.path)
        except OSError as error:
            raise SpoolFolderError(
                f"records cannot be kept below {str(self._spool)!r}: {error.strerror}; set SIZEWISE_SPOOL to a folder"
                " that this process may write to, on a disk that outlives it"
            ) from error
        return self


def left_folders(spool: Path) -> Iterator[HeldFolder]:
    """The folders of processes that have died, each held by us from here on."""
    for path in sorted(spool.glob(f"{_LIVES}*")):
        held = _held(path)
        if held is not None:
            yield held


def _held(path: Path) -> HeldFolder | None:
    try:
        lock = os.open(path / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:  # another process has just finished with it
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    if not path.is_dir():
        os.close(lock)
        return None
    return HeldFolder(path, lock)
