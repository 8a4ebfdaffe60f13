from datetime import date

import pytest

from gateway.policyfile.values import LARGEST, OTHER, Asked, Ground, counts_of, day_of, ratios_of, subsets_of, unnamed

GROUND = Ground(thresholds=(0.6,), aliases=("auto",))


def _asked(source: str) -> Asked:
    return Asked([source], GROUND)


def test_counts_are_on_both_sides_of_each_number_mentioned_the_ordinary_first() -> None:
    assert counts_of(_asked("signals.images > 5"), "signals.images") == [0, 5, 1, 4, 6]


def test_no_count_is_below_the_least_of_its_variable() -> None:
    assert min(counts_of(_asked("signals.tokens > 0"), "signals.tokens")) == 1


def test_a_number_out_of_reach_is_left_out() -> None:
    assert max(counts_of(_asked(f"signals.images > {LARGEST}"), "signals.images")) == 1


def test_ratios_know_the_threshold_only_where_it_is_asked_about() -> None:
    assert 0.6 in ratios_of(_asked("classification.small_ok > quality.threshold"), "classification.small_ok")
    assert 0.6 not in ratios_of(_asked("classification.small_ok > 0.5"), "classification.small_ok")


def test_of_many_texts_not_every_subset_is_tried() -> None:
    assert subsets_of("ab") == [(), ("a",), ("b",), ("a", "b")]
    assert subsets_of("abcde") == [(), *((letter,) for letter in "abcde"), tuple("abcde")]


def test_what_no_condition_names_is_none_of_the_texts_they_mention() -> None:
    assert unnamed(_asked(f'key.team in ["{OTHER}", "{OTHER * 2}"]'), "key.team") == OTHER * 3


@pytest.mark.parametrize(
    ("text", "day"),
    [("2026-12-24", date(2026, 12, 24)), ("24.12.2026", None), ("20261224", None), ("0001-01-01", None)],
)
def test_a_day_is_written_as_conditions_have_it(text: str, day: date | None) -> None:
    assert day_of(text) == day
