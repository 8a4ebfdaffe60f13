import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.courtesy import is_assent, is_greeting, is_trivial

GREETINGS = {
    "en": ["Hi!", "thank you so much", "Good morning, team", "hello, how are you?", "thanks, bye", "THANKS!!"],
    "es": ["¡Hola, buenos días!", "Muchas gracias por tu ayuda", "buenos dias a todos", "hasta luego"],
    "pt": ["Olá, bom dia!", "Muito obrigado pela ajuda", "Obrigada!", "até logo"],
    "fr": ["Bonjour à tous", "Merci beaucoup pour votre aide", "au revoir", "à bientôt"],
    "de": ["Guten Morgen!", "Vielen Dank für deine Hilfe", "Grüezi", "Mit freundlichen Grüßen", "danke, bye"],
    "it": ["Buongiorno a tutti", "grazie mille", "arrivederci"],
    "nl": ["Goedemorgen", "dank je wel", "bedankt voor de hulp", "tot ziens"],
    "pl": ["Dzień dobry", "dziekuje bardzo", "do widzenia"],
    "ru": ["Здравствуйте!", "Спасибо большое", "До свидания"],
    "zh": ["你好！", "谢谢你", "非常谢谢你的帮助", "謝謝", "再见", "hi 大家好"],
    "ja": ["こんにちは", "どうもありがとう", "本当にありがとうございます", "さようなら"],
    "ko": ["안녕하세요", "정말 감사합니다", "안녕히 계세요"],
    "signs": ["👋", "🙏🏽"],
}
ANSWERS = {
    "en": ["yes", "ok", "No, thanks", "that's fine", "sure 👍"],
    "es": ["Sí, claro", "no", "de acuerdo"],
    "pt": ["sim", "não", "tudo certo"],
    "fr": ["oui", "d'accord, merci"],
    "de": ["ja bitte", "nein", "passt"],
    "it": ["sì", "va bene, grazie"],
    "nl": ["ja graag", "nee"],
    "pl": ["tak", "nie, dziękuję"],
    "ru": ["да, хорошо", "нет"],
    "zh": ["好的", "是的，谢谢", "ok了"],
    "ja": ["はい", "了解です"],
    "ko": ["네, 알겠습니다", "아니요"],
    "signs": ["👍", "👍🏽👍🏽"],
}


ASSENTS = {
    "en": ["Yes, go ahead", "Go for it!", "Ship it", "Do it", "ok, please proceed", "Let's go", "sure, carry on then"],
    "es": ["Sí, adelante", "Vale, hazlo", "Dale", "sí, continúa por favor"],
    "pt": ["Sim, pode fazer", "Vá em frente", "Prossiga, por favor", "ok, manda ver"],
    "de": ["Ja, mach das", "Nur zu", "Leg los!", "ok, mach weiter", "Ja, bitte fahr fort"],
    "fr": ["Oui, vas-y", "Allez-y", "d'accord, fais-le", "Continuez, s'il vous plaît"],
    "it": ["Sì, procedi", "ok, vai pure"],
    "nl": ["Ja, doe maar", "Ga je gang"],
    "pl": ["Tak, śmiało", "Dobrze, kontynuuj"],
    "ru": ["Да, давай", "Хорошо, продолжайте"],
    "zh": ["好的，继续", "可以，开始吧", "就这么办", "请继续"],
    "ja": ["はい、進めてください", "お願いします", "それでお願いします", "続けて"],
    "ko": ["네, 진행해 주세요", "계속하세요"],
    "signs": ["👍 go"],
}


@pytest.mark.parametrize("ask", [ask for asks in GREETINGS.values() for ask in asks])
def test_greetings_thanks_and_farewells_are_trivial(ask: str) -> None:
    assert is_trivial(ask)
    assert is_greeting(ask)


@pytest.mark.parametrize("ask", [ask for asks in ANSWERS.values() for ask in asks])
def test_a_yes_or_a_no_is_trivial_but_greets_nobody(ask: str) -> None:
    assert is_trivial(ask)
    assert not is_greeting(ask)


@pytest.mark.parametrize(
    "ask",
    [
        "Hi, prove the lemma",
        "thanks, now delete it",
        "你好，请证明黎曼猜想",
        "こんにちは、契約を確認して",
        "안녕하세요, 계약서를 검토해 주세요",
        "Привет, почини тест",
        "yes, 5 of them",
        "no, the other file",
    ],
)
def test_courtesy_before_work_is_not_trivial(ask: str) -> None:
    assert not is_trivial(ask)
    assert not is_greeting(ask)


@pytest.mark.parametrize("ask", [ask for asks in ASSENTS.values() for ask in asks])
def test_a_go_ahead_in_any_language_is_an_assent_and_no_courtesy(ask: str) -> None:
    assert is_assent(ask)
    assert not is_trivial(ask)


@pytest.mark.parametrize(
    "ask",
    [
        'Yes, translate this: "go ahead"',
        "Yes, summarise it",
        "Sí, tradúcelo",
        "Ja, übersetze das",
        "Oui, corrige les fautes",
        "好的，翻译一下",
        "はい、要約してください",
        "continue the story",
        "do it in French",
        "is it a go?",
    ],
)
def test_a_yes_with_an_ask_of_its_own_is_no_assent(ask: str) -> None:
    assert not is_assent(ask)


@pytest.mark.parametrize("ask", ["yes", "thanks", "hello there", "好的", "はい", "for the team", ""])
def test_courtesy_alone_is_no_assent(ask: str) -> None:
    assert not is_assent(ask)


@pytest.mark.parametrize("ask", ["", " \n", "for the team", "muchas", "你", "😀", "?", "정말"])
def test_what_only_goes_with_courtesy_is_not_trivial(ask: str) -> None:
    assert not is_trivial(ask)


@pytest.mark.parametrize("ask", ["is that right?", "was this ok", "ist das gut?"])
def test_a_yes_that_is_asked_for_is_not_trivial(ask: str) -> None:
    assert not is_trivial(ask)


def test_words_of_two_languages_do_not_add_up() -> None:
    assert is_trivial("guten Tag")
    assert not is_trivial("ok, tag it")


def test_courtesy_is_short() -> None:
    assert is_trivial("thanks " * 11)
    assert not is_trivial("thanks " * 12)
    assert not is_trivial("hi " * 13)


def test_full_width_letters_are_read_as_plain_ones() -> None:
    assert is_trivial("Ｔｈａｎｋｓ！")


@given(st.text(max_size=90))
def test_any_text_has_a_verdict_and_every_greeting_is_trivial(ask: str) -> None:
    assert is_trivial(ask) or not is_greeting(ask)
