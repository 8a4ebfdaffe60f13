import re

import pytest

from gateway.domain.national_ids import (
    BARE_PATTERN,
    FORMATS,
    FORMATTED_PATTERN,
    WORDS,
    is_bare_national_id,
    is_in_fours,
    shape_of,
)

BARE = ["44051401359", "36574261809", "7569217076985", "295109912611193"]


@pytest.mark.parametrize("number", BARE)
def test_a_bare_number_counts_only_with_its_check_digits(number: str) -> None:
    wrong = number[:-1] + str((int(number[-1]) + 1) % 10)

    assert re.fullmatch(BARE_PATTERN, number)
    assert is_bare_national_id(number)
    assert not is_bare_national_id(wrong)


@pytest.mark.parametrize("number", ["", "1234567", "20241115003", "1732100000123"])
def test_other_bare_numbers_do_not_count(number: str) -> None:
    assert not is_bare_national_id(number)


@pytest.mark.parametrize(("number", "expected"), [("621498320257", True), ("234123412346", True), ("1234", False)])
def test_japanese_and_indian_numbers_are_written_in_fours(number: str, expected: bool) -> None:
    assert is_in_fours(number) is expected


@pytest.mark.parametrize("number", ["666-12-3456", "936-12-3456", "536-00-4399", "20241115-0037", "991399-1234"])
def test_what_no_check_would_pass_has_not_the_form(number: str) -> None:
    assert re.search(FORMATTED_PATTERN, number, re.IGNORECASE) is None


@pytest.mark.parametrize("number", ["536-90-4399", "880320-0016", "390.533.447-05", "11010519491231002X"])
def test_a_number_that_has_a_form_has_a_check(number: str) -> None:
    checks = FORMATS[shape_of(number)]

    assert re.search(FORMATTED_PATTERN, number, re.IGNORECASE)
    assert any(is_valid(number) for is_valid in checks)


@pytest.mark.parametrize("word", WORDS)
def test_every_announced_number_has_as_many_digits_as_the_search_finds(word: str) -> None:
    assert all(8 <= digits <= 14 for digits in WORDS[word].digits)
