import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.asked_length import asked_tokens
from tests.cpu_time import cpu_s

ASKED = [
    ("Explain it in 200 words", 280),
    ("Explain the plan in 200 words.", 280),
    ("In one sentence, what is it?", 25),
    ("Give me two short paragraphs on the harbour", 200),
    ("Summarise the mail in 3 bullet points", 60),
    ("Answer the question with one word", 2),
    ("Is the ship late? Answer yes or no.", 2),
    ("Is the ship late? Yes/no", 2),
    ("At most 50 words on the ship", 70),
    ("Write a 1,500-word essay on the sea", 2_100),
    ("WRITE 2 PAGES", 1_300),
    ("Use the word 'ship' in a sentence", 25),
    ("A couple of sentences", 50),
    ("100-200 words, please", 280),
    ("100–200 words, please", 280),
    ("(2.5 pages)", 1_625),
    ("3 paragraphs of 2 sentences", 300),
    ("Summarise this 3,000-word article in two sentences", 50),
    ("Turn these 10 pages into five bullets", 100),
    ("en 200 palabras", 280),
    ("Resúmelo en dos frases", 50),
    ("escribe un párrafo", 100),
    ("responde sí o no", 2),
    ("em três parágrafos", 300),
    ("resuma em uma frase", 25),
    ("sim ou não?", 2),
    ("in zwei kurzen Sätzen", 50),
    ("höchstens 100 Wörter", 140),
    ("auf einer Seite", 650),
    ("fünf Stichpunkte", 100),
    ("ja oder nein", 2),
    ("en trois phrases courtes", 75),
    ("1 500 mots", 2_100),
    ("écris un paragraphe", 100),
    ("oui ou non", 2),
    ("in due frasi", 50),
    ("massimo 50 parole", 70),
    ("in twee zinnen", 50),
    ("maximaal 100 woorden", 140),
    ("写200字", 240),
    ("用二百五十个字介绍", 300),
    ("用三句话总结", 75),
    ("列出5个要点", 100),
    ("写两段话", 200),
    ("回答是或否", 2),
    ("200文字以内で", 240),
    ("一文で説明して", 25),
    ("３つのポイントで", 60),
    ("はいかいいえで答えて", 2),
    ("200자 이내로", 240),
    ("두 문장으로 요약해 줘", 50),
    ("세 단락으로", 300),
    ("다섯 문장으로", 125),
    ("写3千字的文章", 3_600),
]

NOT_ASKED = [
    "",
    "In other words, what is it?",
    "What is the word for it?",
    "is there a word for it",
    "Translate the following sentence",
    "See page 4, paragraph 2",
    "Was sagt § 3 Absatz 2 Satz 1?",
    "Read the first two paragraphs",
    "fix these 3 sentences",
    "he has 3 apples",
    "1. Sentences are long",
    "passwords and swords",
    "10 wordsmiths",
    "第三条是什么意思",
    "第2页",
    "翻译这一页",
    "文字是什么",
    "제3자 동의",
    "모두 문장이다",
    "999999999字",
    "99999999999 words",
    "in 200 " + "very " * 20 + "words",
]


@pytest.mark.parametrize(("ask", "tokens"), ASKED)
def test_a_length_that_is_asked_for_is_counted_in_tokens(ask: str, tokens: int) -> None:
    assert asked_tokens(ask) == tokens


@pytest.mark.parametrize("ask", NOT_ASKED)
def test_an_ask_that_names_no_length_asks_for_none(ask: str) -> None:
    assert asked_tokens(ask) == 0


def test_words_are_counted_exactly() -> None:
    assert [asked_tokens(f"in {words} words") for words in range(0, 5_000, 5)] == list(range(0, 7_000, 7))


def test_the_ends_of_a_long_ask_are_looked_at_and_its_middle_is_not() -> None:
    filling = "the ship is late " * 60

    assert asked_tokens(f"In two sentences: {filling}") == 50
    assert asked_tokens(f"{filling} Answer in two sentences.") == 50
    assert asked_tokens(f"{filling} In two sentences. {filling}") == 0


def test_a_number_and_a_unit_of_different_ends_do_not_go_together() -> None:
    assert asked_tokens("x" * 395 + "  200" + "y" * 100 + " words" + "z " * 197) == 0


@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from(["1", "2,", "-", "word", "字", "十", "두", "문장", "of", "a"])).map(" ".join)
)
def test_any_text_has_a_length(ask: str) -> None:
    assert asked_tokens(ask) >= 0


@pytest.mark.parametrize("unit", ["a", "1", "1 ", " word", "-", " ", "1,", "十", "9文", "字", "é ", "\n"])
def test_the_time_taken_does_not_grow_with_the_length(unit: str) -> None:
    ask = unit * 300_000

    assert cpu_s(lambda: [asked_tokens(ask) for _ in range(50)]) < 1.0
