"""Fits the curve from scores to what came of them: isotonic regression on bins of rows, as few rows would overfit."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from gateway.classifiers.curve import Curve

ROWS_A_KNOT: Final = 50
MOST_KNOTS: Final = 16
_RISE: Final = 0.02
"""Over the whole curve: where bins come to the same it rises so much, in log-odds, to keep the order of rows."""


def fit_curve(scores: NDArray[np.float64], labels: NDArray[np.int64]) -> Curve:
    """`scores`: log-odds of rows by fits that left them out; `labels`: 1 where the small model was right."""
    knots = min(MOST_KNOTS, len(scores) // ROWS_A_KNOT)
    if knots < 2:
        return Curve()
    bins = np.array_split(np.argsort(scores, kind="stable"), knots)
    centres = np.maximum.accumulate([scores[each].mean() for each in bins])  # equal scores differ by rounding
    shares = np.array([(labels[each].sum() + 0.5) / (len(each) + 1) for each in bins])
    regression = IsotonicRegression(out_of_bounds="clip")  # it takes centres next to each other for one
    rising = regression.fit_transform(centres, shares, sample_weight=[len(each) for each in bins])
    log_odds = np.log(rising / (1.0 - rising)) + _RISE * np.arange(knots) / knots
    distinct = np.append(True, np.diff(centres) > 0.0)
    return Curve(scores=tuple(centres[distinct].tolist()), log_odds=tuple(log_odds[distinct].tolist()))
