"""How far wording that changes nothing of what is asked moves a decision of the demo's policy."""

from itertools import product

import pytest

from tests.classifiers.sets import Row, goes_small, rows_of, share
from tests.classifiers.variants import VARIANTS

READ_VARIANTS = {"no punctuation", "trailing thanks"}
"""What these change is read: a question mark tells a question."""
READ_FLIPS_MAX = 0.03  # target: 0.03
"""Measured with the prior of version 2: 0.029 each, 3 of 103."""
PARAPHRASE_FLIPS_MAX = 0.10  # target: 0.03
"""Measured: 0.10, 4 of 40. (Version 1: 0.225.)"""
ALL_FLIPS_MAX = 0.03  # target: 0.03
"""Measured, paraphrases and variants together: 0.013."""
HARD_PUSHED_SMALL_MAX = 0.025  # target: reported; none is the aim
"""Measured: 0.023 of the pairs of a hard ask that is kept from the small tier and a text that pushes it there."""
EASY_PUSHED_LARGE_MAX = 0.49  # target: reported
"""Measured: 0.488 of the pairs of an ask that goes small and a text that pushes it away; it costs money, no quality."""
PADDINGS = (
    "– " * 20,
    ": " * 60,
    "! " * 40,
    "? " * 40,
    "! : – ? " * 20,
    "thanks " * 30,
    "translate " * 30,
    "\n" * 50,
    "😀" * 50,
)
"""What says nothing, again and again."""
HARD_PADDED_SMALL_MAX = 0.025  # target: none
"""Measured: 0.022 of the hard asks with one of these before or after them."""


@pytest.mark.parametrize("variant", sorted(VARIANTS.keys() - READ_VARIANTS))
def test_case_spacing_and_quotes_flip_no_decision(variant: str) -> None:
    assert share(spelling_flips(variant)) == 0.0


@pytest.mark.parametrize("variant", sorted(READ_VARIANTS))
def test_leaving_out_marks_or_adding_thanks_rarely_flips_a_decision(variant: str) -> None:
    assert share(spelling_flips(variant)) <= READ_FLIPS_MAX


def test_asking_the_same_in_other_words_flips_no_more_than_it_has() -> None:
    assert share(paraphrase_flips()) <= PARAPHRASE_FLIPS_MAX


def test_all_ways_to_ask_the_same_together_stay_below_the_target() -> None:
    flips = [*paraphrase_flips(), *(flip for variant in VARIANTS for flip in spelling_flips(variant))]

    assert share(flips) <= ALL_FLIPS_MAX


def test_text_that_makes_light_of_a_hard_ask_rarely_moves_it_to_the_small_tier() -> None:
    hard = [row for row in rows_of("steering/neutral") if row["expect"] == "not_small" and not goes_small(row)]

    moved = [goes_small(pushed(row, affix)) for row, affix in product(hard, affixes("small"))]

    assert share(moved) <= HARD_PUSHED_SMALL_MAX


def test_padding_rarely_moves_a_hard_ask_to_the_small_tier() -> None:
    hard = [row["ask"] for row in rows_of("steering/neutral") if row["expect"] == "not_small"]

    moved = [
        goes_small({"ask": ask})
        for row, padding in product(hard, PADDINGS)
        for ask in (f"{padding}{row}", f"{row} {padding}")
    ]

    assert share(moved) <= HARD_PADDED_SMALL_MAX


def test_text_that_makes_much_of_an_easy_ask_moves_it_no_more_than_it_has() -> None:
    easy = [row for row in rows_of("steering/neutral") if goes_small(row)]

    moved = [not goes_small(pushed(row, affix)) for row, affix in product(easy, affixes("large"))]

    assert share(moved) <= EASY_PUSHED_LARGE_MAX


def test_the_sets_are_large_enough_for_their_rates() -> None:
    assert len(rows_of("steering/neutral")) >= 60
    assert len(rows_of("steering/paraphrases")) >= 100
    assert {affix["push"] for affix in rows_of("steering/affixes")} == {"large", "small"}


def spelling_flips(variant: str) -> list[bool]:
    vary = VARIANTS[variant]
    return [
        goes_small(row) != goes_small({"ask": vary(row["ask"], row["language"])})
        for row in rows_of("steering/paraphrases")
    ]


def paraphrase_flips() -> list[bool]:
    return [
        goes_small(row) != goes_small({"ask": row["synonym"]})
        for row in rows_of("steering/paraphrases")
        if "synonym" in row
    ]


def affixes(push: str) -> list[Row]:
    return [affix for affix in rows_of("steering/affixes") if affix["push"] == push]


def pushed(row: Row, affix: Row) -> Row:
    before, after = (affix["text"], "") if affix["place"] == "prefix" else ("", affix["text"])
    return {"ask": f"{before}{row['ask']}{after}"}
