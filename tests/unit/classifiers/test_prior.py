"""What must hold of the model file that ships, however it is trained again."""

import pytest

from gateway.classifiers.features import FEATURES
from gateway.classifiers.linear import LinearClassifier
from gateway.classifiers.model_file import load_prior
from gateway.classifiers.ranking import auc
from gateway.domain.classification import Classification, Task
from gateway.domain.request import ChatRequest, Message
from gateway.domain.signals import measure
from tests.builders import a_request
from tests.unit.classifiers.asks import EASY, HARD
from tests.unit.classifiers.texts import BROKEN, ODD

SMALL_FROM = 0.6
EASY_ASKS = [text for texts in EASY.values() for text in texts]
HARD_ASKS = [text for texts in HARD.values() for text in texts]


@pytest.fixture(scope="module")
def prior() -> LinearClassifier:
    return load_prior()


def verdict(prior: LinearClassifier, request: ChatRequest | str) -> Classification:
    request = a_request(request) if isinstance(request, str) else request
    return prior.classify(request, measure(request))


def goes_small(classification: Classification) -> bool:
    return classification.has_evidence and classification.small_ok >= SMALL_FROM


def test_everyday_asks_score_above_those_that_need_knowledge_or_reasoning(prior: LinearClassifier) -> None:
    scores = [verdict(prior, text).small_ok for text in (*EASY_ASKS, *HARD_ASKS)]

    area = auc(scores, [1] * len(EASY_ASKS) + [0] * len(HARD_ASKS))

    assert area is not None
    assert area > 0.9


def test_most_everyday_asks_go_small_and_few_of_the_others(prior: LinearClassifier) -> None:
    easy = sum(goes_small(verdict(prior, text)) for text in EASY_ASKS) / len(EASY_ASKS)
    hard = sum(goes_small(verdict(prior, text)) for text in HARD_ASKS) / len(HARD_ASKS)

    assert easy > 0.8
    assert hard < 0.2


@pytest.mark.parametrize("text", [text for texts in EASY.values() for text in texts[:2] if "?" not in text])
def test_greetings_and_thanks_go_small_in_every_language(prior: LinearClassifier, text: str) -> None:
    assert goes_small(verdict(prior, text))


@pytest.mark.parametrize("text", [*EASY_ASKS, *HARD_ASKS])
def test_case_and_spacing_change_no_verdict(prior: LinearClassifier, text: str) -> None:
    found = verdict(prior, text)

    for variant in (text.upper(), text.lower(), f"  {text.replace(' ', '   ')}\n\n"):
        assert verdict(prior, variant).small_ok == found.small_ok


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_broken_text_has_no_evidence(prior: LinearClassifier, text: str) -> None:
    assert not verdict(prior, text).has_evidence


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_an_odd_text_is_classified_like_any_other(prior: LinearClassifier, text: str) -> None:
    assert 0.0 < verdict(prior, text).small_ok < 1.0


@pytest.mark.parametrize("text", ["yes", "ok", "好的", "はい", "Yes, go ahead", "Do it", "Ja, mach das", "好的，继续"])
def test_a_yes_in_the_middle_of_a_conversation_is_no_evidence(prior: LinearClassifier, text: str) -> None:
    request = a_request(
        messages=(
            Message(role="user", text="Draft the merger agreement"),
            Message(role="assistant", text="Shall I rewrite section 4 as well?"),
            Message(role="user", text=text),
        )
    )

    assert not verdict(prior, request).has_evidence


def test_thanks_at_the_end_of_a_conversation_still_go_small(prior: LinearClassifier) -> None:
    request = a_request(
        messages=(
            Message(role="user", text="Draft the merger agreement"),
            Message(role="assistant", text="Here it is."),
            Message(role="user", text="Thanks a lot!"),
        )
    )

    assert goes_small(verdict(prior, request))


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

    assert classification.task == "agent"
    assert not goes_small(classification)


@pytest.mark.parametrize(
    ("text", "task"),
    [
        ("Hello", "chat"),
        ("zorblax", "chat"),
        ("", "chat"),
        ("Who was Ada Lovelace?", "knowledge"),
        ("Extract the total from the invoice", "extraction"),
        ("Classify the sentiment", "classification"),
        ("Rewrite this politely", "rewriting"),
        ("Translate the contract into French", "translation"),
        ("Summarise the minutes", "summarization"),
        ("Write a poem on rain", "creative"),
        ("Write a function that sorts names", "code"),
        ("Why do these threads deadlock?", "code"),
        ("He has 3 apples and buys 4, how many has he?", "math"),
        ("Prove the theorem", "math"),
        ("Compare both and recommend one", "reasoning"),
        ("Which liability clause applies?", "legal"),
        ("Which dose for this patient?", "medical"),
        ("请总结会议", "summarization"),
        ("契約の条項", "legal"),
    ],
)
def test_the_task_of_a_plain_ask_is_what_is_asked_for(prior: LinearClassifier, text: str, task: Task) -> None:
    assert verdict(prior, text).task == task


def test_only_words_that_it_may_name_are_in_its_explanations(prior: LinearClassifier) -> None:
    words = prior.model.ask.words
    named = {f"word {word!r}" for word in words} | {f"words {word!r}" for word in words}

    for text in (*EASY_ASKS, *HARD_ASKS, "Translate Xanthippe Zorblax-Quixote's letter, IBAN DE00 1234"):
        shown = {each.feature for each in verdict(prior, text).contributions}
        assert {feature for feature in shown if feature.startswith(("word ", "words "))} <= named | set(FEATURES)


def test_no_word_that_it_may_name_has_a_digit(prior: LinearClassifier) -> None:
    assert not [word for word in prior.model.ask.words if any(map(str.isdigit, word))]


def test_the_same_request_gets_the_same_verdict_from_another_instance(prior: LinearClassifier) -> None:
    other = load_prior()

    for text in ("Hello", "Prove the theorem", "请提取姓名", "Wer ist das?"):
        assert verdict(prior, text) == verdict(other, text)


def test_its_label_has_its_name_its_version_and_the_digest_of_its_file(prior: LinearClassifier) -> None:
    name, _, digest = verdict(prior, "Hello").model.partition("+")

    assert name.startswith("prior@")
    assert len(bytes.fromhex(digest)) == 6


def test_it_says_what_it_was_trained_on(prior: LinearClassifier) -> None:
    assert "trained on" in prior.model.provenance
    assert prior.model.task is not None
