"""Libraries that only some installations have."""

from collections.abc import Iterator
from contextlib import contextmanager

import click


@contextmanager
def needs_extra(extra: str, *libraries: str) -> Iterator[None]:
    """Ends the command with one line that names the extra, where importing one of its libraries fails."""
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in libraries:
            raise
        raise click.ClickException(
            f"this needs {missing}, which is not installed; install it with: pip install 'sizewise[{extra}]'"
        ) from error
