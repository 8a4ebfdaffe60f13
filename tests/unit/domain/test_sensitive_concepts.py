import pytest

from gateway.domain.sensitive_concepts import (
    CONCEPTS,
    HIDDEN_BY,
    MEANINGS,
    PATTERNS,
    SPELLING_PATTERNS,
    STRONG_PATTERNS,
    TERMS,
    Topic,
    concept_of,
    folded,
    meanings_of,
)


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
    assert set(PATTERNS[topic]) == set(CONCEPTS[topic].values())
    assert STRONG_PATTERNS[topic]


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


def test_bytes_beyond_ascii_keep_their_case() -> None:
    assert folded("médecin") == "m(?-i:é)decin"
    assert folded("clinic") == "clinic"


def test_a_spelling_has_a_meaning_in_each_topic_whose_term_begins_it() -> None:
    assert meanings_of(b"An-Employee") == (("health", "my wife"), ("legal", "my employer"))
    assert meanings_of(b"no such term") == ()


@pytest.mark.parametrize("topic", TERMS)
def test_every_spelling_of_a_topic_has_its_pattern_and_its_meaning(topic: Topic) -> None:
    assert len(SPELLING_PATTERNS[topic]) >= len(CONCEPTS[topic])
    assert all((topic, concept) in MEANINGS[spelling] for spelling, concept in CONCEPTS[topic].items())
