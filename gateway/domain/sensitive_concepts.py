"""The terms of sensitive topics as patterns, and the concept each of their spellings stands for.

Patterns are for RE2 over UTF-8 seen as bytes, without regard to case: of letters beyond ASCII they name both.
"""

import re
from collections.abc import Iterable
from typing import Final, Literal

from gateway.domain import sensitive_terms

Topic = Literal["health", "financial", "legal"]
Concept = str | None
"""What a weak term's spellings have in common; None is all that is strong."""

TERMS: Final[dict[Topic, tuple[dict[str, str], dict[str, str]]]] = {
    "health": (sensitive_terms.HEALTH_STRONG, sensitive_terms.HEALTH_WEAK),
    "financial": (sensitive_terms.FINANCIAL_STRONG, sensitive_terms.FINANCIAL_WEAK),
    "legal": (sensitive_terms.LEGAL_STRONG, sensitive_terms.LEGAL_WEAK),
}
"""The strong terms of each topic by language, then the weak ones."""

_PLAIN: Final = str.maketrans("áàâãåéèêëíìîïóòôõúùûñçäöü", "aaaaaeeeeiiiioooouuuncaou")
_UMLAUTS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "œ": "oe"})
_GAP: Final = re.compile(rb"[\s-]+")
_BEYOND_ASCII: Final = re.compile(r"[\u00c0-\u024f]|[^\x00-\x7f\u00c0-\u024f]+")
"""Letters one by one; what has no capitals together."""
_MORE_CAPITALS: Final = {"å": {"\u212b"}, "ß": {"\u1e9e"}}
_PART: Final = re.compile(r"\\b|\[[^]]*\]\+|\(\?:.*?\)\)|\(\?[^)]*\)|\\.|.")
"""What a term's pattern cannot be cut within."""


def folded(pattern: str) -> str:
    """A pattern in lower case for use without regard to case: what is not ASCII is taken for none of Latin-1."""
    return _BEYOND_ASCII.sub(_in_either_case, pattern)


def _in_either_case(found: re.Match[str]) -> str:
    chars = found[0]
    capital = chars.upper() if len(chars) == 1 else chars
    capitals = {capital} if len(capital) == 1 and capital.lower() == chars else set()
    return f"(?-i:{'|'.join((chars, *sorted((capitals | _MORE_CAPITALS.get(chars, set())) - {chars})))})"


def joined(patterns: Iterable[str]) -> str:
    """An alternation of terms' patterns that has once what begins alike.

    RE2 then needs half the time and two thirds of the memory to compile it, and tells a new state from some letters.
    """
    branches: dict[str, list[str]] = {}
    for pattern in sorted(set(patterns)):
        part = _PART.match(pattern)
        first = part[0] if part else ""
        branches.setdefault(first, []).append(pattern[len(first) :])
    alternatives = [first + joined(rests) if first else "" for first, rests in branches.items()]
    return alternatives[0] if len(alternatives) == 1 else f"(?:{'|'.join(alternatives)})"


def concept_of(topic: Topic, found: bytes) -> Concept:
    """The concept of a spelling as a text has it."""
    concepts = CONCEPTS[topic]
    spelling = _lower(found)
    return concepts[spelling] if spelling in concepts else concepts.get(_key(spelling))


def _lower(found: bytes) -> bytes:
    return found.lower() if found.isascii() else found.decode().lower().encode()


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
    return folded(f"{start}{body}{end}")


def _concepts_of(topic: Topic) -> dict[str, Concept]:
    """Each spelling of a topic's terms; the first that has a spelling keeps it, strong first."""
    concepts: dict[str, Concept] = {}
    for strength, blocks in enumerate(TERMS[topic]):
        for term in ",".join(blocks.values()).split(","):
            spellings = _spellings(term)
            for spelling in spellings:
                concepts.setdefault(spelling, spellings[0] if strength else None)
    return concepts


def patterns_of(topic: Topic) -> dict[Concept, str]:
    """Each concept's pattern."""
    patterns: dict[Concept, list[str]] = {}
    for spelling in _BY_TOPIC[topic]:
        concept = CONCEPTS[topic][spelling.removesuffix("*").encode()]
        patterns.setdefault(concept, []).append(_pattern_of(spelling))
    return {concept: joined(alternatives) for concept, alternatives in patterns.items()}


def spelling_patterns(*topics: Topic) -> str:
    """One pattern for all terms of some topics."""
    return joined(_pattern_of(spelling) for topic in topics for spelling in _BY_TOPIC[topic])


def strong_pattern(topic: Topic) -> str:
    return joined(_pattern_of(spelling) for spelling, concept in _BY_TOPIC[topic].items() if concept is None)


def _hidden_of(topic: Topic) -> dict[Concept, frozenset[Concept]]:
    """Of a term that begins a longer one of another weak concept only the longer one counts where both stand.

    A term that one list has as strong and another as weak (asthma) counts as strong only where it stands very often:
    it is as if it hid itself, so that it is looked at in its places.
    """
    concepts = CONCEPTS[topic]
    spellings = sorted((spelling.removesuffix("*"), spelling) for spelling in _BY_TOPIC[topic])
    hidden: dict[Concept, set[Concept]] = {}
    for place, (short, spelling) in enumerate(spellings):
        concept = concepts[short.encode()]
        if concept is not None and _BY_TOPIC[topic][spelling] is None:
            hidden.setdefault(concept, set()).add(concept)
        for long, _ in spellings[place + 1 :]:
            if not long.startswith(short):
                break
            other = concepts[long.encode()]
            if other not in {None, concept} and (spelling.endswith("*") or _ends_a_word(short, long[len(short) :])):
                hidden.setdefault(concept, set()).add(other)
    return {concept: frozenset(others) for concept, others in hidden.items()}


def _meanings() -> dict[bytes, tuple[tuple[Topic, Concept], ...]]:
    """What begins where a spelling of any topic stands that is the longest there: of each topic its longest term."""
    spellings = sorted(
        {(spelling.removesuffix("*"), spelling) for concepts in _BY_TOPIC.values() for spelling in concepts}
    )
    meanings: dict[bytes, dict[Topic, Concept]] = {}
    for place, (short, spelling) in enumerate(spellings):
        for long, _ in spellings[place:]:
            if not long.startswith(short):
                break
            if spelling.endswith("*") or long == short or _ends_a_word(short, long[len(short) :]):
                for topic, concepts in CONCEPTS.items():
                    if spelling in _BY_TOPIC[topic]:
                        meanings.setdefault(long.encode(), {})[topic] = concepts[short.encode()]
    return {spelling: tuple(meaning.items()) for spelling, meaning in meanings.items()}


def meanings_of(found: bytes) -> tuple[tuple[Topic, Concept], ...]:
    """The topics and concepts of a spelling as a text has it."""
    spelling = _lower(found)
    return _MEANINGS[spelling] if spelling in _MEANINGS else _MEANINGS.get(_key(spelling), ())


def _ends_a_word(spelling: str, rest: str) -> bool:
    return not (f"{spelling[-1]}{rest[:1]}".isascii() and rest[:1].isalnum())


_UNIT: Final = "(?:mg|mcg|µg|ml)"
_OFTEN: Final = "(?:daily|once|twice|bid|tid|qid|per day|a day|every [0-9]{1,2} hours)"
_MEASURED: Final = r"\b(?:blood pressure|bp)\b"
HEALTH_FACTS: Final = tuple(
    map(
        folded,
        (
            rf"{_MEASURED}[^\n]{{0,12}}\b[12][0-9]{{2}} ?/ ?[0-9]{{2,3}}\b",
            rf"\b[0-9]{{1,5}} ?{_UNIT} (?:tablets? |capsules? )?(?:orally )?{_OFTEN}\b",
            rf"\b[0-9]{{1,5}} ?{_UNIT} (?:al día|por dia|par jour|täglich|am tag|al giorno|per dag)\b",
        ),
    )
)
"""Measured values and doses, which are no words; strong."""
FACT_TRACES: Final = (_MEASURED, folded(rf"[0-9] ?{_UNIT} "))
"""Each fact holds one of these; to count a fact's characters makes an automaton many times as big."""

_BY_TOPIC: Final = {topic: _concepts_of(topic) for topic in TERMS}
CONCEPTS: Final = {
    topic: {spelling.removesuffix("*").encode(): concept for spelling, concept in concepts.items()}
    for topic, concepts in _BY_TOPIC.items()
}
_MEANINGS: Final = _meanings()
HIDDEN_BY: Final = {topic: _hidden_of(topic) for topic in TERMS}
"""The concepts whose terms may hide one of this concept, by topic and concept; what is `None` must not be hidden."""
