"""Writes a file that an option names."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

import click

Write = Callable[[bytes], object]


def write_file(file: Path, content: bytes) -> None:
    """Ends the command with one line where the file cannot be written."""
    try:
        file.write_bytes(content)
    except OSError as error:
        raise _unwritable(file, error) from error


@contextmanager
def streamed_output(file: Path | None) -> Iterator[Write]:
    """What writes the next bytes, to a file or to stdout. Ends the command with one line where that cannot be done.

    The file is there once all of it is: a command that fails leaves the one that was there.
    """
    if file is None:
        yield sys.stdout.buffer.write
        return
    try:
        if file.exists() and not file.is_file():  # a device or a pipe
            with file.open("wb") as opened:
                yield opened.write
            return
        whole = file.resolve()
        part = whole.with_name(f".{whole.name}.{token_hex(4)}.part")
        try:
            with part.open("wb") as opened:
                yield opened.write
            part.replace(whole)
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(file, error) from error


def _unwritable(file: Path, error: OSError) -> click.ClickException:
    return click.ClickException(f"cannot write {str(file)!r}: {error.strerror}; name a file you may write")
