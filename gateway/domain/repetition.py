"""Whether a text says the same over and over, as models do that cannot find the end."""

import re
from itertools import islice
from typing import Final

_VIEW_CHARS: Final = 8_000
"""A loop goes on to the end: only the end is looked at, whatever the length."""
_PROBE_CHARS: Final = 24
_FEWEST_ROUNDS: Final = 6
_SHORTEST_LOOP: Final = 96
_SHORTEST_WIDE_LOOP: Final = 40
_SHORTEST_SIGN_LOOP: Final = 400
"""Rulers, blanks and rows of dots are signs alone."""

_WORDS_OF_GRAM: Final = 5
_FEWEST_WORDS: Final = 100
_SIGNS_OF_GRAM: Final = 10
_FEWEST_SIGNS: Final = 300
_LEAST_SPACES: Final = 40
"""Of fewer spaces, one in so many characters, a text has no words between spaces."""
_LEAST_DISTINCT: Final = 0.2

_NUMBERING: Final = re.compile(r"^[ \t]*\d{1,4}[.):][ \t]+", re.MULTILINE)
_LETTER: Final = re.compile(r"[^\W\d_]")


def is_repetitive(text: str) -> bool:
    """Whether the end of a text is one phrase, again and again, or holds few phrases that differ."""
    view = text[-_VIEW_CHARS:].rstrip()
    return _ends_in_a_loop(view) or _has_few_phrases(view)


def _ends_in_a_loop(view: str) -> bool:
    """The end came before, so many characters earlier; how far back does the text equal itself so shifted?"""
    probe = view[-_PROBE_CHARS:]
    if len(probe) < _PROBE_CHARS:
        return False
    before = view.rfind(probe, 0, len(view) - 1)
    if before < 0:
        return False
    period = len(view) - _PROBE_CHARS - before
    unit = view[-period:]
    rounds = 1
    while view.endswith(unit, 0, len(view) - rounds * period):
        rounds += 1
    if rounds < _FEWEST_ROUNDS:
        return False
    if not _LETTER.search(unit):
        return rounds * period >= _SHORTEST_SIGN_LOOP
    return rounds * period >= (_SHORTEST_LOOP if unit.isascii() else _SHORTEST_WIDE_LOOP)


def _has_few_phrases(view: str) -> bool:
    if view.count(" ") * _LEAST_SPACES >= len(view):
        return _few_differ(_NUMBERING.sub("", view).split(), _WORDS_OF_GRAM, _FEWEST_WORDS)
    return not view.isascii() and _few_differ("".join(view.split()), _SIGNS_OF_GRAM, _FEWEST_SIGNS)


def _few_differ(parts: list[str] | str, size: int, fewest: int) -> bool:
    """Whether few of the runs of `size` parts differ from all others."""
    if len(parts) < fewest:
        return False
    runs = len(parts) - size + 1
    distinct = set(zip(*(islice(parts, start, None) for start in range(size)), strict=False))
    return len(distinct) < _LEAST_DISTINCT * runs
