"""Whether probabilities mean what they say: bins of rows, each with what was promised and what came."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike

from gateway.classifiers.ranking import middle_ranks

BINS: Final = 10


class Bin(Struct, frozen=True, kw_only=True):
    """Rows whose probabilities lie next to each other."""

    rows: int
    mean_probability: float
    observed: float
    """The share of the rows with the label."""


def reliability_bins(probabilities: ArrayLike, labels: ArrayLike, bins: int = BINS) -> tuple[Bin, ...]:
    """Bins of about equally many rows, the lowest first; equal probabilities share a bin, so there may be fewer."""
    promised = np.asarray(probabilities, dtype=np.float64)
    came = np.asarray(labels, dtype=np.float64)
    places = np.minimum(bins - 1, (middle_ranks(promised) / len(promised) * bins).astype(np.int64))
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
