"""Whether the demo's policy sends everyday asks small, and keeps hard ones from it, on the test half of `prior/`."""

from collections import Counter
from collections.abc import Callable

import pytest

from tests.classifiers.sets import HALVES, Row, goes_small, half_of, rows_of, share

LANGUAGES = ("en", "es", "pt", "de", "fr", "zh", "ja")
SALT = "prior-157:"

SMALL_AS_EXPECTED_MIN = 0.98  # target: 1.0, "go small in every language"
"""Measured with the prior of version 2: 0.987, 76 of 77."""
LANGUAGE_SMALL_MIN = 0.9  # target: 1.0
"""Measured: 0.909 (Chinese, 10 of 11), 1.0 in the six others."""


def test_everyday_asks_go_small_as_often_as_they_have() -> None:
    rows = expected("small")

    assert share(map(goes_small, rows)) >= SMALL_AS_EXPECTED_MIN


def test_no_hard_ask_goes_small_in_any_language() -> None:
    leaking = [row["item"] for row in expected("not_small") if goes_small(row)]

    assert leaking == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_language_falls_far_behind(language: str) -> None:
    easy = expected("small", lambda row: row["language"] == language)

    assert share(map(goes_small, easy)) >= LANGUAGE_SMALL_MIN


def test_every_kind_has_five_asks_in_every_language() -> None:
    cells = Counter((row["kind"], row["language"]) for half in HALVES for row in rows_of(f"prior/{half}"))

    assert {language for _, language in cells} == set(LANGUAGES)
    assert set(cells.values()) == {5}


@pytest.mark.parametrize("half", HALVES)
def test_each_item_is_in_the_half_that_its_hash_names_in_every_language(half: str) -> None:
    strays = [row["item"] for row in rows_of(f"prior/{half}") if half_of(row["item"], SALT) != half]

    assert strays == []


def expected(side: str, counts: Callable[[Row], bool] = lambda row: True) -> list[Row]:
    return [row for row in rows_of("prior/test") if row["expect"] == side and counts(row)]
