"""What it costs to keep a share of the large model's quality, in money."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike

from gateway.classifiers.outcomes import Row
from gateway.classifiers.ranking import Integers, order_of
from gateway.classifiers.scoring import Scored
from gateway.domain.estimate import USUAL_OUTPUT_TOKENS
from gateway.domain.pricing import Price, text_cost_nano_usd
from gateway.domain.tokens import estimated_tokens

_ROUNDING: Final = 1e-9


class Prices(Struct, frozen=True, kw_only=True):
    """The two models' prices."""

    small: Price
    large: Price


class Costs(Struct, frozen=True, kw_only=True):
    """Nano-USD of each row's call, by model."""

    small: Integers
    large: Integers


class Operation(Struct, frozen=True, kw_only=True):
    """Some share of the rows sent to the large model: how good that is, and what it costs, in nano-USD for all rows."""

    large_share: float
    accuracy: float
    cost_nano_usd: int


def costs_of(scored: Sequence[Scored[Row]], prices: Prices) -> Costs:
    """What each row costs on each model: its own answer's tokens, else the other's, else the usual length."""
    small, large = [], []
    for each in scored:
        answers = (each.row.small_answer, each.row.large_answer)
        lengths = [None if answer is None else estimated_tokens(answer) for answer in answers]
        known = next((length for length in lengths if length is not None), USUAL_OUTPUT_TOKENS)
        small_tokens, large_tokens = (known if length is None else length for length in lengths)
        small.append(text_cost_nano_usd(each.signals.tokens, small_tokens, prices.small))
        large.append(text_cost_nano_usd(each.signals.tokens, large_tokens, prices.large))
    return Costs(small=np.asarray(small, dtype=np.int64), large=np.asarray(large, dtype=np.int64))


def cheapest_operation(
    small_correct: ArrayLike, large_correct: ArrayLike, scores: ArrayLike, costs: Costs, *, keep: float, cascade: bool
) -> Operation:
    """The cheapest cut of a ranking whose accuracy is at least `keep` times the large model's.

    cascade  the small model answers every row first, and is paid for it
    """
    order = order_of(scores)
    small = np.asarray(small_correct, dtype=np.int64)[order]
    large = np.asarray(large_correct, dtype=np.int64)[order]
    right = small.sum() + _from_zero(large - small)
    spared = 0 * costs.small if cascade else costs.small
    cost = costs.small.sum() + _from_zero((costs.large - spared)[order])
    keeps = right >= keep * large.sum() - _ROUNDING
    best = int(np.argmin(np.where(keeps, cost, np.iinfo(np.int64).max)))
    n = len(order)
    return Operation(large_share=best / n, accuracy=float(right[best]) / n, cost_nano_usd=int(cost[best]))


def random_operation(small_correct: ArrayLike, large_correct: ArrayLike, costs: Costs, *, keep: float) -> Operation:
    """The cheapest random mix that keeps the quality, as it is expected to turn out."""
    small, large = (float(np.mean(np.asarray(each, dtype=np.float64))) for each in (small_correct, large_correct))
    wanted = keep * large
    share = 0.0 if small >= wanted - _ROUNDING else (wanted - small) / (large - small)
    cost = costs.small.sum() + share * float((costs.large - costs.small).sum())
    return Operation(large_share=share, accuracy=small + share * (large - small), cost_nano_usd=round(cost))


def _from_zero(values: Integers) -> Integers:
    """The running sums, that of nothing first."""
    return np.concatenate(([0], np.cumsum(values))).astype(np.int64)
