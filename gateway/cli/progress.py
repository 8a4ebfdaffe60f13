"""A bar on stderr for long work, where that is a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click


@contextmanager
def progress_bar(length: int, label: str, *, every: int = 200) -> Iterator[Callable[[], None]]:
    """Gives what to call after each of `length` steps; the bar moves after so many."""
    taken = 0
    with click.progressbar(length=length, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:

        def done() -> None:
            nonlocal taken
            taken += 1
            if taken % every == 0:
                bar.update(every)

        yield done
        bar.update(taken % every)
