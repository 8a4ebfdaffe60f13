import json
from importlib.resources import files
from typing import Any

import pytest

import gateway.classifiers
from gateway.classifiers.lexicon import load_lexicon
from gateway.classifiers.vocabulary import normalised, tokens_of

LANGUAGES = ["en", "es", "pt", "de", "fr", "zh", "ja"]
SECTIONS: dict[str, dict[str, dict[str, Any]]] = json.loads(
    files(gateway.classifiers).joinpath("lexicon.json").read_text("utf-8")
)
GROUPS = [(section, group) for section, groups in SECTIONS.items() for group in groups if section != "opening"]


@pytest.mark.parametrize(("section", "group"), GROUPS)
def test_every_group_speaks_every_language(section: str, group: str) -> None:
    languages = SECTIONS[section][group]

    assert sorted(languages) == sorted(LANGUAGES)
    assert all(languages.values())


@pytest.mark.parametrize(("section", "group"), GROUPS)
def test_no_entry_is_empty_or_said_twice(section: str, group: str) -> None:
    for language, entries in SECTIONS[section][group].items():
        spelled = [normalised(entry) for entry in entries]
        assert all(spelled), language
        assert len(set(spelled)) == len(spelled), language


@pytest.mark.parametrize(
    ("section", "group"), [(section, group) for section, groups in SECTIONS.items() for group in groups]
)
def test_every_entry_is_found_in_a_text_that_is_nothing_else(section: str, group: str) -> None:
    lexicon = load_lexicon()
    vocabulary = {"opening": lexicon.opening, "instruction": lexicon.instruction, "subject": lexicon.subject}[section]

    for entry in [entry for entries in SECTIONS[section][group].values() for entry in entries]:
        text = normalised(entry)
        tokens = tokens_of(text)
        words = lexicon.keys.intersection(tokens).union(lexicon.initials.findall(text))
        assert group in vocabulary.find(words, tokens, text), entry


def test_the_keys_are_those_of_all_vocabularies_so_that_a_text_is_gone_through_once() -> None:
    lexicon = load_lexicon()

    assert lexicon.keys == lexicon.opening.keys | lexicon.instruction.keys | lexicon.subject.keys
    assert lexicon.keys > lexicon.subject.keys


def test_the_sections_are_where_in_a_text_words_may_count() -> None:
    assert sorted(SECTIONS) == ["instruction", "opening", "subject"]
