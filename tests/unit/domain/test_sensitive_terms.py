import pytest

from gateway.domain import sensitive_terms

LANGUAGES = {"en", "es", "pt", "fr", "de", "it", "nl", "zh", "ja"}
TABLES = {name: value for name, value in vars(sensitive_terms).items() if name.isupper()}


def _terms(block: str) -> list[str]:
    return [" ".join(spelling.split()) for term in block.split(",") for spelling in term.split("/")]


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_table_speaks_every_language(table: dict[str, str]) -> None:
    assert set(table) == LANGUAGES


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_no_term_is_empty_or_so_short_that_it_stands_in_any_text(table: dict[str, str]) -> None:
    short = [
        term
        for block in table.values()
        for term in _terms(block)
        if len(term.removesuffix("*")) < (1 if ord(term[0]) > 0x2E80 else 3)
    ]

    assert short == []


@pytest.mark.parametrize("topic", ["HEALTH", "FINANCIAL", "LEGAL"])
def test_no_term_of_a_language_is_both_strong_and_weak(topic: str) -> None:
    strong, weak = TABLES[f"{topic}_STRONG"], TABLES[f"{topic}_WEAK"]

    both = {language: set(_terms(strong[language])) & set(_terms(weak[language])) for language in LANGUAGES}

    assert {language: terms for language, terms in both.items() if terms} == {}
