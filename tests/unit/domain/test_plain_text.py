import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.plain_text import plain_text
from tests.cpu_time import MOST_EIGHTFOLD, eightfold_s

SEEN = {
    "one\nx": "plain",
    'a "b" /c\td': "escaped",
    "糖尿病 Röntgenbefund": "of other scripts",
}


@pytest.mark.parametrize("text", SEEN, ids=SEEN.values())
@pytest.mark.parametrize("times", [1, 2, 3])
def test_what_json_escapes_is_read_however_often_it_was_escaped(text: str, times: int) -> None:
    escaped = text
    for _ in range(times):
        escaped = json.dumps(escaped)[1:-1]

    assert plain_text(escaped).text == text


@pytest.mark.parametrize("text", [r"C:\Users\bob", r"\d+\w", "\\", "a\\", r"\u12", r"\uname", r"\U0001"])
def test_other_backslashes_stay(text: str) -> None:
    assert plain_text(text).text == text


@pytest.mark.parametrize("text", ["", "plain", "12.50 - 3", "Größe", "请，看", "\ud800", "😀"])
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert plain_text(text).text == text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("ann＠example．com", "ann@example.com"),
        ("ｄｉａｂｅｔｅｓ", "diabetes"),
        ("dia\u200bbe\u00adtes\u202e", "diabetes"),
        ("1\u00a02\u20093\u200a4\u30005", "1 2 3 4 5"),
        ("1–2—3−4‑5", "1-2-3-4-5"),
        ("diabe\u0301tes", "diabetes"),
        ("٤١१", "411"),
    ],
)
def test_what_looks_like_ascii_becomes_ascii(text: str, plain: str) -> None:
    assert plain_text(text).text == plain


@pytest.mark.parametrize("padding", ["", " and nothing to see here" * 20])
@pytest.mark.parametrize(
    ("text", "plain"),
    [(r"a\\\n\tb", "a\n\tb"), (r"a\x\\", "a\\x\\"), (r"C:\\Users\new", "C:\\Users\new"), (r"\u005cn\/", "\n/")],
)
def test_rare_escapes_are_read_like_many(text: str, plain: str, padding: str) -> None:
    assert plain_text(text + padding).text == plain + padding


@pytest.mark.parametrize(
    ("text", "data"),
    [("\u212aELVIN é", "kELVIN é"), ("İstanbul", "i\u0307stanbul"), ("ÉTÉ", "ÉTÉ"), ("plain", "plain")],
)
def test_only_letters_whose_lower_case_is_ascii_come_in_lower_case(text: str, data: str) -> None:
    assert plain_text(text).data.decode() == data
    assert plain_text(text).text == text


def test_digits_of_every_script_are_read() -> None:
    zeros = [point for point in range(0x80, 0x10000) if chr(point).isdecimal() and int(chr(point)) == 0]

    missed = [hex(zero) for zero in zeros if plain_text(f"{chr(zero)}{chr(zero + 9)}").text != "09"]

    assert missed == []


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_can_be_read(text: str) -> None:
    assert len(plain_text(text).text) <= len(text) + text.count("\\")


@pytest.mark.parametrize("unit", ["\\", "\\n", "\\u4e2d ", "\\u00", "e\u0301\u0323", "\u0301\u0323", "a\u200b", "٣"])
def test_the_time_taken_grows_with_the_length_not_its_square(unit: str) -> None:
    short_s, long_s = eightfold_s(plain_text, unit)

    assert long_s < MOST_EIGHTFOLD * short_s + 0.005
