"""Whether a text is about someone's health, someone's finances or a legal matter.

One strong term suffices; of the weak ones it takes two that differ. RE2 looks for the terms of all topics and languages
in one pass, in linear time whatever the text; most texts hold none and are done after it.
"""

import re
from collections.abc import Iterable
from itertools import chain
from typing import Final, Literal

import re2  # type: ignore[import-untyped]  # it has neither stubs nor hints

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


_MANY: Final = 256
_BYTES_PER_TERM: Final = 256
"""A text's matches are looked at one by one up to so many, and one more in so many bytes."""


def topics_of(text: str) -> tuple[Topic, ...]:
    """The topics a text is about, in the order of `Topic`."""
    data = text.lower().encode("utf-8", "surrogatepass")
    first = _ANY_TERM.search(data)
    if first is None:
        return ()
    start = first.start()
    return tuple(topic for topic in _TERMS if _is_about(topic, data, start))


def _is_about(topic: Topic, data: bytes, start: int) -> bool:
    """Where one weak term stands so often that looking at each takes long, only a strong one decides from there on."""
    weak: str | None = None
    for _ in range(_MANY + len(data) // _BYTES_PER_TERM):
        match = _TERMS_OF_TOPIC[topic].search(data, start)
        if match is None:
            return False
        concept = _concept(topic, match[0])
        if concept is None or weak not in {None, concept}:
            return True
        weak = concept
        start = match.start() + 1
    return _STRONG_TERMS_OF[topic].search(data, start) is not None


def _concept(topic: Topic, spelling: bytes) -> str | None:
    """None where the term is strong."""
    concepts = _CONCEPTS[topic]
    return concepts[spelling] if spelling in concepts else concepts.get(_key(spelling))


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


def _compile(spellings: Iterable[str], *facts: str) -> re2._Regexp:
    """A pattern over UTF-8 seen as bytes, which makes an automaton half the size of one that knows of characters."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.longest_match = True
    options.never_capture = True
    options.log_errors = False
    options.max_mem = _AUTOMATON_BYTES
    patterns = [_pattern_of(spelling) for spelling in spellings]
    return re2.compile("|".join((*facts, *dict.fromkeys(patterns))).encode(), options)


def _concepts_of(topic: Topic) -> dict[str, str | None]:
    """Each spelling of a topic's terms; the first that has a spelling keeps it, strong first."""
    concepts: dict[str, str | None] = {}
    for strength, blocks in enumerate(_TERMS[topic]):
        for term in ",".join(blocks.values()).split(","):
            spellings = _spellings(term)
            for spelling in spellings:
                concepts.setdefault(spelling, spellings[0] if strength else None)
    return concepts


def _compile_topic(topic: Topic, *, strong_only: bool) -> re2._Regexp:
    spellings = (word for word, concept in _BY_TOPIC[topic].items() if concept is None or not strong_only)
    return _compile(spellings, *(_HEALTH_FACTS if topic == "health" else ()))


_BY_TOPIC: Final = {topic: _concepts_of(topic) for topic in _TERMS}
_CONCEPTS: Final = {
    topic: {spelling.removesuffix("*").encode(): concept for spelling, concept in concepts.items()}
    for topic, concepts in _BY_TOPIC.items()
}
_TERMS_OF_TOPIC: Final = {topic: _compile_topic(topic, strong_only=False) for topic in _TERMS}
_STRONG_TERMS_OF: Final = {topic: _compile_topic(topic, strong_only=True) for topic in _TERMS}
_ANY_TERM: Final = _compile(chain.from_iterable(_BY_TOPIC.values()), *_HEALTH_FACTS)
