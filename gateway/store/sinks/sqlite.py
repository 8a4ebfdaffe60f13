"""Records into a SQLite file, in write-ahead mode: readers never wait for the writer."""

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from gateway.domain.kept_text import KeptText
from gateway.domain.outline import Outline
from gateway.domain.record import RequestRecord
from gateway.store.marks import hours_of
from gateway.store.outline_rows import OUTLINE_COLUMNS, outline_values
from gateway.store.rows import ATTEMPT_COLUMNS, REQUEST_COLUMNS, attempt_values, request_values
from gateway.store.sinks import RecordRejectedError, SinkUnavailableError
from gateway.store.text_rows import TEXT_COLUMNS, text_values

_CHUNK = 50
_CHECKPOINT_PAGES = 4_000
_REJECTED = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.ProgrammingError,
    OverflowError,
    TypeError,
    ValueError,
)


def _insert_into(table: str, columns: Sequence[str]) -> str:
    places = ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places}) ON CONFLICT DO NOTHING"  # noqa: S608 - our own names


_INSERT_REQUEST = _insert_into("requests", REQUEST_COLUMNS)
_INSERT_ATTEMPT = _insert_into("attempts", ATTEMPT_COLUMNS)
_INSERT_OUTLINE = _insert_into("policy_outlines", OUTLINE_COLUMNS)
_INSERT_MARK = _insert_into("rollup_marks", ("hour",))
_INSERT_TEXT = (
    f"INSERT INTO texts ({', '.join(TEXT_COLUMNS)})"  # noqa: S608 - our own names
    f" SELECT {', '.join(f'?{place + 1}' for place in range(len(TEXT_COLUMNS)))}"
    " WHERE EXISTS (SELECT 1 FROM requests WHERE id = ?1) ON CONFLICT DO NOTHING"
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

    def write(self, records: Sequence[RequestRecord], texts: Sequence[KeptText] = ()) -> None:
        try:
            with self._connected() as connection:
                for start in range(0, len(records), _CHUNK):
                    _insert(connection, records[start : start + _CHUNK])
                connection.executemany(_INSERT_MARK, [(_time_text(hour.timestamp()),) for hour in hours_of(records)])
                if texts:
                    connection.executemany(_INSERT_TEXT, text_values(texts, _time_text))
        except _REJECTED as error:
            raise RecordRejectedError(f"{type(error).__name__}: {error}") from error
        except sqlite3.Error as error:
            raise self._unavailable(error) from error

    def note(self, outlines: Sequence[Outline]) -> None:
        try:
            with self._connected() as connection:
                connection.executemany(_INSERT_OUTLINE, outline_values(outlines))
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
            connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
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
    connection.executemany(_INSERT_REQUEST, request_values(records, _time_text))
    connection.executemany(_INSERT_ATTEMPT, attempt_values(records))


def _time_text(at_s: float) -> str:
    """UTC as the tables hold it: `2026-09-21 14:13:20.000000`."""
    second, microsecond = divmod(round(at_s * 1e6), 1_000_000)
    minute, second = divmod(second, 60)
    return f"{_minute_text(minute)}:{second:02}.{microsecond:06}"


@lru_cache(maxsize=8)
def _minute_text(minute: int) -> str:
    return datetime.fromtimestamp(minute * 60, UTC).strftime("%Y-%m-%d %H:%M")
