import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.classifiers.answer_amounts import ANSWER_AMOUNTS
from gateway.classifiers.curve import Curve
from gateway.classifiers.heads import LARGEST_LOG_ODDS, OTHER_WORDS, Head
from gateway.classifiers.linear import CONTRIBUTIONS_SHOWN, Band, LinearClassifier, callers_of, logistic
from gateway.classifiers.shapes import SHAPES
from gateway.domain.answer import Answer
from gateway.domain.classification import Classification, Contribution, History
from gateway.domain.request import NOBODY, Caller, ChatRequest
from gateway.domain.signals import measure
from tests.builders import a_request
from tests.unit.classifiers.handmade import (
    a_classifier,
    a_head,
    a_table,
    a_table_of,
    a_task_head,
    an_answer_head,
    some_amounts,
)
from tests.unit.classifiers.texts import ANY_TEXT, BROKEN, ODD

CURVE = Curve(scores=(-1.0, 1.0), log_odds=(-0.5, 1.5))
HISTORY = (Band(-1.0, 100, 20), Band(0.5, 100, 60), Band(2.0, 100, 95))
SHOP = Caller(key_id="k", team="sales", app="shop")


def verdict(
    classifier: LinearClassifier, request: ChatRequest | str = "hello", caller: Caller = NOBODY
) -> Classification:
    request = a_request(request) if isinstance(request, str) else request
    return classifier.classify(request, measure(request), caller)


def judged(classifier: LinearClassifier, answer: Answer, ask: str = "Tell me of France") -> Classification:
    request = a_request(ask)
    return classifier.judge(answer, request, measure(request))


def log_odds_of(classification: Classification) -> float:
    return math.log(classification.small_ok / (1.0 - classification.small_ok))


def a_knowing_head(**changes: Any) -> Head:
    """Knows 'translate', 'prove' and 'the'."""
    return a_head(
        **{
            "ngrams": {"instruction": a_table(translate=1.0, prove=-2.0, the=0.25)},
            "words": frozenset(("translate",)),
            **changes,
        }
    )


@given(
    text=st.lists(st.sampled_from(["translate", "prove", "the", "zorblax", "?"]), max_size=9).map(" ".join),
    bias=st.floats(-3, 3),
    letters=st.floats(-1, 1),
)
def test_the_bias_and_the_contributions_read_off_the_curve_are_small_ok(text: str, bias: float, letters: float) -> None:
    table = a_table_of({"translate": 1.0, "prove": -2.0, "the": 0.25}, letters=letters)
    classifier = a_classifier(ask=a_knowing_head(bias=bias, ngrams={"instruction": table}), ask_curve=CURVE)

    classification = verdict(classifier, text)

    score = bias + sum(each.log_odds for each in classification.contributions)
    assert log_odds_of(classification) == pytest.approx(CURVE.at(score))


def test_words_amounts_features_and_callers_all_add() -> None:
    head = a_knowing_head(
        bias=-0.5,
        features={"asks to translate": 1.5},
        shape=some_amounts(SHAPES, ends_with_a_question_mark=0.5),
        callers={"app shop": -0.25, "team sales": 0.125, "team other": 3.0},
    )

    classification = verdict(a_classifier(ask=head), "Translate?", SHOP)

    assert {each.feature: each.log_odds for each in classification.contributions} == {
        "asks to translate": 1.5,
        "word 'translate'": pytest.approx(1.0 / math.sqrt(2)),
        "ends with a question mark": 0.5,
        "app shop": -0.25,
        "team sales": 0.125,
    }
    assert log_odds_of(classification) == pytest.approx(-0.5 + 1.5 + 1.0 / math.sqrt(2) + 0.5 - 0.25 + 0.125)


def test_the_largest_contributions_are_shown_first_and_no_more_than_five() -> None:
    weights = {"asks to translate": 0.5, "asks to summarise": -1.0, "question": 0.75, "short ask": 9.0}
    head = a_knowing_head(features=weights, callers={"app shop": -0.25, "team sales": 0.125})

    classification = verdict(a_classifier(ask=head), "Is it late? Translate and summarise", SHOP)

    sizes = [abs(each.log_odds) for each in classification.contributions]
    assert classification.contributions[0] == Contribution("short ask", LARGEST_LOG_ODDS)
    assert len(sizes) == CONTRIBUTIONS_SHOWN
    assert sizes == sorted(sizes, reverse=True)


def test_a_word_that_is_not_among_the_known_is_never_shown() -> None:
    head = a_knowing_head(ngrams={"instruction": a_table(anna=2.9, translate=0.1)})

    classification = verdict(a_classifier(ask=head), "Translate Anna")

    assert [each.feature for each in classification.contributions] == [OTHER_WORDS, "word 'translate'"]


def test_a_head_reads_the_texts_it_was_trained_on() -> None:
    text = 'Explain "translate the whole of this page"'
    reads_instruction = a_knowing_head()
    reads_ask = a_knowing_head(ngrams={"ask": a_table(translate=1.0)})

    assert verdict(a_classifier(ask=reads_instruction), text).contributions == ()
    assert verdict(a_classifier(ask=reads_ask), text).contributions[0].feature == "word 'translate'"


def test_a_head_that_reads_both_texts_counts_a_word_in_each() -> None:
    head = a_knowing_head(ngrams={"ask": a_table(translate=1.0), "instruction": a_table(translate=0.5)})

    classification = verdict(a_classifier(ask=head), "Translate")

    assert classification.contributions == (Contribution("word 'translate'", 1.5),)


@pytest.mark.parametrize(("evidence_min", "has_evidence"), [(0.5, True), (1.0, True), (1.01, False)])
def test_evidence_takes_a_score_so_far_above_that_of_nothing(evidence_min: float, has_evidence: bool) -> None:
    classifier = a_classifier(ask=a_knowing_head(bias=-2.0), evidence_min=evidence_min)

    assert verdict(classifier, "translate").has_evidence is has_evidence


@pytest.mark.parametrize(("known_min", "has_evidence"), [(0.0, True), (0.5, True), (0.51, False)])
def test_evidence_takes_a_share_of_words_that_are_known(known_min: float, has_evidence: bool) -> None:
    classifier = a_classifier(ask=a_knowing_head(), known_min=known_min)

    assert verdict(classifier, "translate zorblax").has_evidence is has_evidence


def test_a_task_that_the_small_model_rarely_gets_right_has_no_evidence_whatever_its_score() -> None:
    classifier = a_classifier(ask=a_knowing_head(bias=3.0), demanding=("translation",))

    translation, other = verdict(classifier, "Translate the"), verdict(classifier, "the")

    assert (translation.task, translation.has_evidence) == ("translation", False)
    assert (other.task, other.has_evidence) == ("knowledge", True)
    assert translation.small_ok > 0.9


@pytest.mark.parametrize(
    ("caller", "called"),
    [
        (SHOP, ["app shop", "team sales"]),
        (Caller(key_id="k", app="shop"), ["app shop"]),
        (Caller(key_id="k", team="sales"), ["team sales"]),
        (NOBODY, []),
    ],
)
def test_an_app_and_a_team_have_names_of_their_own(caller: Caller, called: list[str]) -> None:
    assert callers_of(caller) == called


def test_who_asks_may_change_a_verdict() -> None:
    classifier = a_classifier(ask=a_knowing_head(callers={"team sales": -2.0}))

    known, unknown = verdict(classifier, caller=SHOP), verdict(classifier, caller=Caller(key_id="k", team="legal"))

    assert known.contributions == (Contribution("team sales", -2.0),)
    assert unknown == verdict(classifier)


@pytest.mark.parametrize(("bias", "right"), [(-50.0, 20), (-1.0, 20), (-0.9, 60), (0.5, 60), (1.9, 95), (50.0, 95)])
def test_the_history_is_that_of_requests_of_like_score(bias: float, right: int) -> None:
    classifier = a_classifier(ask=a_head(bias=bias), history=HISTORY)

    assert verdict(classifier).history == History(100, right)


def test_the_history_is_looked_up_by_what_the_curve_says() -> None:
    moved = Curve(scores=(0.0,), log_odds=(2.0,))
    classifier = a_classifier(ask=a_head(bias=-0.5), ask_curve=moved, history=HISTORY)

    assert verdict(classifier).history == History(100, 95)


def test_without_a_history_there_is_none() -> None:
    assert verdict(a_classifier()).history is None


def test_the_task_is_told_by_the_model_itself_where_it_can() -> None:
    own = a_task_head(tasks=("chat", "creative"))

    assert verdict(a_classifier(task=own)).task == "chat"
    assert verdict(a_classifier(task=None)).task == "knowledge"


def test_the_label_names_the_model_its_version_and_its_digest() -> None:
    assert verdict(a_classifier()).model == "mine@7+0123456789ab"


@pytest.mark.parametrize(("bias", "confidence"), [(0.0, 0.0), (math.log(3), 0.5), (-math.log(3), 0.5), (-800.0, 1.0)])
def test_confidence_is_the_distance_from_a_coin_toss(bias: float, confidence: float) -> None:
    assert verdict(a_classifier(ask=a_head(bias=bias))).confidence == pytest.approx(confidence)


@given(log_odds=st.floats(allow_nan=False))
def test_any_log_odds_have_a_probability(log_odds: float) -> None:
    assert 0.0 <= logistic(log_odds) <= 1.0
    assert logistic(log_odds) + logistic(-log_odds) == pytest.approx(1.0)


def test_a_model_that_judges_no_answers_says_so() -> None:
    with pytest.raises(ValueError, match=r"model 'mine@7\+0123456789ab' was not trained to judge answers"):
        judged(a_classifier(), Answer(text="Paris"))


def test_an_answer_is_judged_by_the_answer_head_and_its_curve() -> None:
    head = an_answer_head(
        ask=a_knowing_head(bias=0.5),
        amounts=some_amounts(ANSWER_AMOUNTS, ends_with_a_number=-1.0),
        ngrams=a_table(paris=0.25),
    )
    classifier = a_classifier(ask=a_head(bias=-9.0), answer=head, answer_curve=CURVE, history=HISTORY)

    classification = judged(classifier, Answer(text="Paris"), ask="Translate")
    number = judged(classifier, Answer(text="7"), ask="Translate")

    assert classification.contributions == (
        Contribution("word 'translate'", 1.0),
        Contribution(f"answer: {OTHER_WORDS}", 0.25),
    )
    assert log_odds_of(classification) == pytest.approx(CURVE.at(0.5 + 1.0 + 0.25))
    assert log_odds_of(number) == pytest.approx(CURVE.at(0.5 + 1.0 - 1.0))
    assert classification.history is None


@pytest.mark.parametrize("text", [*BROKEN.values(), *ODD.values()], ids=[*BROKEN, *ODD])
def test_a_broken_text_gets_a_verdict_without_evidence_where_words_must_be_known(text: str) -> None:
    head = a_knowing_head(ngrams={"instruction": a_table(translate=1.0)})
    classifier = a_classifier(ask=head, answer=an_answer_head(), known_min=0.4)

    assert not verdict(classifier, text).has_evidence
    assert 0.0 < judged(classifier, Answer(text=text), ask=text).small_ok < 1.0


@given(text=ANY_TEXT)
def test_any_request_and_answer_get_a_verdict(text: str) -> None:
    classifier = a_classifier(ask=a_knowing_head(shape=some_amounts(SHAPES)), answer=an_answer_head())

    for classification in (verdict(classifier, text), judged(classifier, Answer(text=text), ask=text)):
        assert 0.0 < classification.small_ok < 1.0
        assert classification.task in ("chat", "knowledge", "translation")
