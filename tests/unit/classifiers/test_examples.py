from itertools import repeat

import numpy as np

from gateway.classifiers.answer_amounts import ANSWER_AMOUNTS
from gateway.classifiers.examples import examples_of
from gateway.classifiers.ngrams import ngrams_of
from gateway.classifiers.shapes import shape_of
from gateway.classifiers.view import text_view, view_of
from gateway.domain.request import Message
from gateway.domain.signals import measure
from tests.builders import a_request
from tests.unit.classifiers.synthetic import EXTRACTOR, an_outcome, taken_apart

ASK = 'Summarise this, please:\n"The river rose by 3.5 metres in a night."\n'


def test_a_row_is_taken_apart_as_its_request_is_when_serving() -> None:
    row = an_outcome(ASK)
    view = view_of(row.request)

    (example,) = taken_apart([row])

    assert example.row is row
    assert example.features == EXTRACTOR.extract(view, measure(row.request))
    assert example.shape == shape_of(view.text, view.tokens)
    assert np.array_equal(example.ngrams["ask"].slots, ngrams_of(view.text).slots)
    assert np.array_equal(example.ngrams["instruction"].slots, ngrams_of(view.instruction).slots)


def test_the_matter_of_an_ask_is_no_part_of_its_instruction() -> None:
    (example,) = taken_apart([an_outcome(ASK)])

    assert "river" in example.ngrams["ask"].text
    assert "river" not in example.ngrams["instruction"].text


def test_only_the_last_ask_is_looked_at() -> None:
    messages = (
        Message(role="user", text="What about the river?"),
        Message(role="assistant", text="It rose."),
        Message(role="user", text="And the stone?"),
    )

    (example,) = taken_apart([an_outcome(request=a_request(messages=messages))])

    assert example.ngrams["ask"].text == " and the stone? "


def test_app_and_team_are_named_where_they_are_known() -> None:
    examples = taken_apart([an_outcome(app="tutor", team="school"), an_outcome(team="tutor"), an_outcome()])

    assert [list(each.callers) for each in examples] == [["app tutor", "team school"], ["team tutor"], []]


def test_answers_are_not_looked_at_without_a_cascade() -> None:
    (example,) = taken_apart([an_outcome(small_answer="Stone.", small_logprob=-0.5)])

    assert (list(example.answer_amounts), example.answer_ngrams) == ([], None)


def test_a_cascade_looks_at_the_answer_and_its_log_probability() -> None:
    (example,) = taken_apart([an_outcome(small_answer="A  STONE.\n", small_logprob=-0.5)], cascade=True)

    amounts = dict(zip(ANSWER_AMOUNTS, example.answer_amounts, strict=True))
    assert example.answer_ngrams is not None
    assert example.answer_ngrams.text == f" {text_view('a stone.').text} "
    assert (amounts["log-probability"], amounts["log-probability known"]) == (-0.5, 1.0)


def test_an_answer_that_was_not_kept_is_as_an_empty_one() -> None:
    missing, empty = taken_apart([an_outcome(), an_outcome(small_answer="")], cascade=True)

    assert missing.answer_ngrams is not None
    assert missing.answer_ngrams.counts == (0, 0, 0)
    assert missing.answer_amounts == empty.answer_amounts


def test_each_row_that_is_read_is_told() -> None:
    told: list[None] = []

    examples_of([an_outcome()] * 3, EXTRACTOR, cascade=False, done=lambda: told.append(None))

    assert told == list(repeat(None, 3))
