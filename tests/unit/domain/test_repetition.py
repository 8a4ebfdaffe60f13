import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.repetition import is_repetitive
from tests.cpu_time import cpu_s

PROSE = (
    "The quarterly report shows that revenue rose by four per cent while costs stayed flat, which is mostly due to the "
    "new contract in the north. Two plants were closed for repairs in May, and the staff used the time for training. "
    "We expect orders to recover in autumn, once the tariffs are settled and the second line is running again. "
)
LOOPS = (
    PROSE + "I will check the file. " * 12,
    PROSE + "and so on and " * 20,
    PROSE + "very " * 40,
    "- Improve communication\n" * 30,
    "the " * 29,
    "这个问题的答案是这个。" * 12,
    "はい、わかりました。" * 12,
    "네, 알겠습니다. " * 15,
    "!" * 600,
    "".join(f"{number}. The customer should be informed of the delay as soon as possible.\n" for number in range(60)),
    '{"items": [' + '{"name": "a", "price": 1}, ' * 50,
)
SOUND = (
    "",
    "Paris.",
    "ha ha ha ha ha!",
    "哈哈哈哈哈哈",
    PROSE,
    "-" * 200,
    "Name\tPrice\n" + "=" * 80,
    "| a | b | c |\n| --- | --- | --- |\n"
    + "".join(f"| item {n} | {n * 37 % 101} | {n * 53 % 97} |\n" for n in range(80)),
    "[" + ", ".join(f'{{"id": {n}, "name": "customer {n * 7919 % 1000}", "paid": true}}' for n in range(60)) + "]",
    "".join(f"{n}. {word}\n" for n, word in enumerate(PROSE.split())),
    "if (a) {\n  if (b) {\n    if (c) {\n      run();\n    }\n  }\n}\n",
    "<div>" * 8 + "text" + "</div>" * 8,
    "No. " * 5,
)


@pytest.mark.parametrize("text", LOOPS)
def test_an_answer_that_cannot_find_its_end_is_told(text: str) -> None:
    assert is_repetitive(text)


@pytest.mark.parametrize("text", SOUND)
def test_lists_tables_and_code_are_no_repetition(text: str) -> None:
    assert not is_repetitive(text)


def test_a_loop_that_is_cut_in_mid_phrase_is_told() -> None:
    assert is_repetitive((PROSE + "I will check the file again. " * 12)[:-11])


@given(st.text(max_size=2_000))
def test_no_text_is_too_strange(text: str) -> None:
    assert is_repetitive(text) in {True, False}


@given(st.text(alphabet="ab ", max_size=400), st.integers(1, 400))
def test_the_verdict_is_the_same_whatever_came_long_before(text: str, times: int) -> None:
    end = (text * times)[-8_000:].rjust(8_000, "x")

    assert is_repetitive(end) == is_repetitive("y" * 100_000 + end)


@pytest.mark.parametrize("unit", ["a", "ab", "\n", " ", "a b c ", "中", "é\n", PROSE])
def test_a_megabyte_takes_no_longer_than_a_page(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))

    assert cpu_s(lambda: is_repetitive(text)) < 0.1
