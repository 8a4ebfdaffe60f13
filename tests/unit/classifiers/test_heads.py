import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.classifiers.heads import (
    FURTHEST,
    LARGEST_LOG_ODDS,
    LETTERS,
    OTHER_WORDS,
    TASK_SLOT_BITS,
    WORDS_NAMED,
    Head,
    Text,
    capped,
    ngram_shares,
    standardised,
)
from gateway.classifiers.ngrams import KINDS, SLOT_BITS, NGrams, ngrams_of
from gateway.domain.classification import Contribution
from tests.unit.classifiers.handmade import a_head, a_table, a_table_of, a_task_head, some_amounts
from tests.unit.classifiers.texts import ANY_TEXT

NOISE = np.random.default_rng(3).normal(size=len(KINDS) << SLOT_BITS).astype(np.float32)
NAMES = st.sampled_from(["short ask", "question", "word 'a'", OTHER_WORDS])
WORDS = st.lists(st.sampled_from(["the", "anna", "secret", "plan", "你", "好", "?"]), max_size=12).map(" ".join)


def texts(ask: str, instruction: str | None = None) -> Mapping[Text, NGrams]:
    return {"ask": ngrams_of(ask), "instruction": ngrams_of(ask if instruction is None else instruction)}


def shares(head: Head, ask: str, instruction: str | None = None) -> dict[str, float]:
    return {each.feature: each.log_odds for each in capped(head.shares({}, (), (), texts(ask, instruction)))}


@given(given_shares=st.lists(st.tuples(NAMES, st.floats(-10, 10))))
def test_each_name_comes_once_is_never_0_and_never_beyond_the_cap(given_shares: list[tuple[str, float]]) -> None:
    contributions = capped(given_shares)

    names = [each.feature for each in contributions]
    assert len(set(names)) == len(names)
    assert all(0.0 < abs(each.log_odds) <= LARGEST_LOG_ODDS for each in contributions)


def test_the_cap_is_on_all_that_has_one_name() -> None:
    contributions = capped([("a", 2.0), ("b", -9.0), ("a", 2.0)])

    assert contributions == [Contribution("a", LARGEST_LOG_ODDS), Contribution("b", -LARGEST_LOG_ODDS)]


def test_shares_that_cancel_are_not_shown() -> None:
    assert capped([("a", 1.5), ("a", -1.5)]) == []


@given(text=ANY_TEXT | WORDS, words=st.frozensets(st.sampled_from(["the", "anna", "plan", "你", "the plan", "你 好"])))
def test_naming_words_changes_no_sum(text: str, words: frozenset[str]) -> None:
    ngrams = ngrams_of(text)

    named = math.fsum(share for _, share in ngram_shares(NOISE, ngrams, words))

    said = float((NOISE[ngrams.slots] * ngrams.shares).sum(dtype=np.float64))
    assert named == pytest.approx(min(LARGEST_LOG_ODDS, max(-LARGEST_LOG_ODDS, said)), abs=1e-3)


@given(text=ANY_TEXT | WORDS, words=st.frozensets(st.sampled_from(["the", "plan", "你", "the plan"])))
def test_a_word_that_is_not_known_is_never_named(text: str, words: frozenset[str]) -> None:
    table = np.ones(len(KINDS) << SLOT_BITS, np.float32)

    names = [name for name, _ in ngram_shares(table, ngrams_of(text), words)]

    allowed = {f"word {word!r}" for word in words} | {f"words {word!r}" for word in words}
    assert set(names) <= {LETTERS, OTHER_WORDS} | allowed


def test_a_secret_word_is_among_the_others_however_much_it_weighs() -> None:
    head = a_head(ngrams={"instruction": a_table(hunter2=2.5, please=0.5)}, words=frozenset(("please",)))

    found = shares(head, "please hunter2")

    assert found == {"word 'please'": pytest.approx(0.5 / math.sqrt(2)), OTHER_WORDS: pytest.approx(2.5 / math.sqrt(2))}


def test_the_weightiest_words_and_pairs_are_named_and_the_rest_is_one() -> None:
    weights = {"one": 0.1, "two": 4.0, "three": -2.0, "four": 0.2, "one two": 3.0, "two three": -4.0, "three four": 0.3}
    head = a_head(ngrams={"instruction": a_table_of(weights)}, words=frozenset(weights))

    found = shares(head, "one two three four")

    assert sorted(found) == sorted(["word 'two'", "word 'three'", "words 'one two'", "words 'two three'", OTHER_WORDS])
    assert found["word 'two'"] == pytest.approx(4.0 / math.sqrt(4))
    assert found["words 'two three'"] == pytest.approx(-4.0 / math.sqrt(3))
    assert found[OTHER_WORDS] == pytest.approx(0.3 / math.sqrt(4) + 0.3 / math.sqrt(3), abs=1e-6)
    assert sum(name.startswith("word ") for name in found) == WORDS_NAMED


def test_groups_of_letters_are_one_contribution() -> None:
    head = a_head(ngrams={"instruction": a_table_of({}, letters=0.5)})

    assert shares(head, "abcdef") == {LETTERS: pytest.approx(0.5 * 5 / math.sqrt(5))}


def test_a_word_in_both_texts_is_one_contribution() -> None:
    table = a_table(translate=1.0)
    head = a_head(ngrams={"instruction": table, "ask": table}, words=frozenset(("translate",)))

    found = shares(head, ask="translate hello there now", instruction="translate")

    assert found == {"word 'translate'": pytest.approx(1.0 + 1.0 / math.sqrt(4))}


def test_a_text_that_the_head_does_not_read_counts_for_nothing() -> None:
    head = a_head(ngrams={"instruction": a_table(secret=1.0)})

    assert shares(head, ask="secret", instruction="nothing") == {}


def test_each_part_adds_and_what_has_no_weight_does_not() -> None:
    head = a_head(
        features={"short ask": 2.0, "question": 0.0},
        shape=some_amounts(("words", "digits"), words=0.5),
        callers={"app shop": -1.0},
        ngrams={"instruction": a_table(hello=0.25)},
    )

    contributions = capped(
        head.shares(
            {"short ask": 0.5, "question": 1.0, "long ask": 1.0}, (2.0, 1.0), ["app shop", "team x"], texts("hello")
        )
    )

    assert {each.feature: each.log_odds for each in contributions} == {
        "short ask": 1.0,
        "words": 1.0,
        "app shop": -1.0,
        OTHER_WORDS: 0.25,
    }


def test_a_head_without_amounts_looks_at_none() -> None:
    assert shares(a_head(shape=None), "12 words") == {}


@pytest.mark.parametrize(
    ("amount", "away"), [(5.0, 0.0), (7.0, 1.0), (4.0, -0.5), (1e12, FURTHEST), (-1e12, -FURTHEST)]
)
def test_an_amount_counts_as_far_as_it_is_from_what_is_usual_within_bounds(amount: float, away: float) -> None:
    assert standardised([amount], np.array([5.0]), np.array([2.0])).tolist() == [away]


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("translate the", 1.0),
        ("translate zorblax", 0.5),
        ("zorblax", 0.0),
        ("translate the zorblax kin", 0.5),
        ("", 0.0),
        (" ", 0.0),
    ],
)
def test_what_is_known_of_a_text_is_the_share_of_its_words_that_have_a_weight(text: str, share: float) -> None:
    head = a_head(ngrams={"instruction": a_table(translate=1.0, the=-0.01)})

    assert head.knows(texts(text)) == share


def test_what_is_known_is_told_of_the_first_text_and_of_words_alone() -> None:
    pairs_only = a_table_of({"red box": 1.0}, letters=1.0)
    head = a_head(ngrams={"instruction": pairs_only, "ask": a_table(red=1.0, box=1.0)})

    assert head.knows(texts("red box")) == 0.0


@given(text=ANY_TEXT)
def test_of_any_text_a_share_is_known(text: str) -> None:
    assert 0.0 <= a_head().knows(texts(text)) <= 1.0


def test_the_task_is_the_one_with_the_highest_sum() -> None:
    head = a_task_head()

    assert head.task_of({}, ngrams_of("hello")) == "knowledge"
    assert head.task_of({"asks to translate": 1.0, "unknown": 9.0}, ngrams_of("hello")) == "translation"
    assert head.task_of({"asks to translate": 0.25}, ngrams_of("hello")) == "knowledge"


def test_words_of_the_instruction_tell_the_task() -> None:
    table = np.zeros((len(KINDS) << TASK_SLOT_BITS, 2), np.float32)
    table[ngrams_of("übersetze").slots[0] >> (SLOT_BITS - TASK_SLOT_BITS)] = 0.0, 4.0
    head = a_task_head(ngrams=table)

    assert head.task_of({}, ngrams_of("bitte übersetze das")) == "translation"
    assert head.task_of({}, ngrams_of("bitte lies das")) == "knowledge"


@given(text=ANY_TEXT)
def test_any_text_has_a_task(text: str) -> None:
    assert a_task_head().task_of({}, ngrams_of(text)) == "knowledge"
