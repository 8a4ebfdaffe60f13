"""The logged requests that a replay goes through: of the database, or of a file, with a progress bar."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final, TypeVar

import click

from gateway.cli.records_database import records_database
from gateway.domain.logged import Logged
from gateway.store.history import HistoryFileError, Wanted, count_logged, read_logged, read_logged_file
from gateway.store.urls import without_password

_STEP: Final = 2_000

T = TypeVar("T")


def where(file: BinaryIO | None, database_url: str) -> str:
    """Where they are looked for, for messages."""
    return f"at {without_password(database_url)}" if file is None else f"in {_name(file)}"


def logged_requests(file: BinaryIO | None, database_url: str, wanted: Wanted) -> Iterator[Logged]:
    """The records, with a progress bar where somebody watches. Raises click's errors for what cannot be read."""
    if file is not None:
        try:
            yield from _from_file(file, wanted)
        except HistoryFileError as error:
            raise click.ClickException(f"{_name(file)}: {error}") from error
        return
    with (
        records_database(database_url, otherwise=", or read records with --from") as engine,
        _progress(count_logged(engine, wanted)) as advance,
    ):
        yield from _advancing(read_logged(engine, wanted), advance, lambda _: 1)


def _name(file: BinaryIO) -> str:
    name = getattr(file, "name", "<stdin>")
    return "standard input" if name == "<stdin>" else repr(name)


def _from_file(file: BinaryIO, wanted: Wanted) -> Iterator[Logged]:
    size = file.seek(0, 2) if file.seekable() else 0
    if size:
        file.seek(0)
    with _progress(size) as advance:
        yield from read_logged_file(_advancing(file, advance, len), wanted)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    """A bar on stderr where that is a terminal. Total 0: of unknown length, without a bar."""
    hidden = not total or not sys.stderr.isatty()
    with click.progressbar(length=total, label="Replaying", file=sys.stderr, hidden=hidden) as bar:
        yield bar.update


def _advancing(items: Iterable[T], advance: Callable[[int], None], size_of: Callable[[T], int]) -> Iterator[T]:
    """The items, and now and then word of how far they have come."""
    done = 0
    for number, item in enumerate(items, 1):
        yield item
        done += size_of(item)
        if number % _STEP == 0:
            advance(done)
            done = 0
    advance(done)
