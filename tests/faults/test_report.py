"""No fault of the catalogue is forgotten: each number has a test or a reason, and its row on the page."""

import re

from tests.faults.catalogue import FAULTS, NOT_HERE
from tests.faults.report import PAGE, names_by_number, page

WANTED = {*range(1, 53), *range(58, 67), *range(68, 77)}


def test_every_number_has_a_test_or_a_reason() -> None:
    assert set(FAULTS) == WANTED
    assert sorted(WANTED - set(names_by_number()) - set(NOT_HERE)) == []


def test_the_page_has_a_row_for_every_number() -> None:
    rows = re.findall(r"^\| (\d+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert {int(number) for number in rows} == WANTED


def test_no_row_of_the_page_is_red() -> None:
    assert " failed |" not in PAGE.read_text(encoding="utf-8")


def test_a_result_is_shown_with_its_figures() -> None:
    fast = {"test": "f::t[a]", "expected": "It holds.", "measured": {"first_byte_ms": 1.5}, "outcome": "passed"}
    slow = fast | {"test": "f::t[b]", "measured": {"first_byte_ms": 2.5}}
    row = "| 1 | connection refused; host name unknown | It holds. | first byte ms {} | {} |"

    assert row.format("1.5", "passed") in page({1: [fast]})
    assert row.format("1.5–2.5", "2 passed") in page({1: [fast, slow]})
    assert row.format("1.5–2.5", "1 failed") in page({1: [fast, slow | {"outcome": "failed"}]})


def test_a_test_that_says_no_more_than_its_name_is_told_by_it() -> None:
    quiet = {"test": "f::test_f034_half_a_head_is_a_408[x]", "expected": "", "measured": {}, "outcome": "passed"}

    assert "| 34 | slow request head or body | Half a head is a 408. |  | passed |" in page({34: [quiet]})
