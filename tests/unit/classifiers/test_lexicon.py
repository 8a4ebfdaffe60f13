import json
from importlib.resources import files
from typing import Any

import pytest

import gateway.classifiers
from gateway.classifiers.vocabulary import normalised

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
