from collections.abc import Sequence

import numpy as np
import pytest
from msgspec.structs import replace

from gateway.classifiers.curve import Curve
from gateway.classifiers.examples import Example
from gateway.classifiers.heads import LARGEST_LOG_ODDS, Text
from gateway.classifiers.linear import LinearClassifier, Model
from gateway.classifiers.model_file import model_bytes, parse_model
from gateway.classifiers.outcomes import Outcome
from gateway.classifiers.ridge import Floats, solve
from gateway.classifiers.scoring import ModelScorer
from gateway.classifiers.training import (
    DIFFERING_MIN,
    ROWS_MIN,
    Choices,
    Trained,
    TrainingError,
    _Blocks,
    _cross_fitted,
    check_rows,
    train_head,
)
from gateway.domain.signals import measure
from tests.unit.classifiers.synthetic import (
    EXTRACTOR,
    NOUNS,
    a_model,
    a_task_head,
    an_outcome,
    answered,
    log_odds_of,
    random_rows,
    ruled_rows,
    taken_apart,
    unsaid,
)

ONE = Choices(reads=(("ask",),), amounts=(0.3,), penalties=(1.5,))
BOTH: tuple[Text, ...] = ("ask", "instruction")


def _trained(rows: Sequence[Outcome], choices: Choices = ONE, *, cascade: bool = False) -> Trained:
    return train_head(taken_apart(rows, cascade=cascade), choices, cascade=cascade, say=unsaid)


def _said(model: Model, rows: Sequence[Outcome], *, cascade: bool = False) -> list[float]:
    """The log-odds of each row, by the way that requests go when serving."""
    scorer = ModelScorer(LinearClassifier(model, EXTRACTOR, a_task_head()))
    return [log_odds_of(scorer.score(row, measure(row.request), cascade=cascade)) for row in rows]


def _varied_rows() -> list[Outcome]:
    """Rows with all that a head looks at: words, features, numbers, quoted matter, apps, teams, answers."""
    rows = answered(ruled_rows(120, flipped=0.3))
    asks = ("What is {}?", "Prove that {} holds, step by step.", "Rewrite: “{}”", "Is 3.5 + {} = $12?", "def f(): {}")
    texts = [asks[place % len(asks)].format(row.request.messages[0].text) for place, row in enumerate(rows)]
    return [
        replace(
            row,
            request=an_outcome(text).request,
            app=("tutor", "")[place % 2],
            team=("school", "office", "")[place % 3],
        )
        for place, (row, text) in enumerate(zip(rows, texts, strict=True))
    ]


def _a_solution(rows: int) -> Floats:
    """Small enough that nothing comes to the most that a name may say."""
    return np.random.default_rng(0).normal(scale=0.02, size=(rows, 1)).astype(np.float32)


def _kernel(blocks: _Blocks, amounts: float) -> Floats:
    kernel: Floats = blocks.kernel() + np.float32(amounts) * blocks.amounts()
    return kernel


@pytest.mark.parametrize("reads", [("ask",), ("instruction",), BOTH])
@pytest.mark.parametrize("amounts", [0.0, 1.0])
def test_a_head_says_of_a_row_what_its_kernel_says(reads: tuple[Text, ...], amounts: float) -> None:
    rows = _varied_rows()
    blocks = _Blocks(taken_apart(rows), reads, cascade=False)
    solution = _a_solution(len(rows))

    head, answer = blocks.heads(solution, amounts, 0.25)

    assert answer is None
    assert head.features
    assert head.callers
    model = a_model(ask=head, ask_curve=Curve(), answer=None)
    np.testing.assert_allclose(_said(model, rows), 0.25 + (_kernel(blocks, amounts) @ solution)[:, 0], atol=1e-4)


@pytest.mark.parametrize("amounts", [0.0, 1.0])
def test_an_answer_head_says_of_a_row_what_its_kernel_says(amounts: float) -> None:
    rows = _varied_rows()
    blocks = _Blocks(taken_apart(rows, cascade=True), BOTH, cascade=True)
    solution = _a_solution(len(rows))

    _, answer = blocks.heads(solution, amounts, 0.25)

    assert answer is not None
    model = a_model(answer=answer, answer_curve=Curve())
    expected = 0.25 + (_kernel(blocks, amounts) @ solution)[:, 0]
    np.testing.assert_allclose(_said(model, rows, cascade=True), expected, atol=1e-4)


def test_a_head_from_a_file_says_nearly_the_same() -> None:
    rows = _varied_rows()
    head, answer = _Blocks(taken_apart(rows, cascade=True), BOTH, cascade=True).heads(_a_solution(len(rows)), 1.0, 0.25)
    model = a_model(ask=head, ask_curve=Curve(), answer=answer, answer_curve=Curve())

    read = parse_model(model_bytes(model), "m")

    for cascade in (False, True):
        before, after = (np.array(_said(each, rows, cascade=cascade)) for each in (model, read))
        assert before.std() > 0.05
        np.testing.assert_allclose(after, before, atol=0.02)


def test_what_is_trained_says_of_a_row_what_the_solution_says() -> None:
    rows = ruled_rows(200, flipped=0.25)
    choices = replace(ONE, penalties=(10.0,))
    blocks = _Blocks(taken_apart(rows), ("ask",), cascade=False)
    kernel = _kernel(blocks, 0.3)
    gains = np.array([[float(not row.small_correct)] for row in rows], np.float32)
    solution = solve(kernel, gains, 10.0)

    trained = _trained(rows, choices)

    said = np.array(_said(a_model(ask=trained.head, ask_curve=Curve(), answer=None), rows))
    assert max(map(abs, trained.head.features.values())) < LARGEST_LOG_ODDS
    slope, intercept = np.polyfit((solution.mean + kernel @ solution.rows)[:, 0], said, 1)
    assert slope < 0.0
    np.testing.assert_allclose(said, intercept + slope * (solution.mean + kernel @ solution.rows)[:, 0], atol=2e-3)
    left_out = [trained.curve.at(float(intercept + slope * each)) for each in solution.left_out[:, 0]]
    np.testing.assert_allclose(trained.left_out, left_out, atol=5e-3)


def test_a_rule_of_words_is_learned() -> None:
    rows = ruled_rows(300)

    trained = _trained(rows)

    assert trained.found.apgr > 0.7
    assert trained.found.auc == pytest.approx(1.0, abs=0.01)
    model = a_model(ask=trained.head, ask_curve=trained.curve, answer=None)
    new = [an_outcome(f"{noun} {word} letter") for noun in NOUNS for word in ("violet", "orange")]
    said = _said(model, new)
    assert min(said[::2]) > 0.0 > max(said[1::2])


def test_a_rule_of_answers_is_learned_from_the_answers() -> None:
    rows = answered(random_rows(300))

    trained = _trained(rows, cascade=True)

    assert trained.answer is not None
    assert trained.found.auc is not None
    assert trained.found.auc > 0.95


def test_a_rule_of_callers_is_learned_where_words_tell_nothing() -> None:
    rows = [replace(row, app="easy" if row.small_correct else "hard") for row in random_rows(300)]

    trained = _trained(rows)

    assert trained.head.callers["app easy"] > 0.0 > trained.head.callers["app hard"]
    assert trained.found.auc is not None
    assert trained.found.auc > 0.9


@pytest.mark.parametrize("seed", range(6))
def test_labels_by_chance_teach_nothing(seed: int) -> None:
    try:
        trained = _trained(random_rows(300, seed=seed))
    except TrainingError as error:
        assert str(error).startswith("nothing in these rows tells where the large model is needed")  # noqa: PT017
    else:
        assert trained.found.apgr == pytest.approx(0.5, abs=0.1)


def test_rows_that_all_ask_the_same_teach_nothing() -> None:
    rows = [an_outcome("Same", small=place % 5 > 2, large=place % 5 < 3) for place in range(200)]

    with pytest.raises(TrainingError, match="nothing in these rows tells where the large model is needed"):
        _trained(rows)


def test_the_log_odds_of_rows_left_out_are_calibrated() -> None:
    trained = _trained(ruled_rows(1_500, flipped=0.2))

    assert trained.found.calibration_error < 0.06
    assert trained.left_out.shape == (1_500,)


def test_the_best_of_the_settings_is_kept_and_each_is_told() -> None:
    rows = [
        replace(row, request=an_outcome(f'Look: "{row.request.messages[0].text}" Well?').request)
        for row in ruled_rows(200)
    ]
    told: list[str] = []
    choices = Choices(reads=(("instruction",), ("ask",)), amounts=(0.3, 1.0), penalties=(1.5, 4.0))

    trained = train_head(taken_apart(rows), choices, cascade=False, say=told.append)

    assert trained.found.reads == tuple(trained.head.ngrams) == ("ask",)
    assert trained.found.amounts in choices.amounts
    assert trained.found.penalty in choices.penalties
    assert [line.partition(":")[0] for line in told] == [
        f"words of {text}, amounts {amounts}" for text in ("instruction", "ask") for amounts in ("0.3", "1")
    ]


def test_without_amounts_a_head_has_no_shape() -> None:
    trained = _trained(ruled_rows(200), replace(ONE, amounts=(0.0,)))

    assert trained.head.shape is None


def test_named_words_are_common_ones() -> None:
    trained = _trained(ruled_rows(200))

    assert {"violet", "orange"} <= trained.head.words
    assert all(set(name.split()) <= {*NOUNS, "violet", "orange"} for name in trained.head.words)


def _categorised(rows: Sequence[Outcome], categories: int) -> list[Outcome]:
    return [replace(row, category=f"c{place % categories}") for place, row in enumerate(rows)]


def test_a_rule_of_all_categories_holds_in_categories_left_out() -> None:
    trained = _trained(_categorised(ruled_rows(300), 7))

    assert trained.found.apgr_categories is not None
    assert trained.found.apgr_categories > 0.7


def test_a_rule_of_each_category_does_not_hold_in_categories_left_out() -> None:
    categories = ("alpha", "kappa", "delta", "theta", "gamma", "sigma", "omega", "bravo", "tango", "lambd")
    rows = [
        an_outcome(
            f"{row.request.messages[0].text} {categories[place % 10]}",
            small=place % 10 < 5,
            category=categories[place % 10],
        )
        for place, row in enumerate(random_rows(300))
    ]

    trained = _trained(rows)

    assert trained.found.apgr > 0.7
    assert trained.found.apgr_categories is not None
    assert trained.found.apgr_categories < 0.6


@pytest.mark.parametrize("categories", [1, 4])
def test_few_categories_are_not_left_out(categories: int) -> None:
    trained = _trained(_categorised(ruled_rows(200), categories))

    assert trained.found.apgr_categories is None


def test_rows_without_a_category_belong_to_none() -> None:
    rows = [replace(row, category=row.category if place % 2 else "") for place, row in enumerate(ruled_rows(200))]

    trained = _trained(_categorised(rows[:100], 4) + rows[100:])

    assert trained.found.apgr_categories is None


def test_the_same_rows_give_the_same_head_bit_for_bit() -> None:
    rows = answered(ruled_rows(200, flipped=0.1))

    files = []
    for _ in range(2):
        trained = _trained(rows, cascade=True)
        files.append(model_bytes(a_model(ask=trained.head, answer=trained.answer, answer_curve=trained.curve)))

    assert files[0] == files[1]


def _labelled(only_large: int, only_small: int, both: int, neither: int = 0) -> list[Example]:
    labels = [(False, True)] * only_large + [(True, False)] * only_small + [(True, True)] * both
    labels += [(False, False)] * neither
    (example,) = taken_apart([an_outcome()])
    return [replace(example, row=an_outcome(small=small, large=large)) for small, large in labels]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((40, 0, ROWS_MIN - 41), rf"^99 labelled rows are too few to learn from; give at least {ROWS_MIN}$"),
        (
            (DIFFERING_MIN - 1, 0, 100),
            r"^only the large model was right in 29 rows; to learn when it is takes at least 30$",
        ),
        (
            (40, 1_040, 0),
            (
                r"^the large model is no better on these rows \(only it was right in 40, only the small one in 1,040\):"
                r" there is nothing to route for; use the small model alone, or check the labels$"
            ),
        ),
        ((40, 40, 40), r"^the large model is no better on these rows \(only it was right in 40, only the small one"),
        (
            (100, 0, 0, 50),
            r"^the small model was right in no row: use the large model alone, or check the labels$",
        ),
        ((0, 0, 100), r"^only the large model was right in 0 rows"),
        ((0, 0, 0), r"^0 labelled rows are too few"),
    ],
    ids=range(7),
)
def test_rows_that_nothing_can_be_learned_from_are_refused_with_what_is_missing(
    rows: tuple[int, ...], message: str
) -> None:
    with pytest.raises(TrainingError, match=message):
        check_rows(_labelled(*rows))


def test_rows_that_just_suffice_are_taken() -> None:
    check_rows(_labelled(DIFFERING_MIN, DIFFERING_MIN - 1, ROWS_MIN - 2 * DIFFERING_MIN + 1))

    assert _labelled(1, 0, 0)[0].row.large_correct


def test_a_label_that_comes_with_the_folds_takes_nothing_from_the_calibration() -> None:
    gain = np.linspace(-1.0, 1.0, 400)
    small = (np.arange(400) % 5 == 0).astype(np.int64)

    small_ok = _cross_fitted(gain, small, -1.0, -1.4)

    assert np.isfinite(small_ok).all()
    assert small_ok.mean() == pytest.approx(0.2, abs=0.05)
