from tests.conformance.matrix import PAGE, page
from tests.conformance.rows import BY_NAME, ROWS


def test_the_page_says_what_the_rows_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "stale: python -m tests.conformance.matrix"


def test_no_two_rows_have_one_name() -> None:
    assert len(BY_NAME) == len(ROWS)


def test_what_a_row_lacks_is_explained() -> None:
    assert [row.title for row in ROWS if row.lacks and not row.not_done] == []
