"""How well an order of rows tells which ones need the large model; the measures of RouteLLM (arXiv 2406.18665).

Rows are ranked by score, the highest first; ties keep their order. `gains` are large_correct - small_correct, each
-1, 0 or 1. PGR(k) is the share of the models' difference that is won where the first k rows go to the large one.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

RESAMPLES = 500
_LEAST_DEFINED = 0.9
"""An interval needs this share of its resamples to have a large model that is better than the small one."""


def order_of(scores: ArrayLike) -> Integers:
    """The rows' places, those to send to the large model first."""
    return np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable").astype(np.int64)


def pgr_curve(gains: ArrayLike, scores: ArrayLike) -> Floats | None:
    """PGR for k = 0 … n rows sent to the large model; None where it is not better than the small one."""
    won = _won(gains, scores)
    return None if won[-1] <= 0 else won / won[-1]


def apgr(gains: ArrayLike, scores: ArrayLike) -> float | None:
    """The area under PGR over the share, by trapezoids at every row; 0.5 is random.

    It may leave [0, 1]: an order that also finds where only the small model is right wins more than the difference.
    """
    ranked = _ranked(gains, scores)
    gap = int(ranked.sum())
    if gap <= 0:
        return None
    n = len(ranked)
    return float(ranked @ (2 * n + 1 - 2 * np.arange(1, n + 1))) / (2 * n * gap)


def cpt(gains: ArrayLike, scores: ArrayLike, percent: int) -> float | None:
    """The smallest share of rows for the large model that wins so many per cent of the difference."""
    won = _won(gains, scores)
    if won[-1] <= 0:
        return None
    return float(np.argmax(100 * won >= percent * won[-1])) / (len(won) - 1)


def apgr_interval(
    gains: ArrayLike, scores: ArrayLike, *, seed: int, resamples: int = RESAMPLES
) -> tuple[float, float] | None:
    """The 95 % interval of APGR by the percentiles of resampled rows; None where too few resamples have one."""
    ranked = _ranked(gains, scores)
    n = len(ranked)
    generator = np.random.default_rng(seed)
    areas: list[float] = []
    for _ in range(resamples):
        counts = resampled(generator, n)
        gap = int(counts @ ranked)
        if gap <= 0:
            continue
        # A row drawn c times, the last of them in place p, adds the sum of 2n + 1 - 2q over its places q.
        places = np.cumsum(counts)
        weights = 2 * n * counts - (places**2 - (places - counts) ** 2)
        areas.append(float(ranked @ weights) / (2 * n * gap))
    if len(areas) < _LEAST_DEFINED * resamples:
        return None
    low, high = np.percentile(areas, (2.5, 97.5))
    return float(low), float(high)


def resampled(generator: np.random.Generator, n: int) -> Integers:
    """How often each of n rows is drawn, in n draws."""
    return np.bincount(generator.integers(0, n, n), minlength=n).astype(np.int64)


def auc(scores: ArrayLike, labels: ArrayLike) -> float | None:
    """The probability that a row with the label scores above one without it, ties half; None with one class only."""
    positive = np.asarray(labels, dtype=bool)
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if not n_positive or not n_negative:
        return None
    above = middle_ranks(scores)[positive].sum() - n_positive * n_positive / 2
    return float(above / (n_positive * n_negative))


def middle_ranks(values: ArrayLike) -> Floats:
    """How many values are below each one, equal ones (itself included) counted half; from 0 to n."""
    _, inverse, counts = np.unique(np.asarray(values, dtype=np.float64), return_inverse=True, return_counts=True)
    middles: Floats = (np.cumsum(counts) - counts / 2)[inverse]
    return middles


def _ranked(gains: ArrayLike, scores: ArrayLike) -> Integers:
    values: NDArray[Any] = np.asarray(gains, dtype=np.int64)
    return values[order_of(scores)]


def _won(gains: ArrayLike, scores: ArrayLike) -> Integers:
    return np.concatenate(([0], np.cumsum(_ranked(gains, scores)))).astype(np.int64)
