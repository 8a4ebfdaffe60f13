from collections.abc import Sequence

import numpy as np
import pytest
from msgspec.structs import replace

from gateway.classifiers.outcomes import Outcome
from gateway.classifiers.ridge import Floats, solve
from gateway.classifiers.targets import CATEGORY_ROWS_MIN, Mix, Targets
from tests.unit.classifiers.synthetic import answered, ruled_rows, taken_apart

ROWS = 160
PENALTY = 1.5


def _rows() -> list[Outcome]:
    """Two categories with enough rows, and one without."""
    names = ("law", "physics", "law", "physics", "law", "physics", "art", "")
    return [
        replace(row, category=names[place % len(names)], large_answer="so " * (1 + place % 7))
        for place, row in enumerate(ruled_rows(ROWS, flipped=0.3))
    ]


def _targets(rows: Sequence[Outcome]) -> Targets:
    return Targets(taken_apart(rows))


def _kernel() -> Floats:
    columns = np.random.default_rng(0).normal(size=(ROWS, 8))
    return (columns @ columns.T).astype(np.float32)


def _with_its_labels_swapped(rows: Sequence[Outcome], place: int) -> list[Outcome]:
    row = rows[place]
    swapped = replace(row, small_correct=row.large_correct, large_correct=row.small_correct)
    return [*rows[:place], swapped, *rows[place + 1 :]]


def test_the_gain_counts_half_where_only_the_small_model_was_right() -> None:
    rows = [
        replace(row, small_correct=small, large_correct=large)
        for row, (small, large) in zip(
            ruled_rows(4), ((False, True), (True, False), (True, True), (False, False)), strict=True
        )
    ]

    assert _targets(rows).columns[:, 0].tolist() == [1.0, -0.5, 0.0, 0.0]


def test_without_a_mix_only_the_gain_counts() -> None:
    targets = _targets(_rows())
    solution = solve(_kernel(), targets.columns, PENALTY)

    mixed = targets.mixed(solution, Mix())

    for name in ("rows", "left_out"):
        np.testing.assert_allclose(getattr(mixed, name), getattr(solution, name)[:, :1], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(mixed.mean, solution.mean[:1], rtol=1e-5)


def test_what_is_mixed_is_one_regression_on_the_mixed_targets() -> None:
    rows = _rows()
    targets = _targets(rows)
    gains = targets.columns[:, 0]
    category = np.array([row.category if row.category in ("law", "physics") else "" for row in rows])
    means = np.array(
        [(gains[category == own].sum() + 20 * gains.mean()) / ((category == own).sum() + 20) for own in category]
    )
    wanted = 0.3 * gains + 0.7 * means + 0.25 * targets.columns[:, 1]

    mixed = targets.mixed(solve(_kernel(), targets.columns, PENALTY), Mix(category=0.7, length=0.25))

    alone = solve(_kernel(), wanted[:, None].astype(np.float32), PENALTY)
    np.testing.assert_allclose(mixed.rows, alone.rows, atol=1e-4)
    np.testing.assert_allclose(mixed.mean, alone.mean, atol=1e-5)


@pytest.mark.parametrize("place", [0, 1, 6, 7])
def test_what_is_said_of_a_row_left_out_does_not_know_its_labels(place: int) -> None:
    """But for the mean of all gains, in which each row has its small part."""
    rows = _rows()
    place = next(each for each in range(place, ROWS, 8) if rows[each].small_correct != rows[each].large_correct)
    before, after = _targets(rows), _targets(_with_its_labels_swapped(rows, place))
    mix = Mix(category=1.0)

    said = [targets.mixed(solve(_kernel(), targets.columns, PENALTY), mix).left_out for targets in (before, after)]

    change_of_the_mean = abs(float(before.columns[:, 0].mean() - after.columns[:, 0].mean()))
    assert abs(float(said[0][place, 0] - said[1][place, 0])) < change_of_the_mean
    assert np.abs(said[0] - said[1]).max() > change_of_the_mean


def test_a_category_of_few_rows_is_none_of_its_own() -> None:
    rows = ruled_rows(ROWS)
    few = [replace(row, category="law" if place < CATEGORY_ROWS_MIN - 1 else "") for place, row in enumerate(rows)]
    enough = [replace(row, category="law" if place < CATEGORY_ROWS_MIN else "") for place, row in enumerate(rows)]

    assert not _targets(few).has_categories
    assert _targets(enough).has_categories


def test_lengths_are_of_the_large_models_answers_where_all_rows_have_one() -> None:
    rows = _rows()
    small = answered(rows)

    of_large = _targets(small).columns[:, 1]
    of_small = _targets([replace(small[0], large_answer=None), *small[1:]]).columns[:, 1]

    np.testing.assert_array_equal(of_large, _targets(rows).columns[:, 1])
    assert np.corrcoef(of_small, [len(row.small_answer or "") for row in small])[0, 1] > 0.9


@pytest.mark.parametrize("answer", [None, "", "as long as all others"])
def test_answers_that_are_missing_or_all_as_long_tell_no_length(answer: str | None) -> None:
    targets = _targets([replace(row, large_answer=answer) for row in _rows()])

    assert not targets.has_lengths
    assert targets.columns.shape == (ROWS, 1 + 3)


def test_what_may_not_count_is_no_target() -> None:
    targets = Targets(taken_apart(_rows()), categories=False, lengths=False)

    assert not targets.has_categories
    assert not targets.has_lengths
    assert targets.columns.shape == (ROWS, 1)
