from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.classifiers.answer_amounts import ANSWER_AMOUNTS
from gateway.classifiers.answer_head import FAILED_CHECK, AnswerHead
from gateway.classifiers.heads import LETTERS, OTHER_WORDS
from gateway.classifiers.view import text_view
from gateway.domain.answer import Answer
from gateway.domain.signals import measure
from tests.builders import a_request
from tests.unit.classifiers.handmade import a_head, a_table, a_table_of, an_answer_head, some_amounts
from tests.unit.classifiers.texts import ANY_TEXT, BROKEN, ODD

VIEW = text_view("What is 3 + 4?")


def shares(head: AnswerHead, text: str, logprob: float | None = None) -> dict[str, float]:
    return {name: share for name, share in head.shares(Answer(text=text, logprob=logprob), VIEW) if share}


def failed(answer: Answer, **changes: Any) -> list[tuple[str, float]]:
    request = a_request("Tell me about France, in English", **changes)
    found = an_answer_head().failed(answer, request, measure(request))
    return [(each.feature, each.log_odds) for each in found]


@pytest.mark.parametrize(
    ("answer", "changes", "sentence"),
    [
        (Answer(text=" "), {}, "the answer is empty"),
        (Answer(text="It is in", finish_reason="length"), {}, "the answer was cut off (length)"),
        (Answer(text="I'm sorry, but I can't help with that."), {}, "the answer is short and begins with a refusal"),
        (Answer(text="{"), {"structured": True}, "JSON was asked for and the answer is not valid JSON"),
    ],
)
def test_an_answer_that_fails_a_check_is_known_to_be_bad(answer: Answer, changes: Any, sentence: str) -> None:
    assert failed(answer, **changes) == [(f"answer: {sentence}", FAILED_CHECK)]


def test_an_answer_that_passes_has_no_failure() -> None:
    assert failed(Answer(text="France is a country in Western Europe, and its capital is Paris.")) == []


def test_one_failure_is_enough() -> None:
    cut_refusal = Answer(text="I'm sorry, but I can't help with", finish_reason="length", refusal="no")

    assert len(failed(cut_refusal)) == 1


def test_a_hint_that_good_answers_give_as_well_is_no_failure() -> None:
    unbalanced = Answer(text="This is how it is done in that language:\n```rust\nfn main() { print(\n```\n")

    assert failed(unbalanced) == []


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
