"""Reads a score off a curve: what scores like it came to. Strictly rising, so that it changes no order."""

from bisect import bisect_right
from typing import Final

from msgspec import Struct

_SLOPE_BEYOND: Final = 1.0


class Curve(Struct, frozen=True, kw_only=True):
    """Straight lines between knots, and on beyond the outermost with a slope of 1; without knots, the score itself.

    scores    log-odds as summed, rising
    log_odds  as they came, strictly rising; as many as `scores`
    """

    scores: tuple[float, ...] = ()
    log_odds: tuple[float, ...] = ()

    def at(self, score: float) -> float:
        scores, log_odds = self.scores, self.log_odds
        if not scores:
            return score
        after = bisect_right(scores, score)
        if after == 0:
            return log_odds[0] + _SLOPE_BEYOND * (score - scores[0])
        if after == len(scores):
            return log_odds[-1] + _SLOPE_BEYOND * (score - scores[-1])
        low, high = scores[after - 1], scores[after]
        below, above = log_odds[after - 1], log_odds[after]
        return below + (above - below) * (score - low) / (high - low)
