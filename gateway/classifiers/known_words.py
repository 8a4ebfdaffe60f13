"""The words and pairs of words that a model may name: common ones, without digits.

Explanations are kept in records. A word that only few rows have may be somebody's name; it stays one of the others.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.classifiers.ngrams import NGrams, ngrams_of
from gateway.classifiers.view import MARKS

ROWS_MIN: Final = 20
MOST: Final = 500
"""Of words, and of pairs: those that say most."""


def known_words(rows: Sequence[NGrams], table: NDArray[np.float32]) -> tuple[str, ...]:
    """In the order of the alphabet; `table`: the weights of shape (kinds * slots,)."""
    kept: list[str] = []
    for kind in (0, 1):
        having: dict[str, int] = {}
        for row in rows:
            for name in set(_names(row, kind)):
                having[name] = having.get(name, 0) + 1
        common = [name for name, count in having.items() if count >= ROWS_MIN and _is_plain(name)]
        common.sort(key=lambda name: (-abs(weight_of(name, table)), name))
        kept += common[:MOST]
    return tuple(sorted(kept))


def weight_of(name: str, table: NDArray[np.float32]) -> float:
    """Of a word, or of a pair of words as `NGrams.pair` writes it."""
    ngrams = ngrams_of(name)
    return float(table[ngrams.slots[0 if ngrams.counts[0] == 1 else ngrams.counts[0]]])


def _names(row: NGrams, kind: int) -> Iterator[str]:
    name = row.pair if kind else row.word
    return map(name, range(row.counts[kind]))


def _is_plain(name: str) -> bool:
    """Without digits, and without the marks that a view puts in place of what it leaves out."""
    return not any(character.isdigit() or character in MARKS for character in name)
