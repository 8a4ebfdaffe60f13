import numpy as np
import pytest

from gateway.classifiers.evaluation import CATEGORY_ROWS_MIN, Evaluation, apgr_by_category, category_scores, evaluate
from gateway.classifiers.ranking import apgr
from tests.cpu_time import cpu_s
from tests.unit.classifiers.labelled import PRICES, scored_rows

SMALL = [1, 0, 1, 0] * 25
LARGE = [1, 1, 1, 1] * 25
KNOWING = [0.9, 0.1, 0.8, 0.2] * 25


def _evaluated(small_ok: list[float], small: list[int] = SMALL, large: list[int] = LARGE) -> Evaluation:
    return evaluate(scored_rows(small_ok, small, large), prices=PRICES, keep=0.97, resamples=50)


def test_a_model_that_knows_is_as_good_as_the_oracle() -> None:
    found = _evaluated(KNOWING)

    lines = {line.name: line for line in found.lines}
    assert (found.n, found.small_accuracy, found.large_accuracy, found.auc) == (100, 0.5, 1.0, 1.0)
    assert found.apgr == lines["oracle"].apgr == pytest.approx(0.75)
    assert (found.cpt50, found.cpt80) == (0.25, 0.4)
    assert found.calibration_error == pytest.approx(0.15)
    assert lines["classifier"].operation == lines["oracle"].operation
    assert found.notes == ()


def test_small_ok_is_judged_by_whether_the_small_answer_is_right() -> None:
    found = _evaluated([0.25] * 100, small=[1, 0, 0, 0] * 25, large=[1, 1, 0, 0] * 25)

    assert found.calibration_error == 0.0


def test_the_lines_that_need_no_model_stand_beside_it() -> None:
    lines = {line.name: line for line in _evaluated(KNOWING).lines}

    assert list(lines) == ["classifier", "always-small", "always-large", "random", "length-only", "oracle"]
    assert (lines["random"].apgr, lines["random"].cpt50, lines["random"].cpt80) == (0.5, 0.5, 0.8)
    assert lines["random"].operation.large_share == pytest.approx(0.94)
    assert (lines["always-small"].operation.accuracy, lines["always-large"].operation.large_share) == (0.5, 1.0)
    assert lines["always-small"].apgr is None


def test_a_category_is_worth_what_it_gains_on_other_rows() -> None:
    categories = ["easy", "hard"] * 200
    scored = scored_rows([0.5] * 400, [1, 0] * 200, [1, 1] * 200, categories)

    line = next(line for line in evaluate(scored, prices=PRICES, keep=1.0).lines if line.name == "category-constant")

    assert line.apgr == pytest.approx(0.75)


def test_categories_that_say_nothing_win_nothing() -> None:
    generator = np.random.default_rng(0)
    gains = generator.choice([-1, 0, 1], 4_000, p=[0.1, 0.5, 0.4])
    categories = [f"category {number}" for number in generator.integers(0, 400, 4_000)]

    peeking = apgr(gains, [np.mean(gains[np.asarray(categories) == each]) for each in categories])
    fitted = apgr(gains, category_scores(gains, categories, seed=0))

    assert peeking is not None
    assert peeking > 0.6
    assert fitted == pytest.approx(0.5, abs=0.03)


def test_a_category_is_measured_among_its_own_rows() -> None:
    gains = [1, 0] * 50 + [0, 1] * 100
    scores = [0.9, 0.8] * 50 + [0.2, 0.1] * 100

    found = apgr_by_category(gains, scores, ["told"] * 100 + ["mistaken"] * 200)

    assert [(each.name, each.n, each.apgr) for each in found] == [("mistaken", 200, 0.25), ("told", 100, 0.75)]


@pytest.mark.parametrize(
    ("gains", "category"),
    [
        ([1, 0] * (CATEGORY_ROWS_MIN // 2 - 1), "too few"),
        ([1] * CATEGORY_ROWS_MIN, "all gain"),
        ([0] * CATEGORY_ROWS_MIN, "none gains"),
        ([-1, 0] * CATEGORY_ROWS_MIN, "the large model is worse"),
        ([1, 0] * CATEGORY_ROWS_MIN, ""),
    ],
)
def test_a_category_with_nothing_to_rank_is_left_out(gains: list[int], category: str) -> None:
    assert apgr_by_category(gains, list(range(len(gains))), [category] * len(gains)) == ()


def test_an_evaluation_has_its_categories() -> None:
    found = evaluate(scored_rows(KNOWING, SMALL, LARGE, ["a"] * 60 + ["b"] * 40), prices=PRICES, keep=0.97, resamples=5)

    assert [(each.name, each.n) for each in found.apgr_by_category] == [("a", 60)]


def test_categories_of_two_rows_can_be_ranked() -> None:
    assert category_scores([1], ["a"], seed=0).tolist() == [0.5]
    assert category_scores([1, 0], ["a", "b"], seed=0).tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("small_ok", "small", "large", "note"),
    [
        (KNOWING, LARGE, SMALL, "the large model is not better"),
        (KNOWING, [1] * 98 + [0] * 2, LARGE, "the small model alone keeps that much"),
        ([0.5] * 100, SMALL, LARGE, "cannot be told from a random one"),
        ([1.0 - each for each in KNOWING], SMALL, LARGE, "routing does not pay: a random mix"),
        ([0.2, 0.9] * 50, [1, 0] * 50, LARGE, "routing does not pay: a random mix"),
    ],
)
def test_where_routing_does_not_pay_it_is_said(
    small_ok: list[float], small: list[int], large: list[int], note: str
) -> None:
    assert any(note in said for said in _evaluated(small_ok, small, large).notes)


def test_a_cascade_that_asks_both_for_nearly_all_does_not_pay() -> None:
    scored = scored_rows([0.9] + [0.1] * 99, [1] + [0] * 99, [1] * 100)

    found = evaluate(scored, prices=PRICES, keep=1.0, cascade=True, resamples=20)

    assert any("as much as always the large model" in note for note in found.notes)


def test_eight_thousand_rows_take_seconds() -> None:
    generator = np.random.default_rng(0)
    small, large = generator.integers(0, 2, 8_000).tolist(), (generator.integers(0, 5, 8_000) > 0).tolist()
    scored = scored_rows(generator.random(8_000).tolist(), small, large)

    assert cpu_s(lambda: evaluate(scored, prices=PRICES, keep=0.97)) < 10.0
