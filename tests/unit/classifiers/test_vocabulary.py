import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.classifiers.vocabulary import TOKEN, Vocabulary, entries_of, is_unspaced, normalised, tokens_of
from tests.unit.classifiers.texts import ANY_TEXT

VOCABULARY = Vocabulary(
    {
        "order": {"en": ["step by step", "plan"], "es": ["paso a paso"], "zh": ["逐步", "计划"]},
        "law": {"en": ["clause", "plan"], "de": ["Kündigung"]},
    }
)


def find(written: str) -> dict[str, int]:
    text = normalised(written)
    tokens = tokens_of(text)
    return VOCABULARY.find({*tokens, *text}, tokens, text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("the clause", {"law": 1}),
        ("the clauses", {}),
        ("do it step by step", {"order": 1}),
        ("Step, by step!", {"order": 1}),
        ("step by", {}),
        ("a misstep by step", {}),
        ("plan", {"order": 1, "law": 1}),
        ("clause, clause, clause", {"law": 1}),
        ("请逐步说明计划", {"order": 2}),
        ("KUENDIGUNG", {"law": 1}),
        ("kundigung", {"law": 1}),
        ("", {}),
    ],
)
def test_words_phrases_and_marks_are_found_and_each_counts_once(text: str, found: dict[str, int]) -> None:
    assert find(text) == found


def test_both_ways_of_tokenising_agree_on_ascii() -> None:
    text = string.printable + "it's 3.5%, snake_case; a-b\x00c\x1fd"

    assert tokens_of(text) == TOKEN.findall(text)


@pytest.mark.parametrize("text", ["你好，世界！（好）", "ＡＢＣ　１２", "ﬁne ½", "Straße", "ÀÉ", "カﾞ；：？"])
def test_normalising_gives_what_the_unicode_standard_does(text: str) -> None:
    expected = " ".join(unicodedata.normalize("NFKC", text).casefold().split())

    assert normalised(text) == expected


def test_entries_are_kept_with_and_without_their_accents() -> None:
    entries = entries_of({"de": ["Größe"], "ja": ["が"]})

    assert entries == {"grösse", "grosse", "groesse", "が"}


def test_an_entry_with_a_space_is_looked_for_only_as_a_whole_phrase() -> None:
    assert find("step by step by step") == {"order": 1}
    assert find("paso a un paso") == {}


def test_a_search_needs_only_the_keys() -> None:
    tokens = tokens_of("do it step by step, says the clause")

    found = VOCABULARY.find(VOCABULARY.keys.intersection(tokens), tokens, "")

    assert found == VOCABULARY.find(set(tokens), tokens, "") == {"order": 1, "law": 1}


def test_japanese_voicing_marks_are_letters() -> None:
    assert normalised("カ\u3099") == "ガ" != normalised("カ")


@given(text=ANY_TEXT)
def test_normalising_twice_changes_nothing_more_about_spaces_and_ascii_case(text: str) -> None:
    once = normalised(text)

    assert once == once.strip()
    assert "  " not in once
    assert not any(character in once for character in string.ascii_uppercase + "\n\r\t")


@given(text=st.text(st.characters(max_codepoint=127)))
def test_ascii_takes_another_way_to_the_same_normalisation(text: str) -> None:
    assert normalised(text) == " ".join(unicodedata.normalize("NFKC", text).casefold().split())


@given(text=ANY_TEXT)
def test_ascii_takes_another_way_to_the_same_words(text: str) -> None:
    assert tokens_of(text) == TOKEN.findall(text)


@pytest.mark.parametrize(
    ("text", "expected"), [("abc", False), ("ünï", False), ("한국어", False), ("日", True), ("a の b", True)]
)
def test_chinese_and_japanese_write_no_spaces(text: str, expected: bool) -> None:
    assert is_unspaced(text) is expected
