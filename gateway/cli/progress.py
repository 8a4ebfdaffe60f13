"""A bar on stderr for long work, where that is a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import click


@contextmanager
def progress_bar(length: int, label: str, *, every: int = 200) -> Iterator[Callable[[], None]]:
    """Gives what to call after each of `length` steps; the bar moves after so many, and ends its line with the last.

    What is said once all steps are taken stands on a line of its own, also before the block is left.
    """
    taken = 0
    with ExitStack() as stack:
        hidden = not sys.stderr.isatty()
        bar = stack.enter_context(click.progressbar(length=length, label=label, file=sys.stderr, hidden=hidden))

        def done() -> None:
            nonlocal taken
            taken += 1
            if taken % every == 0 or taken == length:
                bar.update(every if taken % every == 0 else taken % every)
            if taken == length:
                stack.close()

        yield done
