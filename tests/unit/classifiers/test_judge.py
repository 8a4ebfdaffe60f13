from typing import Any

import pytest

from gateway.classifiers.judge import FAILED_CHECK, AnswerJudge
from gateway.domain.answer import Answer
from gateway.domain.classification import Classification
from gateway.domain.signals import measure
from tests.builders import a_request
from tests.unit.classifiers.handmade import a_classifier, a_head, an_answer_head

ASK = "Tell me about France, in English"
GOOD = Answer(text="France is a country in Western Europe, and its capital is Paris.")


def judged(answer: Answer, ask: str = ASK, **changes: Any) -> Classification:
    """By a head that thinks well of every answer."""
    features = dict.fromkeys(("short ask", "question", "asks to translate", "asks to extract"), 9.0)
    classifier = a_classifier(answer=an_answer_head(ask=a_head(bias=3.0, features=features)))
    request = a_request(ask, **changes)
    return AnswerJudge(classifier).judge(answer, request, measure(request))


@pytest.mark.parametrize(
    ("answer", "changes", "sentence"),
    [
        (Answer(text=" "), {}, "the answer is empty"),
        (Answer(text="It is in", finish_reason="length"), {}, "the answer was cut off (length)"),
        (Answer(text="I'm sorry, but I can't help with that."), {}, "the answer is short and begins with a refusal"),
        (Answer(text="{"), {"structured": True}, "JSON was asked for and the answer is not valid JSON"),
    ],
)
def test_a_failed_check_decides_and_is_the_reason(answer: Answer, changes: Any, sentence: str) -> None:
    verdict = judged(answer, **changes)

    assert verdict.small_ok < 0.01
    assert verdict.confidence > 0.99
    assert not verdict.has_evidence
    assert [(each.feature, each.log_odds) for each in verdict.contributions] == [(f"answer: {sentence}", FAILED_CHECK)]


def test_every_failure_is_told() -> None:
    cut_refusal = Answer(text="I'm sorry, but I can't help with", finish_reason="length", refusal="no")

    assert len(judged(cut_refusal).contributions) == 2


def test_nothing_that_speaks_for_an_answer_makes_up_for_a_failed_check() -> None:
    assert judged(Answer(text=""), ask="Is it late? Translate, extract").small_ok < 0.01


def test_an_answer_that_passes_is_left_to_what_was_learned() -> None:
    verdict = judged(GOOD)

    assert verdict.small_ok > 0.99
    assert verdict.has_evidence


def test_a_hint_that_good_answers_give_as_well_is_no_failure() -> None:
    unbalanced = Answer(text="This is how it is done in that language:\n```rust\nfn main() { print(\n```\n")

    assert judged(unbalanced).small_ok > 0.99


def test_a_model_that_judges_no_answers_says_so() -> None:
    request = a_request(ASK)

    with pytest.raises(ValueError, match="not trained to judge answers"):
        AnswerJudge(a_classifier()).judge(GOOD, request, measure(request))
