"""How good a model's verdicts are on labelled rows, beside what needs no model at all.

`small_ok` is taken as the probability that the small model's answer is right: it is judged against `small_correct`,
also where the large model is wrong too, for that is what a user gets.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike

from gateway.classifiers.equal_quality import Costs, Operation, Prices, cheapest_operation, costs_of, random_operation
from gateway.classifiers.outcomes import Outcome
from gateway.classifiers.ranking import RESAMPLES, Floats, Integers, apgr, apgr_interval, auc, cpt, middle_ranks
from gateway.classifiers.reliability import Bin, calibration_error, reliability_bins
from gateway.classifiers.scoring import Scored

FOLDS: Final = 5
CATEGORY_ROWS_MIN: Final = 50
"""With fewer rows a category's APGR is chance."""


class Evidence(Struct, frozen=True, kw_only=True):
    """One file's rows as columns, in its order.

    scores  1 - small_ok: the first to send to the large model have the highest
    gains   large_correct - small_correct
    """

    scores: Floats
    small_ok: Floats
    small_correct: Integers
    large_correct: Integers
    gains: Integers
    lengths: Integers
    categories: tuple[str, ...]
    costs: Costs


class Line(Struct, frozen=True, kw_only=True):
    """One way to route. None: it is no ranking, or there is nothing to rank by."""

    name: str
    apgr: float | None = None
    cpt50: float | None = None
    cpt80: float | None = None
    operation: Operation
    """The cheapest that keeps the quality; of always-small and always-large, what they are."""


class CategoryApgr(Struct, frozen=True, kw_only=True):
    """How well the rows of one category are ranked among themselves; 0.5 is random."""

    name: str
    n: int
    apgr: float


class Evaluation(Struct, frozen=True, kw_only=True):
    """What was found on the rows of one file.

    apgr, cpt50, cpt80  None where the large model is not better than the small one
    keep                the share of the large model's accuracy that the lines' operations keep
    lines               the model first
    apgr_by_category    the largest first; of those with CATEGORY_ROWS_MIN rows in which there is something to rank
    notes               where routing does not pay, in sentences
    """

    n: int
    small_accuracy: float
    large_accuracy: float
    apgr: float | None
    apgr_low: float | None
    apgr_high: float | None
    cpt50: float | None
    cpt80: float | None
    auc: float | None
    calibration_error: float
    reliability: tuple[Bin, ...]
    microseconds_p50: float
    microseconds_p99: float
    keep: float
    cascade: bool
    lines: tuple[Line, ...]
    apgr_by_category: tuple[CategoryApgr, ...]
    notes: tuple[str, ...]


def evidence_of(scored: Sequence[Scored[Outcome]], prices: Prices) -> Evidence:
    small_ok = np.asarray([each.classification.small_ok for each in scored], dtype=np.float64)
    small = np.asarray([each.row.small_correct for each in scored], dtype=np.int64)
    large = np.asarray([each.row.large_correct for each in scored], dtype=np.int64)
    lengths = [sum(len(message.text) for message in each.row.request.messages) for each in scored]
    return Evidence(
        scores=1.0 - small_ok,
        small_ok=small_ok,
        small_correct=small,
        large_correct=large,
        gains=large - small,
        lengths=np.asarray(lengths, dtype=np.int64),
        categories=tuple(each.row.category for each in scored),
        costs=costs_of(scored, prices),
    )


def evaluate(
    scored: Sequence[Scored[Outcome]],
    *,
    prices: Prices,
    keep: float,
    cascade: bool = False,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Evaluation:
    """Judge the verdicts on the rows of one file.

    keep     the share of the large model's accuracy to be kept where costs are compared, above 0 and at most 1
    cascade  the verdicts rest on the small model's answers, so that it is paid for every row
    """
    evidence = evidence_of(scored, prices)
    lines = tuple(_lines(evidence, keep=keep, cascade=cascade, seed=seed))
    model = lines[0]
    interval = apgr_interval(evidence.gains, evidence.scores, seed=seed, resamples=resamples)
    low, high = interval or (None, None)
    bins = reliability_bins(evidence.small_ok, evidence.small_correct)
    took = [each.microseconds for each in scored]
    return Evaluation(
        n=len(scored),
        small_accuracy=float(evidence.small_correct.mean()),
        large_accuracy=float(evidence.large_correct.mean()),
        apgr=model.apgr,
        apgr_low=low,
        apgr_high=high,
        cpt50=model.cpt50,
        cpt80=model.cpt80,
        auc=auc(evidence.small_ok, evidence.small_correct),
        calibration_error=calibration_error(bins),
        reliability=bins,
        microseconds_p50=float(np.percentile(took, 50)),
        microseconds_p99=float(np.percentile(took, 99)),
        keep=keep,
        cascade=cascade,
        lines=lines,
        apgr_by_category=apgr_by_category(evidence.gains, evidence.scores, evidence.categories),
        notes=tuple(_notes(lines, low)),
    )


def apgr_by_category(gains: ArrayLike, scores: ArrayLike, categories: Sequence[str]) -> tuple[CategoryApgr, ...]:
    """The largest categories first; rows without one are left out.

    So are categories of fewer than CATEGORY_ROWS_MIN rows, those in which the large model is not better, and those of
    which each row gains the same, as any order of them is as good.
    """
    won, ranked, names = np.asarray(gains), np.asarray(scores), np.asarray(categories, dtype=str)
    found = []
    for name, n in zip(*np.unique(names, return_counts=True), strict=True):
        inside = names == name
        if not name or n < CATEGORY_ROWS_MIN or np.ptp(won[inside]) == 0:
            continue
        if (area := apgr(won[inside], ranked[inside])) is not None:
            found.append(CategoryApgr(name=str(name), n=int(n), apgr=area))
    return tuple(sorted(found, key=lambda each: (-each.n, each.name)))


def category_scores(gains: ArrayLike, categories: Sequence[str], *, seed: int, folds: int = FOLDS) -> Floats:
    """Each row's rank among its fold's by the mean gain of its category in the other folds.

    Ranks, as a category's mean without a fold is the lower the higher it is inside: folds must not be compared.
    """
    values = np.asarray(gains, dtype=np.float64)
    _, places = np.unique(np.asarray(categories, dtype=str), return_inverse=True)
    fold_of = np.random.default_rng(seed).permutation(len(values)) % folds
    scores = np.full(len(values), 0.5)
    for fold in np.unique(fold_of):
        inside = fold_of == fold
        if inside.all():
            continue
        counts = np.bincount(places[~inside], minlength=places.max() + 1)
        sums = np.bincount(places[~inside], weights=values[~inside], minlength=places.max() + 1)
        means = np.where(counts > 0, sums / np.maximum(counts, 1), values[~inside].mean())
        scores[inside] = middle_ranks(means[places[inside]]) / inside.sum()
    return scores


def _lines(evidence: Evidence, *, keep: float, cascade: bool, seed: int) -> Iterator[Line]:
    costs, small, large = evidence.costs, evidence.small_correct, evidence.large_correct
    is_better = evidence.gains.sum() > 0
    yield _ranking("classifier", evidence, evidence.scores, keep=keep, cascade=cascade)
    yield Line(name="always-small", operation=_all(0.0, small, costs.small))
    yield Line(name="always-large", operation=_all(1.0, large, costs.large))
    yield Line(
        name="random",
        apgr=0.5 if is_better else None,
        cpt50=0.5 if is_better else None,
        cpt80=0.8 if is_better else None,
        operation=random_operation(small, large, costs, keep=keep),
    )
    yield _ranking("length-only", evidence, evidence.lengths, keep=keep)
    if len(set(evidence.categories)) > 1:
        constant = category_scores(evidence.gains, evidence.categories, seed=seed)
        yield _ranking("category-constant", evidence, constant, keep=keep)
    yield _ranking("oracle", evidence, evidence.gains, keep=keep)


def _ranking(name: str, evidence: Evidence, scores: ArrayLike, *, keep: float, cascade: bool = False) -> Line:
    return Line(
        name=name,
        apgr=apgr(evidence.gains, scores),
        cpt50=cpt(evidence.gains, scores, 50),
        cpt80=cpt(evidence.gains, scores, 80),
        operation=cheapest_operation(
            evidence.small_correct, evidence.large_correct, scores, evidence.costs, keep=keep, cascade=cascade
        ),
    )


def _all(large_share: float, correct: Integers, costs: Integers) -> Operation:
    return Operation(large_share=large_share, accuracy=float(correct.mean()), cost_nano_usd=int(costs.sum()))


def _notes(lines: Sequence[Line], apgr_low: float | None) -> Iterator[str]:
    by_name = {line.name: line for line in lines}
    model = lines[0]
    small, large, random = (by_name[name].operation for name in ("always-small", "always-large", "random"))
    if small.accuracy >= large.accuracy:
        yield "the large model is not better than the small one here: there is nothing to route"
    elif random.large_share == 0.0:
        yield "the small model alone keeps that much of the quality: there is nothing to route"
    elif apgr_low is None or math.isnan(apgr_low) or apgr_low <= 0.5:
        yield "the ranking cannot be told from a random one: APGR's interval reaches 0.5"
    cost = model.operation.cost_nano_usd
    if cost >= large.cost_nano_usd:
        yield "routing does not pay: keeping the quality costs as much as always the large model, or more"
    elif cost >= random.cost_nano_usd and random.large_share > 0.0:
        yield "routing does not pay: a random mix keeps the quality for as little, or less"
