from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.classifiers.curve import Curve
from gateway.classifiers.curve_fit import MOST_KNOTS, ROWS_A_KNOT, fit_curve
from gateway.classifiers.linear import logistic
from gateway.classifiers.reliability import calibration_error, reliability_bins

_NEIGHBOURS = np.nextafter(0.1, 1.0)
SCORES = st.one_of(st.floats(-30.0, 30.0), st.sampled_from((0.1, float(_NEIGHBOURS), 1 / 3, 1 / 3 + 1e-14, -7.3)))


def _rises(curve: Curve) -> bool:
    return all(below < above for values in (curve.scores, curve.log_odds) for below, above in pairwise(values))


@settings(max_examples=60, deadline=None)
@given(
    distinct=st.lists(SCORES, min_size=1, max_size=12),
    rows=st.integers(2 * ROWS_A_KNOT, 1_000),
    right=st.sampled_from((0.0, 0.1, 0.5, 1.0)),
    seed=st.integers(0, 99),
)
@example(distinct=[0.8511682016331183], rows=497, right=0.5, seed=0)
def test_the_curve_rises_strictly_whatever_the_labels(
    distinct: list[float], rows: int, right: float, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    scores = generator.choice(distinct, rows)
    labels = (generator.random(rows) < right).astype(np.int64)

    curve = fit_curve(scores, labels)

    assert curve.scores
    assert len(curve.scores) == len(curve.log_odds) <= MOST_KNOTS
    assert np.isfinite([*curve.scores, *curve.log_odds]).all()
    assert _rises(curve)


def test_labels_against_the_scores_keep_the_order_all_the_same() -> None:
    scores = np.linspace(-3.0, 3.0, 1_000)

    curve = fit_curve(scores, (scores < 0.0).astype(np.int64))

    read = [curve.at(score) for score in scores.tolist()]
    assert all(below < above for below, above in pairwise(read))
    assert read[-1] - read[0] < 1.5


@pytest.mark.parametrize("rows", [0, 1, 2 * ROWS_A_KNOT - 1])
def test_few_rows_leave_scores_as_they_are(rows: int) -> None:
    scores = np.linspace(-1.0, 1.0, rows)

    curve = fit_curve(scores, (scores > 0.0).astype(np.int64))

    assert curve == Curve()


def test_there_are_no_more_knots_than_would_hold_many_rows() -> None:
    generator = np.random.default_rng(0)

    few, many = (
        fit_curve(generator.normal(size=rows), generator.integers(0, 2, rows)) for rows in (3 * ROWS_A_KNOT, 5_000)
    )

    assert (len(few.scores), len(many.scores)) == (3, MOST_KNOTS)


def test_scores_that_promise_too_much_are_read_as_what_came() -> None:
    generator = np.random.default_rng(0)
    true = generator.normal(size=20_000)
    labels = (generator.random(len(true)) < 1.0 / (1.0 + np.exp(-true))).astype(np.int64)
    scores = 3.0 * true + 1.0

    curve = fit_curve(scores, labels)

    promised, read = ([logistic(each) for each in said] for said in (scores, map(curve.at, scores.tolist())))
    assert calibration_error(reliability_bins(promised, labels)) > 0.1
    assert calibration_error(reliability_bins(read, labels)) < 0.02
    assert [curve.at(3.0 * each + 1.0) for each in (-1.0, 0.0, 1.0)] == pytest.approx([-1.0, 0.0, 1.0], abs=0.15)


def test_the_order_of_the_rows_changes_nothing() -> None:
    generator = np.random.default_rng(0)
    scores, labels = generator.normal(size=500), generator.integers(0, 2, 500)
    other = generator.permutation(500)

    one, two = fit_curve(scores, labels), fit_curve(scores[other], labels[other])

    assert one.scores == pytest.approx(two.scores)
    assert one.log_odds == pytest.approx(two.log_odds)
