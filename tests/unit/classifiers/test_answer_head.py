import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.classifiers.answer_amounts import ANSWER_AMOUNTS
from gateway.classifiers.answer_head import AnswerHead
from gateway.classifiers.heads import LETTERS, OTHER_WORDS
from gateway.classifiers.view import text_view
from gateway.domain.answer import Answer
from tests.unit.classifiers.handmade import a_head, a_table, a_table_of, an_answer_head, some_amounts
from tests.unit.classifiers.texts import ANY_TEXT, BROKEN, ODD

VIEW = text_view("What is 3 + 4?")


def shares(head: AnswerHead, text: str, logprob: float | None = None) -> dict[str, float]:
    return {name: share for name, share in head.shares(Answer(text=text, logprob=logprob), VIEW) if share}


def test_amounts_of_the_answer_add_under_its_name() -> None:
    head = an_answer_head(amounts=some_amounts(ANSWER_AMOUNTS, hedges=-1.0, ends_with_a_number=0.5))

    found = shares(head, "It is 7")

    assert found == {"answer: ends with a number": 0.5}


def test_the_log_probability_of_the_answer_counts() -> None:
    head = an_answer_head(amounts=some_amounts(ANSWER_AMOUNTS, **{"log-probability": 2.0}))

    assert shares(head, "seven", logprob=-0.25) == {"answer: log-probability": -0.5}
    assert shares(head, "seven") == {}


def test_numbers_of_the_answer_are_compared_with_those_of_the_ask() -> None:
    head = an_answer_head(amounts=some_amounts(ANSWER_AMOUNTS, last_number_stands_in_the_ask=-1.0))

    assert shares(head, "4") == {"answer: last number stands in the ask": -1.0}
    assert shares(head, "7") == {}


def test_words_and_letters_of_the_answer_add_whatever_its_case() -> None:
    head = an_answer_head(ngrams=a_table_of({"sorry": 1.0}, letters=0.25))

    assert shares(head, "SORRY") == {f"answer: {OTHER_WORDS}": 1.0, f"answer: {LETTERS}": pytest.approx(0.5)}


@given(words=st.lists(st.sampled_from(["anna", "secret", "sorry", "你"]), min_size=1))
def test_no_word_of_an_answer_is_ever_named(words: list[str]) -> None:
    known = frozenset(("anna", "secret", "sorry", "你", "anna secret"))
    table = a_table(anna=2.0, secret=-1.0, sorry=0.5, 你=1.0)
    head = an_answer_head(ask=a_head(words=known, ngrams={"instruction": table}), ngrams=table)

    names = " ".join(shares(head, " ".join(words)))

    assert not any(word in names for word in known)


@given(text=ANY_TEXT)
def test_any_answer_can_be_judged(text: str) -> None:
    names = [name for name, _ in an_answer_head().shares(Answer(text=text), VIEW)]

    assert names == [f"answer: {name}" for name in (*ANSWER_AMOUNTS, LETTERS, OTHER_WORDS)]


@pytest.mark.parametrize("text", [*BROKEN.values(), *ODD.values()], ids=[*BROKEN, *ODD])
def test_odd_answers_are_judged_like_any_other(text: str) -> None:
    assert shares(an_answer_head(), text) == {}
