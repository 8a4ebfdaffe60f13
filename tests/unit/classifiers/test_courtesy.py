import pytest

from gateway.classifiers.lexicon import load_lexicon
from gateway.classifiers.vocabulary import normalised, tokens_of

COURTESY = load_lexicon().courtesy


def covers(written: str, *, is_opening: bool = True) -> bool:
    text = normalised(written)
    return COURTESY.covers(text, tokens_of(text), is_opening=is_opening)


@pytest.mark.parametrize(
    "text",
    [
        "Hi!",
        "thank you so much",
        "Buenos días a todos",
        "Obrigada!",
        "Grüezi",
        "Merci à tous",
        "谢谢你",
        "どうもありがとう",
    ],
)
def test_greetings_and_thanks_are_small_talk(text: str) -> None:
    assert covers(text)
    assert covers(text, is_opening=False)


@pytest.mark.parametrize(
    "text", ["Hi, prove the lemma", "你好，请证明黎曼猜想", "こんにちは、契約を確認して", "thanks, now delete it"]
)
def test_a_greeting_before_work_is_not_small_talk(text: str) -> None:
    assert not covers(text)


@pytest.mark.parametrize("text", ["yes", "Sí, claro", "oui", "好的", "はい"])
def test_a_yes_is_small_talk_only_where_nothing_was_said_before(text: str) -> None:
    assert covers(text)
    assert not covers(text, is_opening=False)


@pytest.mark.parametrize("text", ["", "for the team", "你", "😀"])
def test_fillers_alone_are_not_small_talk(text: str) -> None:
    assert not covers(text)


def test_small_talk_is_short() -> None:
    assert not covers("thanks " * 13)
