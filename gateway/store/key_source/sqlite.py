"""Keys out of a SQLite file, which another process changes while this one reads."""

import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gateway.store.key_rows import HOLDER_JSON, KEY_JSON, KEY_TEXTS, KEY_TIMES, KeyRows, holder, kept_key
from gateway.store.key_source import KeysUnreadableError

_WITHIN_S = 2.0
_HELD = ", ".join((*HOLDER_JSON, "disabled_at"))
_KEYS = f"SELECT {', '.join((*KEY_TEXTS, *KEY_JSON, *KEY_TIMES))}, digest FROM virtual_keys WHERE change > ?"  # noqa: S608 - our own names
_TEAMS = f"SELECT name, '', {_HELD} FROM teams WHERE change > ?"  # noqa: S608
_APPS = f"SELECT team, name, {_HELD} FROM apps WHERE change > ?"  # noqa: S608
_FIRST_TIME = len(KEY_TEXTS) + len(KEY_JSON)
_USED = """
    INSERT INTO key_uses (key_id, last_used_at) VALUES (?, ?)
    ON CONFLICT (key_id) DO UPDATE SET last_used_at = max(last_used_at, excluded.last_used_at)
"""


class SqliteKeySource:
    """`path` is not made where it is not there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def number(self) -> int:
        try:
            row = self._connected().execute("SELECT number FROM key_changes").fetchone()
        except sqlite3.Error as error:
            raise self._unreadable(error) from error
        if row is None:
            raise KeysUnreadableError(f"{self._path}: the table key_changes has lost its row")
        return int(row[0])

    def read(self, after: int) -> KeyRows:
        try:
            connection = self._connected()
            keys = tuple(kept_key(_with_seconds(row, _FIRST_TIME)) for row in connection.execute(_KEYS, (after,)))
            held = [row for question in (_TEAMS, _APPS) for row in connection.execute(question, (after,))]
        except sqlite3.Error as error:
            raise self._unreadable(error) from error
        return KeyRows(keys=keys, holders=tuple(holder(_with_seconds(row, len(row) - 1)) for row in held))

    def write_uses(self, uses: Mapping[str, float]) -> None:
        rows = [(key_id, f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d %H:%M:%S.%f}") for key_id, at_s in uses.items()]
        try:
            with self._connected() as connection:
                connection.executemany(_USED, rows)
        except sqlite3.Error as error:
            raise self._unreadable(error) from error

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            uri = f"file:{quote(str(self._path))}?mode=rw"
            self._connection = sqlite3.connect(uri, uri=True, timeout=_WITHIN_S, check_same_thread=False)
        return self._connection

    def _unreadable(self, error: sqlite3.Error) -> KeysUnreadableError:
        self.close()
        return KeysUnreadableError(f"{self._path}: {error}")


def _with_seconds(row: tuple[Any, ...], first: int) -> tuple[Any, ...]:
    """The row with its times, three of them at most and next to each other, in Unix seconds."""
    until = first + len(KEY_TIMES)
    return (*row[:first], *map(_seconds, row[first:until]), *row[until:])


def _seconds(text: str | None) -> float | None:
    return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
