import string
import unicodedata

import pytest

from gateway.classifiers.vocabulary import TOKEN, Vocabulary, entries_of, normalised, tokens_of

VOCABULARY = Vocabulary(
    {
        "order": {"en": ["step by step", "plan"], "es": ["paso a paso"], "zh": ["逐步", "计划"]},
        "law": {"en": ["clause", "plan"], "de": ["Kündigung"]},
    }
)


def find(written: str) -> dict[str, int]:
    text = normalised(written)
    tokens = tokens_of(text)
    return VOCABULARY.find(set(tokens), tokens, text)


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
