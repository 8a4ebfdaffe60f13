"""Chooses the threshold on `small_ok` from labelled rows: by the quality to keep, or by the share for the large model.

Rows at or above the threshold go small. Thresholds are tried from the highest on, and the first whose bound misses the
target ends the search: to look for the best among all would find one that is lucky.
"""

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike

from gateway.classifiers.ranking import Floats, Integers, order_of, resampled

LEAST_ROWS: Final = 300
RESAMPLES: Final = 1_000
_MOST_THRESHOLDS: Final = 200
_MOST_DIGITS: Final = 17


class TooFewLabelsError(ValueError):
    """More labelled rows are needed; `missing` says how many at least."""

    def __init__(self, rows: int, needed: int, why: str) -> None:
        self.missing = needed - rows
        super().__init__(
            f"{self.missing:,} labelled rows are missing: {why} takes at least {needed:,}, and there are {rows:,}; "
            "label more, or leave the policy in shadow mode"
        )


class Threshold(Struct, frozen=True, kw_only=True):
    """A threshold and what it did on the rows.

    large_share     of the rows, below the threshold
    quality_kept    accuracy when routed, relative to the large model's
    quality_bound   the one-sided lower bound of that; None where no confidence was asked for
    """

    threshold: float
    rows: int
    large_share: float
    accuracy: float
    quality_kept: float | None
    quality_bound: float | None = None


def rows_needed(large_accuracy: float, *, keep: float, confidence: float) -> int:
    """How many rows a bound can reach the target with at all, were no row lost."""
    if large_accuracy <= 0.0:
        return LEAST_ROWS
    answers = math.log(1.0 - confidence) / math.log(keep)
    return max(LEAST_ROWS, math.ceil(answers / large_accuracy - 1e-9))


def threshold_keeping(
    small_ok: ArrayLike,
    small_correct: ArrayLike,
    large_correct: ArrayLike,
    *,
    keep: float,
    confidence: float,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Threshold | None:
    """The threshold of the largest small share that keeps the quality, by a one-sided bound; None: not even one does.

    keep, confidence  both above 0 and below 1
    Raises TooFewLabelsError. The bound is the lower of two: the bootstrap of the ratio, and Clopper and Pearson's for
    the answers lost, which does not trust a few rows without a loss.
    """
    probabilities, small, large = _columns(small_ok, small_correct, large_correct)
    n, right = len(large), int(large.sum())
    needed = rows_needed(right / n if n else 0.0, keep=keep, confidence=confidence)
    if n < needed:
        raise TooFewLabelsError(n, needed, f"a bound of {confidence:g} on {keep:g} of the quality")
    if right == 0:
        return None
    order = order_of(probabilities)
    cuts = _cuts(probabilities[order])
    lost = np.cumsum((large > small)[order])
    won = np.cumsum((small > large)[order])
    bootstrap = _bootstrap_bounds(
        (small - large)[order], large[order], cuts, confidence=confidence, seed=seed, resamples=resamples
    )
    best: tuple[int, float] | None = None
    for cut, ratio in zip(cuts, bootstrap, strict=True):
        exact = 1.0 - most_likely_share(int(lost[cut - 1]), right, confidence) + int(won[cut - 1]) / right
        bound = min(float(ratio), exact)
        if bound < keep:
            break
        best = int(cut), bound
    if best is None:
        return None
    return _threshold(probabilities[order], small[order], large[order], best[0], best[1])


def threshold_for_share(
    small_ok: ArrayLike, small_correct: ArrayLike, large_correct: ArrayLike, *, large_share: float
) -> Threshold:
    """The threshold that comes nearest to this share for the large model, equal rows going together."""
    probabilities, small, large = _columns(small_ok, small_correct, large_correct)
    order = order_of(probabilities)
    n = len(order)
    ranked = probabilities[order]
    none_small = [0] if n and ranked[0] < 1.0 else []
    cuts = np.concatenate((none_small, _all_cuts(ranked)))
    cut = int(cuts[np.argmin(np.abs(1.0 - cuts / n - large_share))])
    return _threshold(ranked, small[order], large[order], cut, None)


def most_likely_share(found: int, tries: int, confidence: float) -> float:
    """Clopper and Pearson's one-sided upper bound of a share, of which `found` in `tries` were seen."""
    if found >= tries:
        return 1.0
    places = np.arange(found + 1)
    logs = np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, tries + 1)))))
    ways = logs[tries] - logs[places] - logs[tries - places]
    low, high = found / tries, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        at_most = np.exp(ways + places * math.log(middle) + (tries - places) * math.log1p(-middle)).sum()
        low, high = (middle, high) if at_most > 1.0 - confidence else (low, middle)
    return high


def _columns(*values: ArrayLike) -> tuple[Floats, Integers, Integers]:
    small_ok, small, large = values
    return (
        np.asarray(small_ok, dtype=np.float64),
        np.asarray(small, dtype=np.int64),
        np.asarray(large, dtype=np.int64),
    )


def _all_cuts(ranked: Floats) -> Integers:
    """How many rows go small at each threshold there is: the last place of each run of equals, from 1."""
    return np.append(np.flatnonzero(np.diff(ranked)) + 1, len(ranked)).astype(np.int64)


def _cuts(ranked: Floats) -> Integers:
    """At most _MOST_THRESHOLDS of them, evenly spread."""
    cuts = _all_cuts(ranked)
    if len(cuts) <= _MOST_THRESHOLDS:
        return cuts
    wanted = np.linspace(0, len(ranked), _MOST_THRESHOLDS + 1)[1:]
    return np.unique(cuts[np.searchsorted(cuts, wanted)])


def _bootstrap_bounds(
    changes: Integers, large: Integers, cuts: Integers, *, confidence: float, seed: int, resamples: int
) -> Floats:
    """The lower bound of the quality kept at each cut; the rows of all cuts are resampled together."""
    generator = np.random.default_rng(seed)
    ratios = np.empty((resamples, len(cuts)))
    for number in range(resamples):
        counts = resampled(generator, len(large))
        right = max(1, int(counts @ large))
        ratios[number] = 1.0 + np.cumsum(counts * changes)[cuts - 1] / right
    bounds: Floats = np.quantile(ratios, 1.0 - confidence, axis=0)
    return bounds


def _threshold(ranked: Floats, small: Integers, large: Integers, cut: int, bound: float | None) -> Threshold:
    n, right = len(ranked), int(large.sum())
    correct = int(small[:cut].sum() + large[cut:].sum())
    lowest_small = float(ranked[cut - 1]) if cut else math.inf
    highest_large = float(ranked[cut]) if cut < n else -math.inf
    return Threshold(
        threshold=_short_between(highest_large, min(1.0, lowest_small)),
        rows=n,
        large_share=1.0 - cut / n,
        accuracy=correct / n,
        quality_kept=correct / right if right else None,
        quality_bound=bound,
    )


def _short_between(above: float, most: float) -> float:
    """The number of fewest decimals that is above the one and at most the other."""
    for number in _rounded_down(most):
        if above < number <= most:
            return number
    return most


def _rounded_down(value: float) -> Iterator[float]:
    for digits in range(2, _MOST_DIGITS):
        yield math.floor(value * 10**digits) / 10**digits
