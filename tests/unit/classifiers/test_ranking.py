import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.classifiers.ranking import apgr, apgr_interval, auc, cpt, middle_ranks, order_of, pgr_curve, resampled

# Of four rows, the second and the fourth are those that only the large model gets right.
GAINS = [0, 1, 0, 1]
PERFECT = [0.1, 0.9, 0.2, 0.8]
INVERSE = [0.9, 0.1, 0.8, 0.2]

_rows = st.lists(st.tuples(st.sampled_from([-1, 0, 1]), st.integers(-1_000, 1_000)), min_size=1, max_size=60).filter(
    lambda rows: sum(gain for gain, _ in rows) > 0
)


def test_equal_scores_keep_the_order_of_the_file() -> None:
    assert order_of([0.5, 0.9, 0.5, 0.9]).tolist() == [1, 3, 0, 2]


def test_the_curve_is_what_each_number_of_large_calls_wins() -> None:
    curve = pgr_curve(GAINS, PERFECT)

    assert curve is not None
    assert curve.tolist() == [0.0, 0.5, 1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("scores", "area"),
    [
        (PERFECT, 0.75),  # trapezoids of 0, .5, 1, 1, 1
        (INVERSE, 0.25),
        ([1.0] * 4, 0.375),  # the file's order: 0, 0, .5, .5, 1
    ],
    ids=["perfect", "inverse", "constant"],
)
def test_apgr_is_the_area_by_trapezoids(scores: list[float], area: float) -> None:
    assert apgr(GAINS, scores) == pytest.approx(area)


def test_finding_where_only_the_small_model_is_right_wins_more_than_the_difference() -> None:
    assert apgr([1, 1, -1], [3, 2, 1]) == pytest.approx(7 / 6)  # 0, 1, 2, 1 over three steps


@pytest.mark.parametrize(
    ("scores", "half", "most"), [(PERFECT, 0.25, 0.5), (INVERSE, 0.75, 1.0), ([1.0] * 4, 0.5, 1.0)]
)
def test_cpt_is_the_smallest_share_that_wins_enough(scores: list[float], half: float, most: float) -> None:
    assert (cpt(GAINS, scores, 50), cpt(GAINS, scores, 80)) == (half, most)


def test_without_a_better_large_model_there_is_no_measure() -> None:
    gains = [0, 1, -1]

    assert apgr(gains, [1, 2, 3]) is None
    assert cpt(gains, [1, 2, 3], 50) is None
    assert pgr_curve(gains, [1, 2, 3]) is None
    assert apgr_interval(gains, [1, 2, 3], seed=0) is None


@given(_rows)
def test_apgr_lies_between_the_inverse_and_the_perfect_order(rows: list[tuple[int, int]]) -> None:
    gains, scores = (list(column) for column in zip(*rows, strict=True))

    area, best, worst = apgr(gains, scores), apgr(gains, gains), apgr(gains, [-gain for gain in gains])

    assert area is not None
    assert best is not None
    assert worst is not None
    assert worst - 1e-9 <= area <= best + 1e-9
    assert best + worst == pytest.approx(1.0)


@given(_rows)
def test_a_monotone_transform_of_scores_changes_nothing(rows: list[tuple[int, int]]) -> None:
    gains, scores = (list(column) for column in zip(*rows, strict=True))
    transformed = [score**3 + 5.0 * score for score in scores]
    labels = [gain > 0 for gain in gains]

    assert apgr(gains, transformed) == apgr(gains, scores)
    assert cpt(gains, transformed, 80) == cpt(gains, scores, 80)
    assert auc(transformed, labels) == auc(scores, labels)


def test_random_scores_win_about_half() -> None:
    generator = np.random.default_rng(7)
    gains = generator.choice([-1, 0, 1], 20_000, p=[0.1, 0.5, 0.4])

    area = apgr(gains, generator.random(20_000))

    assert area == pytest.approx(0.5, abs=0.03)


def test_the_interval_is_that_of_rows_drawn_again() -> None:
    generator = np.random.default_rng(3)
    gains = generator.choice([-1, 0, 1], 200, p=[0.1, 0.5, 0.4])
    scores = generator.random(200) + 0.3 * gains
    drawn = np.random.default_rng(0)
    areas = []
    for _ in range(50):
        rows = np.repeat(order_of(scores), resampled(drawn, 200))
        areas.append(apgr(gains[rows], scores[rows]))

    interval = apgr_interval(gains, scores, seed=0, resamples=50)

    assert interval == pytest.approx(tuple(np.percentile(np.asarray(areas, dtype=float), (2.5, 97.5))))


def test_the_interval_holds_the_value_and_is_the_same_again() -> None:
    gains = [1, 0, 0, 1, -1, 0, 1, 1] * 20
    scores = [0.9, 0.2, 0.3, 0.6, 0.1, 0.7, 0.4, 0.8] * 20

    interval, area = apgr_interval(gains, scores, seed=1), apgr(gains, scores)

    assert interval is not None
    assert area is not None
    assert interval[0] < area < interval[1]
    assert apgr_interval(gains, scores, seed=1) == interval


def test_middle_ranks_count_equals_half() -> None:
    assert middle_ranks([3.0, 1.0, 3.0]).tolist() == [2.0, 0.5, 2.0]


@pytest.mark.parametrize(
    ("scores", "area"), [([1, 2, 3, 4], 1.0), ([4, 3, 2, 1], 0.0), ([1, 1, 1, 1], 0.5), ([1, 2, 2, 3], 0.875)]
)
def test_auc_is_how_often_a_right_row_scores_above_a_wrong_one(scores: list[float], area: float) -> None:
    assert auc(scores, [False, False, True, True]) == pytest.approx(area)


def test_auc_of_one_class_is_unknown() -> None:
    assert auc([0.1, 0.2], [True, True]) is None
