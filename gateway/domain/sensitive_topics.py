"""Whether a text is about someone's health, someone's finances or a legal matter.

One strong term suffices; of the weak ones it takes two that differ. RE2 looks for the terms of all topics and languages
in one pass, in linear time whatever the text; most texts hold none and are done after it.
"""

import re
from typing import Final, Literal

import re2  # type: ignore[import-untyped]  # it has neither stubs nor hints
from msgspec import Struct

from gateway.domain import sensitive_terms

Topic = Literal["health", "financial", "legal"]

_TERMS: Final[dict[Topic, tuple[dict[str, str], dict[str, str]]]] = {
    "health": (sensitive_terms.HEALTH_STRONG, sensitive_terms.HEALTH_WEAK),
    "financial": (sensitive_terms.FINANCIAL_STRONG, sensitive_terms.FINANCIAL_WEAK),
    "legal": (sensitive_terms.LEGAL_STRONG, sensitive_terms.LEGAL_WEAK),
}
"""The strong terms of each topic by language, then the weak ones."""

_UNIT: Final = "(?:mg|mcg|µg|ml)"
_OFTEN: Final = "(?:daily|once|twice|bid|tid|qid|per day|a day|every [0-9]{1,2} hours)"
_HEALTH_FACTS: Final = (
    r"\b(?:blood pressure|bp)\b[^\n]{0,12}\b[12][0-9]{2} ?/ ?[0-9]{2,3}\b",
    rf"\b[0-9]{{1,5}} ?{_UNIT} (?:tablets? |capsules? )?(?:orally )?{_OFTEN}\b",
    rf"\b[0-9]{{1,5}} ?{_UNIT} (?:al día|por dia|par jour|täglich|am tag|al giorno|per dag)\b",
)
"""Measured values and doses, which are no words; strong."""

_PLAIN: Final = str.maketrans("áàâãåéèêëíìîïóòôõúùûñçäöü", "aaaaaeeeeiiiioooouuuncaou")
_UMLAUTS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "œ": "oe"})
_GAP: Final = re.compile(rb"[\s-]+")
_AUTOMATON_BYTES: Final = 32 << 20
"""What the automaton may grow to; it takes about 2 MB in use. Below some 12 MB RE2 would refuse to build one for so
many terms, and take thirty times as long."""


class _Term(Struct, frozen=True):
    topic: Topic
    concept: str | None
    """What a weak term's spellings have in common; None where the term is strong."""


def topics_of(text: str) -> tuple[Topic, ...]:
    """The topics a text is about, in the order of `Topic`."""
    data = text.lower().encode("utf-8", "surrogatepass")
    match = _ANY_TERM.search(data)
    if match is None:
        return ()
    found: set[Topic] = set()
    concepts: dict[Topic, str] = {}
    while match is not None and len(found) < len(_TERMS):
        for term in _TERMS_OF.get(_key(match[0]), _FACT):
            if term.concept is None or concepts.setdefault(term.topic, term.concept) != term.concept:
                found.add(term.topic)
        match = _ANY_TERM.search(data, match.start() + 1)
    return tuple(topic for topic in _TERMS if topic in found)


def _key(spelling: bytes) -> bytes:
    return _GAP.sub(b" ", spelling).replace("’".encode(), b"'")


def _spellings(term: str) -> list[str]:
    """The spellings of a term, with and without accents."""
    forms = [spelling.strip().lower() for spelling in term.split("/")]
    return forms + [form.translate(table) for table in (_PLAIN, _UMLAUTS) for form in forms]


def _pattern_of(spelling: str) -> str:
    """Where a spelling begins or ends with an ASCII letter a word must begin or end too; RE2 knows no other words."""
    body = re.escape(spelling.removesuffix("*")).replace("\\ ", r"[\s-]+").replace("'", "(?:'|’)")
    start = r"\b" if spelling[0].isascii() else ""
    end = r"\b" if spelling[-1].isascii() and spelling[-1] != "*" else ""
    return f"{start}{body}{end}"


def _compile(spellings: list[str]) -> re2._Regexp:
    """A pattern over UTF-8 seen as bytes, which makes an automaton half the size of one that knows of characters."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.longest_match = True
    options.never_capture = True
    options.log_errors = False
    options.max_mem = _AUTOMATON_BYTES
    patterns = [_pattern_of(spelling) for spelling in spellings]
    return re2.compile("|".join((*_HEALTH_FACTS, *dict.fromkeys(patterns))).encode(), options)


def _terms() -> dict[str, tuple[_Term, ...]]:
    """Each spelling's terms, one of a topic at most; the first that has a spelling keeps it, strong first."""
    found: dict[str, dict[Topic, _Term]] = {}
    for strength in (0, 1):
        for topic, blocks in _TERMS.items():
            for term in ",".join(blocks[strength].values()).split(","):
                spellings = _spellings(term)
                for spelling in spellings:
                    of_topic = found.setdefault(spelling, {})
                    of_topic.setdefault(topic, _Term(topic, spellings[0] if strength else None))
    return {spelling: tuple(of_topic.values()) for spelling, of_topic in found.items()}


_FACT: Final = (_Term("health", None),)
_BY_SPELLING: Final = _terms()
_TERMS_OF: Final = {spelling.removesuffix("*").encode(): terms for spelling, terms in _BY_SPELLING.items()}
_ANY_TERM: Final = _compile(list(_BY_SPELLING))
