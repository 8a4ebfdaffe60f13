"""Records into a SQLite file, in write-ahead mode: readers never wait for the writer."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gateway.domain.record import RequestRecord
from gateway.store.rows import Row, attempt_rows, request_row
from gateway.store.sinks import RecordRejectedError, SinkUnavailableError

_CHUNK = 50
_REJECTED = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.ProgrammingError,
    OverflowError,
    TypeError,
    ValueError,
)


class SqliteSink:
    """`busy_timeout_s` is how long a write waits for another process's lock before it counts as unavailable."""

    def __init__(self, path: Path, *, busy_timeout_s: float = 2.0) -> None:
        self._path = path
        self._busy_timeout_s = busy_timeout_s
        self._connection: sqlite3.Connection | None = None

    def revision(self) -> str | None:
        try:
            return _revision(self._connected())
        except sqlite3.Error as error:
            raise self._unavailable(error) from error

    def write(self, records: Sequence[RequestRecord]) -> None:
        try:
            with self._connected() as connection:
                for start in range(0, len(records), _CHUNK):
                    _insert(connection, records[start : start + _CHUNK])
        except _REJECTED as error:
            raise RecordRejectedError(f"{type(error).__name__}: {error}") from error
        except sqlite3.Error as error:
            raise self._unavailable(error) from error

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise self._unavailable(error) from error
            connection = sqlite3.connect(self._path, timeout=self._busy_timeout_s)
            # Kept before the pragmas run: where one fails, `_unavailable` closes it.
            self._connection = connection
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
        return self._connection

    def _unavailable(self, error: Exception) -> SinkUnavailableError:
        self.close()
        return SinkUnavailableError(f"{self._path}: {error}")


def _revision(connection: sqlite3.Connection) -> str | None:
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone() is None:
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def _insert(connection: sqlite3.Connection, records: Sequence[RequestRecord]) -> None:
    """A chunk at a time: rows are made under the interpreter's lock, and requests must not wait long for it."""
    _insert_rows(connection, "requests", [_with_text_time(request_row(record)) for record in records])
    _insert_rows(connection, "attempts", [row for record in records for row in attempt_rows(record)])


def _with_text_time(row: Row) -> Row:
    row["received_at"] = row["received_at"].replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
    return row


def _insert_rows(connection: sqlite3.Connection, table: str, rows: list[Row]) -> None:
    if not rows:
        return
    columns = ", ".join(rows[0])
    places = ", ".join("?" * len(rows[0]))
    values: list[tuple[Any, ...]] = [tuple(row.values()) for row in rows]
    connection.executemany(
        f"INSERT INTO {table} ({columns}) VALUES ({places}) ON CONFLICT DO NOTHING",  # noqa: S608 - our own names
        values,
    )
