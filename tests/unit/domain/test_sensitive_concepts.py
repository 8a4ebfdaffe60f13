import re

import pytest

from gateway.domain.sensitive_concepts import (
    CONCEPTS,
    HIDDEN_BY,
    TERMS,
    Topic,
    concept_of,
    folded,
    joined,
    meanings_of,
    patterns_of,
    spelling_patterns,
    strong_pattern,
)

TEXTS = ("a", "a.", "'a", "’b", "'", "’", "é", "abx", "dx", "x")


def test_a_strong_term_has_no_concept_of_its_own() -> None:
    assert concept_of("health", b"biopsy") is None
    assert concept_of("legal", b"court") == "court"


@pytest.mark.parametrize("found", [b"medical record", b"Medical-Record", b"MEDICAL \n record"])
def test_a_term_is_known_however_a_text_sets_it(found: bytes) -> None:
    assert concept_of("health", found) is None


def test_all_spellings_of_a_term_stand_for_one_concept() -> None:
    concepts = {concept_of("legal", spelling.encode()) for spelling in ("clause", "clauses")}

    assert concepts == {"clause"}


@pytest.mark.parametrize("topic", TERMS)
def test_each_concept_of_a_topic_has_a_pattern(topic: Topic) -> None:
    assert list(patterns_of(topic)) == list(dict.fromkeys(CONCEPTS[topic].values()))


@pytest.mark.parametrize("topic", TERMS)
def test_no_weak_term_hides_a_strong_one(topic: Topic) -> None:
    assert None not in HIDDEN_BY[topic]
    assert all(None not in others for others in HIDDEN_BY[topic].values())


@pytest.mark.parametrize("topic", TERMS)
def test_no_spelling_holds_what_the_gap_between_words_stands_for(topic: Topic) -> None:
    assert [spelling for spelling in CONCEPTS[topic] if b"-" in spelling or "’".encode() in spelling] == []


def test_a_term_that_begins_a_longer_one_of_another_concept_may_be_hidden_by_it() -> None:
    assert "signed contract" in HIDDEN_BY["legal"]["contract"]


def test_a_term_that_ends_a_word_is_not_hidden_by_a_longer_word() -> None:
    assert "contractual*" not in HIDDEN_BY["legal"]["contract"]


def test_letters_beyond_ascii_are_named_in_either_case() -> None:
    assert folded("médecin") == "m(?-i:é|É)decin"
    assert folded("straße") == "stra(?-i:ß|\u1e9e)e"
    assert folded("医生 5 µg’") == "(?-i:医生) 5 (?-i:µ)g(?-i:’)"
    assert folded("clinic") == "clinic"


def test_every_capital_of_every_letter_of_a_term_is_known() -> None:
    letters = {char for concepts in CONCEPTS.values() for spelling in concepts for char in spelling.decode()}
    capitals = [char for char in map(chr, range(0x80, 0x110000)) if char != char.lower() and char.lower() in letters]

    assert capitals
    assert [char for char in capitals if not char.isascii() and char not in folded(char.lower())] == ["\u212a"]


def test_a_spelling_in_capitals_is_known() -> None:
    assert meanings_of("SÉROPOSITI".encode()) == meanings_of("séropositi".encode()) != ()


def test_a_spelling_has_a_meaning_in_each_topic_whose_term_begins_it() -> None:
    assert meanings_of(b"An-Employee") == (("health", "my wife"), ("legal", "my employer"))
    assert meanings_of(b"no such term") == ()


@pytest.mark.parametrize("topic", TERMS)
def test_every_spelling_of_a_topic_has_its_pattern_and_its_meaning(topic: Topic) -> None:
    any_term, strong_term = (re.compile(pattern) for pattern in (spelling_patterns(topic), strong_pattern(topic)))
    concepts = {concept: re.compile(pattern) for concept, pattern in patterns_of(topic).items()}

    for spelling, concept in CONCEPTS[topic].items():
        text = spelling.decode() + ("" if spelling[-1:].isalnum() else "s")
        assert any_term.match(text)
        assert concepts[concept].match(text)
        assert concept is not None or strong_term.match(text)
        assert (topic, concept) in meanings_of(spelling)


def test_patterns_joined_have_once_what_begins_alike() -> None:
    assert joined([r"\bmy[\s-]+tax", r"\bmy[\s-]+pay", r"\bmy"]) == r"\bmy(?:|[\s-]+(?:pay|tax))"


def test_patterns_are_joined_at_whole_signs() -> None:
    for patterns in ([r"a\.", r"a\b"], [r"(?:'|(?-i:’))a", r"(?:'|(?-i:’))b", "(?-i:é)"], ["[a-c]+x", "[a-d]+x"]):
        either = re.compile(joined(patterns))
        assert all(
            re.fullmatch(pattern, text) is None or either.fullmatch(text) for pattern in patterns for text in TEXTS
        )
        assert all(any(re.fullmatch(pattern, text) for pattern in patterns) for text in TEXTS if either.fullmatch(text))
