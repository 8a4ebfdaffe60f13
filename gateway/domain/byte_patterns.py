"""Patterns for RE2 over UTF-8 seen as bytes, without regard to the case of ASCII.

They make automata half the size of those that know of characters; RE2 takes linear time whatever the text.
"""

from collections.abc import Callable
from typing import Final

import re2  # type: ignore[import-untyped]  # it has neither stubs nor hints

_FEW_BYTES: Final = 8 << 20
MANY_BYTES: Final = 32 << 20
"""What an automaton may grow to; some MB in use. Below some 12 MB RE2 would refuse to build one for thousands of terms,
and take thirty times as long."""


class LazyPattern:
    """A pattern that is compiled when it is first searched for: most texts never need it."""

    __slots__ = ("_compiled", "_most_bytes", "_pattern_of")

    def __init__(self, pattern_of: Callable[[], str], most_bytes: int = _FEW_BYTES) -> None:
        self._pattern_of = pattern_of
        self._most_bytes = most_bytes
        self._compiled: re2._Regexp | None = None

    def search(self, data: bytes, start: int = 0) -> re2._Match | None:
        """The first match from a place on, the longest there."""
        if self._compiled is None:
            self._compiled = compiled(self._pattern_of(), most_bytes=self._most_bytes)
        return self._compiled.search(data, start)


def compiled(*patterns: str, most_bytes: int = _FEW_BYTES) -> re2._Regexp:
    """One pattern for all; a match is the longest at its place."""
    options = _options(most_bytes)
    options.longest_match = True
    return re2.compile("|".join(patterns).encode(), options)


def compiled_set(*patterns: str, most_bytes: int = _FEW_BYTES) -> re2.Set:
    """A match yields the places of all patterns that are in a text; none where RE2 ran out of memory."""
    found = re2.Set.SearchSet(_options(most_bytes))
    for pattern in patterns:
        found.Add(pattern.encode())
    found.Compile()
    return found


def _options(most_bytes: int) -> re2.Options:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.case_sensitive = False
    options.never_capture = True
    options.log_errors = False
    options.max_mem = most_bytes
    return options
