import logging

import pytest

from gateway.classifiers.guarded import BROKEN, GuardedClassifier
from gateway.domain.answer import Answer
from gateway.domain.signals import measure
from tests.builders import a_classification, a_request
from tests.fakes import FakeClassifier

SIGNALS = measure(a_request())


def test_what_the_classifier_says_is_passed_on() -> None:
    guarded = GuardedClassifier(FakeClassifier(answer_ok=0.25))

    assert guarded.classify(a_request(), SIGNALS) == a_classification()
    assert guarded.judge(Answer(text="a"), a_request(), SIGNALS).small_ok == 0.25
    assert guarded.judges_answers


@pytest.mark.parametrize(
    "verdict",
    [ZeroDivisionError("a bug"), MemoryError(), a_classification(small_ok=float("nan"))],
    ids=["bug", "memory", "nan"],
)
def test_a_classifier_that_breaks_gives_no_evidence_and_says_so(
    verdict: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        said = GuardedClassifier(FakeClassifier(verdict)).classify(a_request("my secret question"), SIGNALS)

    assert said == BROKEN
    assert (said.has_evidence, said.model) == (False, "error")
    assert "could not be classified" in caplog.text
    assert "secret question" not in caplog.text


def test_an_answer_that_cannot_be_judged_is_not_right() -> None:
    said = GuardedClassifier(FakeClassifier()).judge(Answer(text="a"), a_request(), SIGNALS)

    assert said.small_ok == 0.0
