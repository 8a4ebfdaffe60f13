"""Where the serving process reads keys: `sqlite` and `postgres`, twins on the bare drivers, like the sinks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from gateway.store.key_rows import KeyRows
from gateway.store.urls import twin_of


class KeysUnreadableError(Exception):
    """The database cannot be asked now: it is down, locked, or has no tables of keys yet."""


class KeySource(Protocol):
    """One connection, opened when first used and again after it failed; for one thread at a time.

    All raise KeysUnreadableError.
    """

    def number(self) -> int:
        """Of the last change."""
        ...

    def read(self, after: int) -> KeyRows:
        """Whatever was changed by a change of a higher number; -1: all there is."""
        ...

    def write_uses(self, uses: Mapping[str, float]) -> None:
        """Public id → when it was last used, in Unix seconds; an earlier time than is there changes nothing."""
        ...

    def close(self) -> None: ...


def open_key_source(url: str) -> KeySource:
    """The key source of a database URL; connects to nothing yet. Raises DatabaseUrlError."""
    return twin_of(url, sqlite=_sqlite, postgres=_postgres)


def _sqlite(path: Path) -> KeySource:
    from gateway.store.key_source.sqlite import SqliteKeySource  # noqa: PLC0415 (see `twin_of`)

    return SqliteKeySource(path)


def _postgres(conninfo: str) -> KeySource:
    from gateway.store.key_source.postgres import PostgresKeySource  # noqa: PLC0415 (see `twin_of`)

    return PostgresKeySource(conninfo)
