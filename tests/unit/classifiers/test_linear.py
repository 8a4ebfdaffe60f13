import json
import math

import pytest

from gateway.classifiers.linear import CONTRIBUTIONS_SHOWN, LARGEST_LOG_ODDS, LinearClassifier
from gateway.classifiers.model_file import load_prior
from gateway.domain.classification import Classification
from gateway.domain.request import ChatRequest, Message
from gateway.domain.signals import measure
from tests.builders import a_request
from tests.unit.classifiers.asks import EASY, HARD

SMALL_FROM = 0.6


@pytest.fixture(scope="module")
def prior() -> LinearClassifier:
    return load_prior()


def asks(by_language: dict[str, list[str]]) -> list[object]:
    return [
        pytest.param(text, id=f"{language} {index}")
        for language, texts in by_language.items()
        for index, text in enumerate(texts)
    ]


def verdict(prior: LinearClassifier, request: ChatRequest | str) -> Classification:
    request = a_request(request) if isinstance(request, str) else request
    return prior.classify(request, measure(request))


@pytest.mark.parametrize("text", asks(EASY))
def test_everyday_asks_go_small(prior: LinearClassifier, text: str) -> None:
    classification = verdict(prior, text)

    assert classification.small_ok >= SMALL_FROM
    assert classification.has_evidence


@pytest.mark.parametrize("text", asks(HARD))
def test_asks_that_need_knowledge_or_reasoning_do_not_go_small(prior: LinearClassifier, text: str) -> None:
    classification = verdict(prior, text)

    assert classification.small_ok < SMALL_FROM


@pytest.mark.parametrize("text", [text for texts in (*EASY.values(), *HARD.values()) for text in texts])
def test_case_spacing_and_punctuation_do_not_flip_a_verdict(prior: LinearClassifier, text: str) -> None:
    variants = (
        text.upper(),
        text.lower(),
        f"  {text.replace(' ', '   ')}\n\n",
        text.rstrip(".?!！？"),
        f"{text.rstrip('.?!！？')}!!",
        text.replace(", ", " "),
    )

    sides = {verdict(prior, variant).small_ok >= SMALL_FROM for variant in (text, *variants)}

    assert len(sides) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "\n\t",
        "😀😀🎉",
        "?!",
        "\x00",
        "\ud800\udfff",
        "zorblax kinematics",
        "a" * 1_000_000,
        "Ж" * 50,
        "1" * 5_000,
    ],
)
def test_without_a_cue_there_is_no_evidence_and_small_is_not_favoured(prior: LinearClassifier, text: str) -> None:
    classification = verdict(prior, text)

    assert not classification.has_evidence
    assert classification.small_ok < 0.5


def test_no_evidence_never_comes_with_a_score_for_the_small_tier(prior: LinearClassifier) -> None:
    weights = prior.model.weights
    shy = {name: 1.0 for name, weight in weights.items() if 0.0 < weight < prior.model.evidence_min}

    for name in shy:
        score = prior.model.bias + sum(each.log_odds for each in prior.contributions({name: 1.0}))
        assert score < 0.0
    assert prior.model.bias + prior.model.evidence_min <= 0.0


@pytest.mark.parametrize("text", ["yes", "Yes, go ahead", "ok", "好的", "はい"])
def test_a_yes_in_the_middle_of_a_conversation_is_no_evidence(prior: LinearClassifier, text: str) -> None:
    request = a_request(
        messages=(
            Message(role="user", text="Draft the merger agreement"),
            Message(role="assistant", text="Shall I rewrite section 4 as well?"),
            Message(role="user", text=text),
        )
    )

    classification = verdict(prior, request)

    assert not classification.has_evidence


def test_thanks_at_the_end_of_a_conversation_still_go_small(prior: LinearClassifier) -> None:
    request = a_request(
        messages=(
            Message(role="user", text="Draft the merger agreement"),
            Message(role="assistant", text="Here it is."),
            Message(role="user", text="Thanks a lot!"),
        )
    )

    classification = verdict(prior, request)

    assert classification.small_ok >= SMALL_FROM


def test_an_agent_at_work_does_not_go_small_for_the_wording_of_the_ask(prior: LinearClassifier) -> None:
    request = a_request(
        tools=3,
        messages=(
            Message(role="user", text="Summarise the open tickets"),
            Message(role="assistant", text="", tool_calls=1),
            Message(role="tool", text="[]"),
        ),
    )

    classification = verdict(prior, request)

    assert classification.small_ok < SMALL_FROM
    assert classification.task == "agent"


def test_the_contributions_and_the_bias_sum_to_the_score(prior: LinearClassifier) -> None:
    classification = verdict(prior, "Translate to Spanish: the meeting starts at nine")

    log_odds = math.log(classification.small_ok / (1.0 - classification.small_ok))
    explained = prior.model.bias + sum(each.log_odds for each in classification.contributions)
    assert log_odds == pytest.approx(explained)


def test_the_largest_contributions_are_shown_first_and_no_more_than_five(prior: LinearClassifier) -> None:
    text = "Compare, step by step, why this contract must limit liability, and prove it: 3 + 4 = 7; def f(x) => x"

    classification = verdict(prior, text)

    sizes = [abs(each.log_odds) for each in classification.contributions]
    assert len(sizes) == CONTRIBUTIONS_SHOWN
    assert sizes == sorted(sizes, reverse=True)


def test_no_feature_says_more_than_the_cap(prior: LinearClassifier) -> None:
    largest = prior.contributions({"greeting, thanks or yes": 100.0, "legal terms": 100.0})

    assert [each.log_odds for each in largest] == [LARGEST_LOG_ODDS, -LARGEST_LOG_ODDS]


def test_a_feature_without_weight_is_not_shown(prior: LinearClassifier) -> None:
    assert prior.model.weights["question"] == 0.0

    assert prior.contributions({"question": 1.0}) == ()


def test_confidence_is_the_distance_from_a_coin_toss(prior: LinearClassifier) -> None:
    classification = verdict(prior, "Hello there")

    assert classification.confidence == pytest.approx(abs(2.0 * classification.small_ok - 1.0))


def test_the_same_request_gets_the_same_verdict_from_another_instance(prior: LinearClassifier) -> None:
    other = load_prior()

    for text in ("Hello", "Prove the theorem", "请提取姓名", "Wer ist das?"):
        assert verdict(prior, text) == verdict(other, text)


def test_the_verdict_names_its_model_and_version(prior: LinearClassifier) -> None:
    classification = verdict(prior, "Hello")

    assert classification.model == "prior@1"


@pytest.mark.parametrize(
    "text",
    [
        "\ud800 x",
        "\x00" * 10,
        "\ufdfa" * 4_000,
        "１２" * 500,
        "￿",
        "a\u0301" * 3_000,
        json.dumps({"a": [1] * 500}),
        "🇫🇷" * 999,
    ],
    ids=range(8),
)
def test_odd_text_is_classified_like_any_other(prior: LinearClassifier, text: str) -> None:
    classification = verdict(prior, text)

    assert 0.0 < classification.small_ok < 1.0
