import pytest

from gateway.classifiers.known_words import MOST, ROWS_MIN, known_words, weight_of
from gateway.classifiers.ngrams import ngrams_of
from tests.unit.classifiers.handmade import a_table, a_table_of


def test_words_and_pairs_that_many_rows_have_are_named_in_the_order_of_the_alphabet() -> None:
    rows = [ngrams_of("zebra apple")] * ROWS_MIN

    assert known_words(rows, a_table()) == ("apple", "zebra", "zebra apple")


def test_what_few_rows_have_is_never_named() -> None:
    rows = [ngrams_of("dear anna")] * (ROWS_MIN - 1) + [ngrams_of("dear")]

    known = known_words(rows, a_table(anna=2.0, dear=0.1))

    assert known == ("dear",)


def test_a_row_counts_once_however_often_it_says_a_word() -> None:
    rows = [ngrams_of("anna " * ROWS_MIN)]

    assert known_words(rows, a_table()) == ()


@pytest.mark.parametrize("word", ["4711", "a1", "a12b", "١٢", "²"])
def test_nothing_with_a_digit_is_named(word: str) -> None:
    rows = [ngrams_of(f"{word} is")] * ROWS_MIN

    assert known_words(rows, a_table_of({word: 3.0})) == ("is",)


def test_of_too_many_words_those_that_say_most_are_named() -> None:
    words = [f"{first}{second}{third}" for first in "abcdefghi" for second in "abcdefghi" for third in "abcdefghi"]
    rows = [ngrams_of(word) for word in words] * ROWS_MIN
    weighty = words[MOST:]

    known = known_words(rows, a_table_of({word: -1.0 if word < "h" else 1.0 for word in weighty}))

    assert len(known) == MOST < len(words)
    assert set(weighty) <= set(known)


def test_pairs_are_chosen_apart_from_words() -> None:
    rows = [ngrams_of("你好")] * ROWS_MIN

    assert known_words(rows, a_table()) == ("你", "你好", "好")


def test_no_rows_name_nothing() -> None:
    assert known_words([], a_table()) == ()


@pytest.mark.parametrize("name", ["extract", "extract the", "don'", "你", "你好", "?"])
def test_the_weight_of_a_word_or_pair_is_read_where_texts_with_it_find_it(name: str) -> None:
    table = a_table_of({name: 1.5})
    ngrams = ngrams_of(f"so, {name} now")

    assert weight_of(name, table) == 1.5
    assert table[ngrams.slots].tolist().count(1.5) == 1
