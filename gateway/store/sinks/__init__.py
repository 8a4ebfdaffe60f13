"""Where records are written: `sqlite` and `postgres`, twins on the bare drivers.

SQLAlchemy serves the reading side only: it would cost the serving process 30 MB and double the CPU of a write.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from gateway.domain.kept_text import KeptText
from gateway.domain.outline import Outline
from gateway.domain.record import RequestRecord
from gateway.store.urls import twin_of


class SinkUnavailableError(Exception):
    """The database cannot take records now: down, locked, full. The same write may be tried again."""


class RecordRejectedError(Exception):
    """The database will never take these records; nothing of the write was kept."""


class Sink(Protocol):
    """One connection, opened when first used and again after it failed; for one thread."""

    def revision(self) -> str | None:
        """The revision the database's schema is at; None where it has none. Raises SinkUnavailableError."""
        ...

    def write(self, records: Sequence[RequestRecord], texts: Sequence[KeptText] = ()) -> None:
        """Write all of them, or none, in one transaction; those already there stay as they are.

        A text whose record is not there, nor among these, is left out.
        Raises SinkUnavailableError or RecordRejectedError.
        """
        ...

    def note(self, outlines: Sequence[Outline]) -> None:
        """Keep these policies; those already there stay as they are. Raises as `write` does."""
        ...

    def close(self) -> None: ...


def open_sink(url: str) -> Sink:
    """The sink of a database URL; connects to nothing yet. Raises DatabaseUrlError."""
    return twin_of(url, sqlite=_sqlite, postgres=_postgres)


def _sqlite(path: Path) -> Sink:
    from gateway.store.sinks.sqlite import SqliteSink  # noqa: PLC0415 (see `twin_of`)

    return SqliteSink(path)


def _postgres(conninfo: str) -> Sink:
    from gateway.store.sinks.postgres import PostgresSink  # noqa: PLC0415 (see `twin_of`)

    return PostgresSink(conninfo)
