"""Keys out of PostgreSQL."""

from collections.abc import Mapping
from typing import Any

import psycopg

from gateway.store.key_rows import HOLDER_JSON, KEY_JSON, KEY_TEXTS, KEY_TIMES, KeyRows, holder, kept_key
from gateway.store.key_source import KeysUnreadableError

_CONNECT_TIMEOUT_S = 3
_STATEMENT_TIMEOUT_MS = 5_000
_SILENCE: dict[str, Any] = {
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 5_000,
}
"""A server that has gone without a word is noticed within five seconds."""


def _as_text(*names: str) -> tuple[str, ...]:
    return tuple(f"{name}::text" for name in names)


def _as_seconds(*names: str) -> tuple[str, ...]:
    return tuple(f"extract(epoch FROM {name})::float8" for name in names)


_HELD = ", ".join((*_as_text(*HOLDER_JSON), *_as_seconds("disabled_at")))
_KEY_COLUMNS = ", ".join((*KEY_TEXTS, *_as_text(*KEY_JSON), *_as_seconds(*KEY_TIMES), "digest"))
_KEYS = f"SELECT {_KEY_COLUMNS} FROM virtual_keys WHERE change > %s".encode()  # noqa: S608 - our own names
_TEAMS = f"SELECT name, '', {_HELD} FROM teams WHERE change > %s".encode()  # noqa: S608
_APPS = f"SELECT team, name, {_HELD} FROM apps WHERE change > %s".encode()  # noqa: S608
_USED = """
    INSERT INTO key_uses (key_id, last_used_at)
    SELECT id, to_timestamp(at) FROM unnest(%s::text[], %s::float8[]) AS used (id, at) ORDER BY id
    ON CONFLICT (key_id) DO UPDATE SET last_used_at = greatest(key_uses.last_used_at, excluded.last_used_at)
"""


class PostgresKeySource:
    """`conninfo` is a `postgresql://` URL as libpq reads it."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None

    def number(self) -> int:
        try:
            row = self._connected().execute("SELECT number FROM key_changes").fetchone()
        except psycopg.Error as error:
            raise self._unreadable(error) from error
        if row is None:
            raise KeysUnreadableError("the table key_changes has lost its row")
        return int(row[0])

    def read(self, after: int) -> KeyRows:
        try:
            connection = self._connected()
            keys = tuple(kept_key(row) for row in connection.execute(_KEYS, [after]))
            held = [row for question in (_TEAMS, _APPS) for row in connection.execute(question, [after])]
        except psycopg.Error as error:
            raise self._unreadable(error) from error
        return KeyRows(keys=keys, holders=tuple(map(holder, held)))

    def write_uses(self, uses: Mapping[str, float]) -> None:
        try:
            self._connected().execute(_USED, [list(uses), list(uses.values())])
        except psycopg.Error as error:
            raise self._unreadable(error) from error

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> psycopg.Connection[tuple[Any, ...]]:
        if self._connection is None:
            self._connection = psycopg.connect(
                self._conninfo,
                autocommit=True,
                connect_timeout=_CONNECT_TIMEOUT_S,
                application_name="sizewise",
                options=f"-c statement_timeout={_STATEMENT_TIMEOUT_MS}",
                **_SILENCE,
            )
        return self._connection

    def _unreadable(self, error: psycopg.Error) -> KeysUnreadableError:
        self.close()
        return KeysUnreadableError(" ".join(str(error).split()))
