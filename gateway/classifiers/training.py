"""Trains heads on labelled rows: on the gain of the large model, calibrated on rows that each fit left out.

The gain of a row is 1 where only the large model was right, -1/2 where only the small one was, and 0 elsewhere.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from gateway.classifiers.answer_amounts import ANSWER_AMOUNTS
from gateway.classifiers.answer_head import AnswerHead
from gateway.classifiers.blocks import AmountBlock, NamedBlock, NGramBlock
from gateway.classifiers.curve import Curve
from gateway.classifiers.curve_fit import fit_curve
from gateway.classifiers.examples import Example
from gateway.classifiers.heads import Head, Text
from gateway.classifiers.known_words import known_words
from gateway.classifiers.ranking import apgr, auc
from gateway.classifiers.reliability import calibration_error, reliability_bins
from gateway.classifiers.ridge import Floats, Solution, solve
from gateway.classifiers.shapes import SHAPES

ROWS_MIN: Final = 100
ROWS_MAX: Final = 12_000
"""A kernel holds the square of it; more rows are sampled down to it."""
DIFFERING_MIN: Final = 30

_ONLY_SMALL: Final = -0.5
_NAMED: Final = 0.3
_ANSWER: Final = 0.5
"""What the n-grams of an answer weigh beside those of the ask."""
_CATEGORY_FOLDS: Final = 5
_CALIBRATION_FOLDS: Final = 5

Say = Callable[[str], None]


class TrainingError(ValueError):
    """Rows that nothing can be learned from; says what is missing."""


class Found(Struct, frozen=True, kw_only=True):
    """How good a head is on its own rows, each judged by a fit that left it out.

    apgr               the best of the settings tried, so a little too hopeful
    apgr_categories    each row judged by a fit that left out its whole category; None where there are too few of them
    calibration_error  of small_ok against 'small_correct', by curves fitted to other rows
    """

    reads: tuple[Text, ...]
    amounts: float
    penalty: float
    apgr: float
    apgr_categories: float | None
    auc: float | None
    calibration_error: float


class Trained(Struct, frozen=True, eq=False, kw_only=True):
    """A head, and what it said of its own rows.

    answer    where it was trained to judge answers
    curve     from the head's sums to what came
    left_out  log-odds of each row, by a fit without it; shape (rows,)
    """

    head: Head
    answer: AnswerHead | None
    curve: Curve
    found: Found
    left_out: NDArray[np.float64]


class _Labels(Struct, frozen=True, eq=False):
    """Of shape (rows,)."""

    small: NDArray[np.int64]
    gains: NDArray[np.int64]

    @property
    def targets(self) -> Floats:
        """Of shape (rows, 1)."""
        return np.where(self.gains < 0, _ONLY_SMALL, self.gains).astype(np.float32)[:, None]


class Choices(Struct, frozen=True, kw_only=True):
    """The settings to try: all of their combinations.

    reads      the texts that n-grams are taken from
    amounts    what sizes, numbers and punctuation weigh; 0: nothing
    penalties  how little the rows are believed
    """

    reads: tuple[tuple[Text, ...], ...] = (("ask",), ("instruction",), ("ask", "instruction"))
    amounts: tuple[float, ...] = (0.3, 1.0, 3.0)
    penalties: tuple[float, ...] = (1.5, 4.0, 10.0)


class _Blocks:
    """The columns of one head; those of the answer only where there are answers."""

    def __init__(self, examples: Sequence[Example], reads: tuple[Text, ...], *, cascade: bool) -> None:
        self.reads = reads
        self._share = np.float32(1 / len(reads))
        self._rows = {text: [each.ngrams[text] for each in examples] for text in reads}
        self.ngrams = [NGramBlock(rows) for rows in self._rows.values()]
        self.shape = AmountBlock(SHAPES, [each.shape for each in examples])
        self.features = NamedBlock([each.features for each in examples])
        self.callers = NamedBlock([dict.fromkeys(each.callers, 1.0) for each in examples])
        answers = [each.answer_ngrams for each in examples if each.answer_ngrams is not None]
        self.answer_ngrams = NGramBlock(answers) if cascade else None
        self.answer = AmountBlock(ANSWER_AMOUNTS, [each.answer_amounts for each in examples]) if cascade else None

    def kernel(self) -> Floats:
        """Of all but the amounts."""
        kernel: Floats = self._share * np.add.reduce([block.kernel() for block in self.ngrams]) + np.float32(_NAMED) * (
            self.features.kernel() + self.callers.kernel()
        )
        return kernel if self.answer_ngrams is None else kernel + np.float32(_ANSWER) * self.answer_ngrams.kernel()

    def amounts(self) -> Floats:
        kernel = self.shape.kernel()
        return kernel if self.answer is None else kernel + self.answer.kernel()

    def heads(self, rows: Floats, amounts_weight: float, bias: float) -> tuple[Head, AnswerHead | None]:
        """`rows`: what each row weighs in the log-odds, shape (rows, 1)."""
        tables = {
            text: block.weights(self._share * rows)[:, 0] for text, block in zip(self.reads, self.ngrams, strict=True)
        }
        words = (known_words(self._rows[text], table) for text, table in tables.items())
        head = Head(
            bias=bias,
            features=_first(self.features.weights(_NAMED * rows)),
            shape=self.shape.amounts(amounts_weight * rows) if amounts_weight else None,
            callers=_first(self.callers.weights(_NAMED * rows)),
            ngrams=tables,
            words=frozenset(chain.from_iterable(words)),
        )
        if self.answer is None or self.answer_ngrams is None:
            return head, None
        return head, AnswerHead(
            ask=head,
            amounts=self.answer.amounts(amounts_weight * rows),
            ngrams=self.answer_ngrams.weights(_ANSWER * rows)[:, 0],
        )


class _Tried(Struct, frozen=True, eq=False):
    """One setting, its fit, and how good it was on rows left out."""

    blocks: _Blocks
    kernel: Floats
    amounts: float
    penalty: float
    solution: Solution
    apgr: float


def check_rows(examples: Sequence[Example]) -> None:
    """Raises TrainingError for rows that are too few, or in which the models hardly differ."""
    labels = _labels_of(examples)
    if len(examples) < ROWS_MIN:
        raise TrainingError(f"{len(examples)} labelled rows are too few to learn from; give at least {ROWS_MIN}")
    if not labels.small.any():
        raise TrainingError("the small model was right in no row: use the large model alone, or check the labels")
    only_large, only_small = int((labels.gains > 0).sum()), int((labels.gains < 0).sum())
    if only_large < DIFFERING_MIN:
        raise TrainingError(
            f"only the large model was right in {only_large} rows; to learn when it is takes at least {DIFFERING_MIN}"
        )
    if only_large <= only_small:
        raise TrainingError(
            f"the large model is no better on these rows (only it was right in {only_large:,}, only the small one in "
            f"{only_small:,}): there is nothing to route for; use the small model alone, or check the labels"
        )


def train_head(examples: Sequence[Example], choices: Choices, *, cascade: bool, say: Say) -> Trained:
    """The best of several settings by APGR on rows left out; `check_rows` first. Raises TrainingError."""
    labels = _labels_of(examples)
    best = max(_trials(examples, labels, choices, cascade=cascade, say=say), key=lambda tried: tried.apgr)
    gain = best.solution.left_out[:, 0].astype(np.float64)
    slope, intercept = _platt(gain, labels.small)
    head, answer = best.blocks.heads(
        np.float32(slope) * best.solution.rows, best.amounts, intercept + slope * float(best.solution.mean[0])
    )
    sums = intercept + slope * gain
    curve = fit_curve(sums, labels.small)
    left_out = np.array([curve.at(each) for each in sums])
    small_ok = _cross_fitted(gain, labels.small, slope, intercept)
    found = Found(
        reads=best.blocks.reads,
        amounts=best.amounts,
        penalty=best.penalty,
        apgr=apgr(labels.gains, -left_out) or 0.0,
        apgr_categories=_apgr_by_category(best, labels, [each.row.category for each in examples]),
        auc=auc(small_ok, labels.small),
        calibration_error=calibration_error(reliability_bins(small_ok, labels.small)),
    )
    return Trained(head=head, answer=answer, curve=curve, found=found, left_out=left_out)


def _trials(
    examples: Sequence[Example], labels: _Labels, choices: Choices, *, cascade: bool, say: Say
) -> Iterator[_Tried]:
    best = -math.inf
    for reads in choices.reads:
        blocks = _Blocks(examples, reads, cascade=cascade)
        plain, amounts = blocks.kernel(), blocks.amounts()
        for weight in choices.amounts:
            kernel = plain + np.float32(weight) * amounts
            for penalty in choices.penalties:
                solution = solve(kernel, labels.targets, penalty)
                score = apgr(labels.gains, solution.left_out[:, 0]) or 0.0
                if score > best:
                    best = score
                    yield _Tried(blocks, kernel, weight, penalty, solution, score)
            say(f"words of {' and '.join(reads)}, amounts {weight:g}: best APGR so far {best:.3f} on rows left out")


def _apgr_by_category(best: _Tried, labels: _Labels, categories: Sequence[str]) -> float | None:
    """The mean APGR of folds of whole categories."""
    named = sorted(set(categories) - {""})
    if len(named) < _CATEGORY_FOLDS:
        return None
    fold_of = {name: place % _CATEGORY_FOLDS for place, name in enumerate(named)}
    folds = np.array([fold_of.get(category, -1) for category in categories])
    scores = []
    for fold in range(_CATEGORY_FOLDS):
        out, kept = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        solution = solve(best.kernel[np.ix_(kept, kept)], labels.targets[kept], best.penalty)
        if (score := apgr(labels.gains[out], (best.kernel[np.ix_(out, kept)] @ solution.rows)[:, 0])) is not None:
            scores.append(score)
    return float(np.mean(scores)) if scores else None


def _cross_fitted(
    gain: NDArray[np.float64], small: NDArray[np.int64], slope: float, intercept: float
) -> NDArray[np.float64]:
    """small_ok of each row by a curve that its fold had no part in, on the log-odds by `slope` and `intercept`."""
    sums = intercept + slope * gain
    log_odds = np.empty(len(gain))
    folds = np.random.default_rng(0).permutation(len(gain)) % _CALIBRATION_FOLDS
    for fold in range(_CALIBRATION_FOLDS):
        out = folds == fold
        curve = fit_curve(sums[~out], small[~out])
        log_odds[out] = [curve.at(each) for each in sums[out]]
    return 1.0 / (1.0 + np.exp(-log_odds))


def _platt(gain: NDArray[np.float64], small: NDArray[np.int64]) -> tuple[float, float]:
    """Slope and intercept of the log-odds that the small model is right, given the gain."""
    fitted = LogisticRegression(C=np.inf).fit(gain[:, None], small)
    slope = float(fitted.coef_[0, 0])
    if slope >= 0.0:
        raise TrainingError(
            "nothing in these rows tells where the large model is needed: where it seemed to be, the small one was "
            "right as often; give more rows, or rows in which the two differ"
        )
    return slope, float(fitted.intercept_[0])


def _labels_of(examples: Sequence[Example]) -> _Labels:
    small = np.array([each.row.small_correct for each in examples], np.int64)
    large = np.array([each.row.large_correct for each in examples], np.int64)
    return _Labels(small, large - small)


def _first(weights: dict[str, Floats]) -> dict[str, float]:
    return {name: float(each[0]) for name, each in weights.items()}
