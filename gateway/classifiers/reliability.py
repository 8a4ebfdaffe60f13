"""Whether probabilities mean what they say: bins of rows, each with what was promised and what came."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike

from gateway.classifiers.ranking import middle_ranks

LEAST_BINS: Final = 2
MOST_BINS: Final = 10
ROWS_A_BIN: Final = 100
"""By chance alone what comes is off by 0.05 in a bin of 50 rows, by 0.04 in one of 100 and by 0.01 in one of 1,000, and
that is in the calibration error of the best of models."""


class Bin(Struct, frozen=True, kw_only=True):
    """Rows whose probabilities lie next to each other."""

    rows: int
    mean_probability: float
    observed: float
    """The share of the rows with the label."""


def bins_for(rows: int) -> int:
    """How many bins so many rows fill: as many as have ROWS_A_BIN each, within the bounds."""
    return max(LEAST_BINS, min(MOST_BINS, rows // ROWS_A_BIN))


def reliability_bins(probabilities: ArrayLike, labels: ArrayLike, bins: int | None = None) -> tuple[Bin, ...]:
    """Bins of about equally many rows, the lowest first; equal probabilities share a bin, so there may be fewer.

    bins  at most so many; None: `bins_for` the rows
    """
    promised = np.asarray(probabilities, dtype=np.float64)
    came = np.asarray(labels, dtype=np.float64)
    most = bins_for(len(promised)) if bins is None else bins
    places = np.minimum(most - 1, (middle_ranks(promised) / len(promised) * most).astype(np.int64))
    found = []
    for place in np.unique(places):
        inside = places == place
        found.append(
            Bin(
                rows=int(inside.sum()),
                mean_probability=float(promised[inside].mean()),
                observed=float(came[inside].mean()),
            )
        )
    return tuple(found)


def calibration_error(bins: Sequence[Bin]) -> float:
    """The mean difference between what was promised and what came, each row with the same weight (ECE)."""
    rows = sum(each.rows for each in bins)
    return sum(each.rows * abs(each.mean_probability - each.observed) for each in bins) / rows
