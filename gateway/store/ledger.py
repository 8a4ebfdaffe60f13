"""The ledger's way in: spool and writer, wired to one database."""

from collections.abc import Callable
from pathlib import Path

from gateway.domain.policy import PolicySet
from gateway.store.housekeeper import Housekeeper
from gateway.store.schema import ensure_schema
from gateway.store.sinks import open_sink
from gateway.store.spool.backlog import Backlog, Segments
from gateway.store.spool.folders import OwnFolder
from gateway.store.spool.redactor import Redactor
from gateway.store.spool.spool import Durability, Spool
from gateway.store.urls import sqlite_path
from gateway.store.writer import RecordWriter

_SPOOL_CLOSES_IN_S = 5.0
_REDACTOR_CLOSES_IN_S = 2.0


class Ledger:
    """Everything between a request that is over and its rows in the database.

    spool        takes intents and records; `redactor` what was said
    housekeeper  None: nobody sums up and prunes
    """

    def __init__(
        self,
        folder: OwnFolder,
        spool: Spool,
        backlog: Backlog,
        writer: RecordWriter,
        housekeeper: Housekeeper | None = None,
    ) -> None:
        self._folder = folder
        self.spool = spool
        self.redactor = Redactor(spool.add_text)
        self._backlog = backlog
        self._writer = writer
        self._housekeeper = housekeeper

    @classmethod
    def to_database(
        cls,
        url: str,
        folder: Path,
        *,
        durability: Durability = "group",
        max_bytes: int = 1 << 30,
        housekeeper: Housekeeper | None = None,
        policies: Callable[[], PolicySet] | None = None,
    ) -> "Ledger":
        """Records to the database at that URL, by way of a spool below `folder`; brings the schema up to date first.

        policies  those in force, which are kept beside the records they decide
        Raises DatabaseUrlError.
        """
        sink = open_sink(url)
        own = OwnFolder(folder)
        segments = Segments(own.path, lambda: spool.tail)
        spool = Spool(own.path, durability=durability, max_bytes=max_bytes, freed_bytes=lambda: segments.freed_bytes)
        backlog = Backlog(folder, own, segments)
        writer = RecordWriter(backlog, sink, lambda: ensure_schema(url), policies=policies)
        return cls(own, spool, backlog, writer, housekeeper)

    @property
    def lost(self) -> int:
        """Records that are nowhere: the disk took none while memory was full, or the database refused them."""
        return self.spool.lost + self._writer.refused

    @property
    def texts_lost(self) -> int:
        """Texts that policies wanted kept and that are nowhere: there was no room, or the database refused them."""
        return self.redactor.lost + self.spool.texts_lost + self._writer.texts_refused

    @property
    def waiting_bytes(self) -> int:
        """Of records on the disk that the database does not have."""
        return self.spool.waiting_bytes

    @property
    def can_record(self) -> bool:
        return self.spool.can_record

    @property
    def housekeeping_failures(self) -> int:
        return 0 if self._housekeeper is None else self._housekeeper.failures

    @property
    def behind_s(self) -> float:
        """Seconds since the database last had everything."""
        return self._writer.behind_s

    def start(self) -> None:
        """Raises SpoolFolderError."""
        self._folder.make()
        self.spool.start()
        self._writer.start()
        if self._housekeeper is not None:
            self._housekeeper.start()

    def close(self, timeout_s: float) -> bool:
        """Write what waits, for at most `timeout_s`; returns whether all is written, else the next start goes on."""
        if self._housekeeper is not None:
            self._housekeeper.close()
        self.redactor.close(_REDACTOR_CLOSES_IN_S)
        self.spool.close(_SPOOL_CLOSES_IN_S)
        self._writer.close(timeout_s)
        has_all = self._writer.is_done and self.spool.is_settled
        self._backlog.close(is_empty=has_all)
        return has_all


def default_spool(database_url: str) -> Path:
    """Beside the database where that is a file, else below the working directory."""
    path = sqlite_path(database_url)
    return Path(".sizewise/spool") if path is None else path.parent / "spool"
