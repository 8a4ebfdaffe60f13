import pytest
from hypothesis import given

from gateway.classifiers.features import FEATURES, FeatureExtractor, Features
from gateway.classifiers.lexicon import load_lexicon
from gateway.classifiers.view import view_of
from gateway.domain.request import ChatRequest, Message
from gateway.domain.signals import measure
from tests.builders import a_request
from tests.unit.classifiers.texts import ANY_TEXT, BROKEN, ODD

EXTRACTOR = FeatureExtractor(load_lexicon())
TURNS = tuple(Message(role="user", text="go on") for _ in range(9))

SHOWS = {
    "greeting, thanks or yes": a_request("Good morning"),
    "short ask": a_request("Tell me"),
    "long ask": a_request("word " * 2_000),
    "single short factual question": a_request("Who wrote Faust"),
    "asks to extract": a_request("Extract all prices"),
    "asks to classify": a_request("Classify this"),
    "asks to rewrite": a_request("Rephrase this"),
    "asks to translate": a_request("Translate this"),
    "asks to summarise": a_request("TL;DR"),
    "asks for a short answer": a_request("Is it late? Answer yes or no"),
    "asks about a given text": a_request("According to the memo, when is it?"),
    "asks to write or fix code": a_request("Refactor it"),
    "asks to reason or advise": a_request("Why is it so?"),
    "asks for creative writing": a_request("A haiku, please"),
    "question": a_request("Is it late?"),
    "proof or derivation": a_request("Prove it"),
    "legal terms": a_request("The plaintiff"),
    "medical terms": a_request("The patient"),
    "finance terms": a_request("The EBITDA"),
    "concurrency or systems fault": a_request("A race condition"),
    "several steps": a_request("First wash it, then dry it"),
    "comparison or trade-off": a_request("Pros and cons"),
    "constraints stated": a_request("At most ten"),
    "word problem with numbers": a_request("He has 3 and gets 4. How many has he?"),
    "code present": a_request("```x```"),
    "mathematical notation": a_request("1 + 1"),
    "many numbers": a_request("1 2 3 4 5 6 7 8"),
    "many sentences": a_request("So. " * 20),
    "images present": a_request(messages=(Message(role="user", text="this", images=1),)),
    "tools offered": a_request("Do it", tools=1),
    "agent at work with tools": a_request(messages=(*TURNS, Message(role="tool", text="42"))),
    "structured answer required": a_request("Do it", structured=True),
    "many turns": a_request(messages=TURNS),
    "long context": a_request(messages=(Message(role="system", text="x" * 40_000), *TURNS)),
    "long answer allowed": a_request("Do it", max_output_tokens=8_000),
}


def features_of(request: ChatRequest | str) -> Features:
    request = a_request(request) if isinstance(request, str) else request
    return EXTRACTOR.extract(view_of(request), measure(request))


def test_every_feature_has_a_request_that_shows_it() -> None:
    assert set(SHOWS) == set(FEATURES)


@pytest.mark.parametrize("name", FEATURES)
def test_a_feature_is_found_where_it_is(name: str) -> None:
    features = features_of(SHOWS[name])

    assert 0.0 < features[name] <= 1.0


@pytest.mark.parametrize("name", FEATURES)
def test_a_feature_is_absent_from_an_empty_request(name: str) -> None:
    assert name not in features_of("")


def test_features_come_in_their_order_so_that_ties_are_settled_alike() -> None:
    text = "Why is 1 + 1 = 2? First prove it, then list the pros and cons for the plaintiff and translate it. " * 9

    names = list(features_of(a_request(text, tools=1, structured=True)))

    assert len(names) > 9
    assert names == [name for name in FEATURES if name in names]


def test_an_instruction_word_in_the_middle_of_a_long_text_is_no_instruction() -> None:
    padding = "word " * 100

    buried = features_of(f"{padding} translate {padding}")
    first = features_of(f"translate {padding}")
    last = features_of(f"{padding} translate")

    assert "asks to translate" not in buried
    assert "asks to translate" in first
    assert "asks to translate" in last


def test_an_instruction_in_the_middle_of_a_long_unspaced_text_is_no_instruction() -> None:
    padding = "天气很好" * 100

    assert "asks to translate" not in features_of(f"{padding}翻译{padding}")
    assert "asks to translate" in features_of(f"翻译{padding}")


def test_a_subject_counts_wherever_it_stands() -> None:
    padding = "word " * 100

    assert "legal terms" in features_of(f"{padding} indemnification {padding}")


def test_more_terms_of_a_field_weigh_more() -> None:
    one = features_of("about the plaintiff")["legal terms"]
    two = features_of("about the plaintiff and the defendant")["legal terms"]

    assert one < two


def test_a_question_counts_without_its_question_mark() -> None:
    assert features_of("what is the capital of peru") == features_of("What is the capital of Peru?")


def test_a_question_word_later_in_a_sentence_asks_nothing() -> None:
    assert "single short factual question" not in features_of("Tell the team what happened")


def test_a_long_question_is_not_a_short_factual_one() -> None:
    assert "single short factual question" not in features_of("What is " + "very " * 20 + "good")


def test_accents_may_be_left_out() -> None:
    assert features_of("Übersetze das")["asks to translate"] == 1.0
    assert features_of("Uebersetze das")["asks to translate"] == 1.0
    assert features_of("Que clausulas hay")["legal terms"] > 0.0


def test_full_width_letters_are_read_as_plain_ones() -> None:
    assert "asks to translate" in features_of("Ｔｒａｎｓｌａｔｅ　ｔｈｉｓ")


def test_one_endless_word_is_not_a_short_ask() -> None:
    assert "short ask" not in features_of("a" * 10_000)


@pytest.mark.parametrize("ask", ["yes", "Sí, claro", "oui", "好的", "はい"])
def test_a_yes_is_small_talk_only_where_nothing_was_said_before(ask: str) -> None:
    later = a_request(messages=(Message(role="user", text="Shall we?"), Message(role="user", text=ask)))

    assert "greeting, thanks or yes" in features_of(ask)
    assert "greeting, thanks or yes" not in features_of(later)


def test_thanks_are_small_talk_wherever_they_are_said() -> None:
    later = a_request(messages=(Message(role="user", text="Is it done?"), Message(role="user", text="Merci à tous")))

    assert "greeting, thanks or yes" in features_of(later)


def test_what_an_agent_says_in_the_name_of_the_user_shows_nothing() -> None:
    ask = Message(role="user", text="Translate this")
    result = Message(role="user", text="<tool_result>The plaintiff, the defendant. Why is it so?</tool_result>")

    features = features_of(a_request(messages=(ask, result)))

    assert "asks to translate" in features
    assert "legal terms" not in features


def test_a_question_on_a_demanding_subject_is_no_single_short_factual_one() -> None:
    assert "single short factual question" in features_of("What is a horse")
    assert "single short factual question" not in features_of("What is an indemnification clause")


def test_many_numbers_and_sentences_are_counted_in_any_script() -> None:
    assert "many numbers" in features_of("１ ２ ３ ４ ５ ６ ７ ８")
    assert "many sentences" in features_of("好。" * 20)


@given(text=ANY_TEXT)
def test_every_value_is_above_0_and_at_most_1(text: str) -> None:
    features = features_of(text)

    assert set(features) <= set(FEATURES)
    assert all(0.0 < value <= 1.0 for value in features.values())


@pytest.mark.parametrize("text", [*BROKEN.values(), *ODD.values()], ids=[*BROKEN, *ODD])
def test_odd_texts_have_features_like_any_other(text: str) -> None:
    assert all(0.0 < value <= 1.0 for value in features_of(text).values())
