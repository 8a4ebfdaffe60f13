"""Database URLs: `sqlite:///PATH` or `postgresql://USER:PASSWORD@HOST/NAME`."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

DEFAULT_DATABASE_URL = "sqlite:///./.sizewise/sizewise.db"
DATABASE_URL_VARIABLE = "SIZEWISE_DATABASE_URL"

_SQLITE = re.compile(r"sqlite(?:\+pysqlite)?:///([^?]+)")
_POSTGRES = re.compile(r"postgres(?:ql)?(?:\+psycopg)?://(.*)", re.DOTALL)
_PASSWORD = re.compile(r"(?<=//)([^:/@]*):.*@|(?<=[?&]password=)[^&]*", re.DOTALL)

Twin = TypeVar("Twin")


class DatabaseUrlError(ValueError):
    """A URL of neither SQLite nor PostgreSQL, or one whose driver is not installed."""


def sqlite_path(url: str) -> Path | None:
    """The file of a SQLite URL; None for any other database."""
    match = _SQLITE.fullmatch(url.partition("?")[0])
    return None if match is None or match[1] == ":memory:" else Path(match[1])


def postgres_rest(url: str) -> str | None:
    """What follows `postgresql://`; None for any other database."""
    match = _POSTGRES.fullmatch(url)
    return None if match is None else match[1]


def twin_of(url: str, *, sqlite: Callable[[Path], Twin], postgres: Callable[[str], Twin]) -> Twin:
    """What one of two twins makes of the URL: of a path, or of what libpq reads. Raises DatabaseUrlError.

    Each imports its driver itself, so that a process loads only the one it uses.
    """
    if (path := sqlite_path(url)) is not None:
        return sqlite(path)
    rest = postgres_rest(url)
    if rest is None:
        raise unknown(url)
    try:
        return postgres(f"postgresql://{rest}")
    except ImportError as error:
        raise DatabaseUrlError(f"PostgreSQL needs its driver: pip install 'sizewise[postgres]' ({error})") from error


def unknown(url: str) -> DatabaseUrlError:
    return DatabaseUrlError(
        f"database URL {without_password(url)!r} is of no kind we know; "
        "use sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME"
    )


def without_password(url: str) -> str:
    """The URL as it may be shown and logged."""
    return _PASSWORD.sub(lambda match: "***" if match[1] is None else f"{match[1]}:***@", url)
