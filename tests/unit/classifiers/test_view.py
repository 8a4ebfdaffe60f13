import pytest
from hypothesis import given

from gateway.classifiers.view import text_view, view_of
from gateway.domain.request import Message
from gateway.domain.signals import bounded_view
from tests.builders import a_request
from tests.cpu_time import cpu_s
from tests.unit.classifiers.texts import ANY_TEXT, BROKEN, ODD

PASSAGE = "the meeting starts at nine"
QUOTES = ['"{}"', "“{}”", "„{}“", "„{}”", "«{}»", "‘{}’", "「{}」", "『{}』"]
OPENING = '"“„«‘「『'


def instruction_of(text: str) -> str:
    return text_view(text).instruction


@pytest.mark.parametrize("quote", QUOTES)
def test_a_quoted_passage_is_no_instruction(quote: str) -> None:
    view = text_view(f"Translate {quote.format(PASSAGE)} into German")

    assert view.instruction == "translate ❝ into german"
    assert PASSAGE in view.text


@pytest.mark.parametrize("quote", QUOTES)
def test_a_quoted_word_stays_in_the_instruction(quote: str) -> None:
    assert "idem" in instruction_of(f"What does {quote.format('idem')} mean?")


def test_every_quoted_passage_goes() -> None:
    text = f'Is "{PASSAGE}" the same as “{PASSAGE}”?'

    assert instruction_of(text) == "is ❝ the same as ❝ ?"


@pytest.mark.parametrize("opening", OPENING)
def test_a_quote_that_nobody_closes_takes_nothing_away(opening: str) -> None:
    text = f"Translate {opening} {PASSAGE} into German"

    view = text_view(text)

    assert view.instruction is view.text
    assert PASSAGE in view.instruction


def test_an_apostrophe_is_no_quote() -> None:
    text = "Don't translate it, it's Anna's and it isn't hers"

    view = text_view(text)

    assert view.instruction is view.text


def test_pasted_lines_are_no_instruction() -> None:
    view = text_view("Summarise this:\nDear all,\nthe party is off.\nYours,\nAnna\n\nIn one sentence, please")

    assert view.instruction == "summarise this: ❡ in one sentence, please"
    assert "the party is off" in view.text


def test_a_few_lines_are_all_instruction() -> None:
    view = text_view("Do this:\n- wash it\n- dry it\nThanks")

    assert view.instruction is view.text


def test_blank_lines_are_no_lines() -> None:
    view = text_view("One\n\n\n \n\nTwo\n\n\n\nThree")

    assert view.instruction == "one two three"


def test_the_middle_of_a_long_line_is_no_instruction() -> None:
    padding = "word " * 200

    view = text_view(f"Translate {padding} middle {padding} please")

    assert view.instruction.startswith("translate")
    assert view.instruction.endswith("please")
    assert "❡" in view.instruction
    assert "middle" not in view.instruction
    assert "middle" in view.text


def test_where_nothing_is_cut_the_instruction_is_the_text_itself() -> None:
    view = text_view("  What is the capital\nof France? ")

    assert view.instruction is view.text
    assert view.text == "what is the capital of france?"


def test_case_compatibility_forms_and_white_space_are_folded() -> None:
    assert text_view("Ｔｒａｎｓｌａｔｅ　\n this") == text_view("TRANSLATE THIS")


def test_the_words_are_those_of_the_whole_text() -> None:
    assert text_view(f'Say "{PASSAGE}"').tokens == ["say", *PASSAGE.split()]


@pytest.mark.parametrize(
    ("text", "is_unspaced"), [("hello", False), ("안녕", False), ("hello 你好", True), ("が", True)]
)
def test_it_is_known_whether_a_language_writes_no_spaces(text: str, is_unspaced: bool) -> None:
    assert text_view(text).is_unspaced is is_unspaced


def test_what_is_looked_at_is_what_a_human_asked_last() -> None:
    request = a_request(
        messages=(
            Message(role="system", text="Be brief"),
            Message(role="user", text="First"),
            Message(role="user", text="Second"),
            Message(role="assistant", text="Done"),
            Message(role="user", text="<tool_result>nothing</tool_result>"),
        )
    )

    assert view_of(request).text == "second"


@given(text=ANY_TEXT)
def test_the_instruction_of_any_text_is_bounded_and_no_longer_than_the_text(text: str) -> None:
    view = text_view(text)

    assert len(view.instruction) <= 610
    assert view.instruction is view.text or len(view.instruction) <= len(view.text)


@pytest.mark.parametrize("text", [*BROKEN.values(), *ODD.values()], ids=[*BROKEN, *ODD])
def test_a_huge_or_odd_text_is_looked_at_only_in_part(text: str) -> None:
    view = text_view(text)

    assert len(view.text) <= 4_001
    assert len(view.instruction) <= 610
    assert view == text_view(bounded_view(text))


@pytest.mark.parametrize("quote", ['"', '""', '"a', '"b"', "\n", "a\n", "’", "”"])
def test_a_megabyte_of_quotes_or_lines_takes_no_time(quote: str) -> None:
    text = quote * (1_000_000 // len(quote))

    assert cpu_s(lambda: text_view(text)) < 0.1


def test_openings_that_nobody_closes_take_no_time() -> None:
    text = "„" * 1_000_000

    assert cpu_s(lambda: text_view(text)) < 0.01
