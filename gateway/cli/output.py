"""Writes a file that an option names."""

from pathlib import Path

import click


def write_file(file: Path, content: bytes) -> None:
    """Ends the command with one line where the file cannot be written."""
    try:
        file.write_bytes(content)
    except OSError as error:
        message = f"cannot write {str(file)!r}: {error.strerror}; name a file you may write"
        raise click.ClickException(message) from error
