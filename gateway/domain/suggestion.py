"""The nearest known name to one that is not known."""

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """'; did you mean ...?' for the nearest known name, '; known: ...' where none is near, '' where none exists."""
    names = sorted(known)
    near = get_close_matches(name[:100], names, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; known: {', '.join(names[:10])}" if names else ""
