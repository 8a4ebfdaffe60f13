"""Blocks of columns: each tells how alike rows are, by a kernel, and turns a solution into weights."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from gateway.classifiers.features import Features
from gateway.classifiers.heads import Amounts, standardised
from gateway.classifiers.ngrams import KINDS, SLOT_BITS, NGrams

Floats = NDArray[np.float32]

NGRAM_SHARE: Final = 0.3
"""The mean square of a row in each kind of n-grams; it is 1 in other blocks of weight 1."""
ROWS_KNOWN: Final = 2
"""An n-gram counts once so many rows have it."""
ROWS_NAMED: Final = 20
"""A named feature, an app or a team counts once so many rows have it."""
_SMALLEST_SCALE: Final = 1 / 3
"""Of a rare feature: it says at most three times as much as a common one."""
_LEAST_DEVIATION: Final = 1e-6
"""An amount that deviates less is the same in all rows, but for rounding."""


class NGramBlock:
    """Frequencies of hashed n-grams, the common ones counting for less (TF-IDF), without normalising their length.

    bits  each kind has 2 ** bits slots; at most SLOT_BITS
    """

    def __init__(self, rows: Sequence[NGrams], *, bits: int = SLOT_BITS) -> None:
        counts = _counted(rows, bits)
        self._rarity = np.concatenate(
            [_rarity(counts[:, kind << bits : (kind + 1) << bits]) for kind in range(len(KINDS))]
        )
        self._matrix = counts @ sparse.diags_array(self._rarity)

    def kernel(self) -> Floats:
        return np.asarray((self._matrix @ self._matrix.T).toarray(), np.float32)

    def weights(self, solution: Floats) -> Floats:
        """Of shape (kinds * slots, outputs), for a solution of shape (rows, outputs)."""
        weights: Floats = ((self._matrix.T @ solution) * self._rarity[:, None]).astype(np.float32)
        return weights


def _counted(rows: Sequence[NGrams], bits: int) -> sparse.csr_array:
    """Each row's n-grams, by what each counts for; shape (rows, kinds * slots)."""
    ends = np.append(0, np.cumsum([len(row.slots) for row in rows]))
    slots = np.concatenate([row.slots >> np.uint32(SLOT_BITS - bits) for row in rows]).astype(np.int32)
    shares = np.concatenate([row.shares for row in rows])
    found = sparse.csr_array((shares, slots, ends), shape=(len(rows), len(KINDS) << bits))
    found.sum_duplicates()
    return found


def _rarity(counts: sparse.csr_array) -> Floats:
    """What each slot counts for; scaled so that the mean square of a row is NGRAM_SHARE."""
    rows, slots = counts.shape
    having = np.bincount(counts.indices, minlength=slots)  # no row has a slot twice: `_counted` summed them
    rarity = np.log((1 + rows) / (1 + having)).astype(np.float32)
    rarity[having < ROWS_KNOWN] = 0.0
    squares = float((counts @ sparse.diags_array(rarity)).power(2).sum()) / rows
    return rarity * np.float32(np.sqrt(NGRAM_SHARE / squares) if squares else 0.0)


class NamedBlock:
    """Features, apps or teams: what most rows have none of."""

    def __init__(self, rows: Sequence[Features]) -> None:
        having: dict[str, int] = {}
        for row in rows:
            for name in row:
                having[name] = having.get(name, 0) + 1
        self.names = sorted(name for name, count in having.items() if count >= ROWS_NAMED)
        values = np.array([[row.get(name, 0.0) for name in self.names] for row in rows], np.float64)
        values = values.reshape(len(rows), len(self.names))
        self._scales = 1.0 / np.sqrt(max(1, len(self.names))) / np.maximum(_SMALLEST_SCALE, values.std(axis=0))
        self._matrix = (values * self._scales).astype(np.float32)

    def kernel(self) -> Floats:
        kernel: Floats = self._matrix @ self._matrix.T
        return kernel

    def weights(self, solution: Floats) -> dict[str, Floats]:
        """Name → weight at value 1, of shape (outputs,)."""
        found = (self._matrix.T @ solution) * self._scales[:, None]
        return {name: weights.astype(np.float32) for name, weights in zip(self.names, found, strict=True)}


class AmountBlock:
    """Amounts, each as far from its mean as is usual."""

    def __init__(self, names: tuple[str, ...], rows: Sequence[Sequence[float]]) -> None:
        values = np.array(rows, np.float64)
        self._names = names
        self._means = values.mean(axis=0)
        deviations = values.std(axis=0)
        self._scales = np.where(deviations > _LEAST_DEVIATION, deviations, np.inf)
        self._share = 1.0 / np.sqrt(len(names))
        self._matrix = (standardised(values, self._means, self._scales) * self._share).astype(np.float32)

    def kernel(self) -> Floats:
        kernel: Floats = self._matrix @ self._matrix.T
        return kernel

    def amounts(self, solution: Floats) -> Amounts:
        """For a solution of shape (rows, 1)."""
        weights = (self._matrix.T @ solution)[:, 0].astype(np.float64) * self._share
        used = np.isfinite(self._scales)
        return Amounts(self._names, self._means, np.where(used, self._scales, 1.0), np.where(used, weights, 0.0))
