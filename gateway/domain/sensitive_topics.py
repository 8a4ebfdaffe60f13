"""Whether a text is about someone's health, someone's finances or a legal matter.

One strong term suffices; of the weak ones it takes two that differ. One look tells which a short text holds; only where
one term may hide another it is searched term by term. Long texts may hold so many that this look would make its
automaton anew all the time: there terms are looked at one by one until every topic is settled. RE2 does both in linear
time.
"""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Final

from gateway.domain.byte_patterns import MANY_BYTES, LazyPattern, compiled, compiled_set
from gateway.domain.sensitive_concepts import (
    CONCEPTS,
    HEALTH_FACTS,
    HIDDEN_BY,
    TERMS,
    Concept,
    Topic,
    concept_of,
    meanings_of,
    patterns_of,
    spelling_patterns,
    strong_pattern,
)

__all__ = ("Topic", "topics_of")

_LONG_BYTES: Final = 4_096
_FEW: Final = 64
_BYTES_PER_LOOK: Final = 2_048
"""A text's matches are looked at one by one up to so many, and one more in so many bytes."""
_MANY: Final = 256
_BYTES_PER_TERM: Final = 256
"""The same, where one term may hide another."""


def topics_of(data: bytes, *, may_state_facts: bool = True) -> tuple[Topic, ...]:
    """The topics a text is about, in the order of `Topic`.

    data             the text in UTF-8
    may_state_facts  False where it holds no trace of a measured value or dose
    """
    about = _told_at_once(data, TERMS.keys()) if len(data) <= _LONG_BYTES else _told_by_terms(data)
    if may_state_facts and "health" not in about and _HEALTH_FACT.search(data) is not None:
        about.add("health")
    return tuple(topic for topic in TERMS if topic in about)


def _told_at_once(data: bytes, topics: AbstractSet[Topic]) -> set[Topic]:
    """Of these topics, by which concepts stand anywhere in the text."""
    found = _CONCEPTS_FOUND.Match(data) or ()
    if _START not in found:
        return {topic for topic in topics if _has_terms(topic, data)}
    concepts: dict[Topic, set[Concept]] = {}
    for place in found:
        if place != _START:
            topic, concept = _MEANINGS[place - 1]
            concepts.setdefault(topic, set()).add(concept)
    return {topic for topic in topics & concepts.keys() if _is_told(topic, concepts[topic], data)}


def _is_told(topic: Topic, concepts: set[Concept], data: bytes) -> bool:
    if None in concepts:
        return True
    hidden_by = HIDDEN_BY[topic]
    apart = [concept for concept in concepts if hidden_by.get(concept, frozenset()).isdisjoint(concepts)]
    return len(apart) > 1 or (len(apart) < len(concepts) and _has_terms(topic, data))


def _has_terms(topic: Topic, data: bytes) -> bool:
    """Where one weak term stands so often that looking at each takes long, only a strong one decides from there on."""
    is_told, start = _looked_through(topic, data, _MANY + len(data) // _BYTES_PER_TERM)
    return _STRONG_TERMS_OF[topic].search(data, start) is not None if is_told is None else is_told


def _told_by_terms(data: bytes) -> set[Topic]:
    """By terms of any topic up to the first that settles one, then by those of each other topic."""
    about: set[Topic] = set()
    weak: dict[Topic, Concept] = {}
    start = 0
    for _ in range(_most_looks(data)):
        match = _ANY_TERM.search(data, start)
        if match is None:
            start = len(data)
            break
        at, end = match.span()
        start = at + 1
        for topic, concept in meanings_of(data[at:end]):
            if concept is None or weak.setdefault(topic, concept) != concept:
                about.add(topic)
        if about:
            break
    if start < len(data):
        told = {
            topic: _looked_through(topic, data, _most_looks(data), start, weak.get(topic))[0]
            for topic in TERMS.keys() - about
        }
        about.update(topic for topic, is_told in told.items() if is_told)
        if untold := {topic for topic, is_told in told.items() if is_told is None}:
            about |= _told_at_once(data, untold)
    return about


def _most_looks(data: bytes) -> int:
    return _FEW + len(data) // _BYTES_PER_LOOK


def _looked_through(
    topic: Topic, data: bytes, most: int, start: int = 0, weak: Concept = None
) -> tuple[bool | None, int]:
    """Whether the text is about a topic, None where so many terms do not tell; and how far it was looked at."""
    terms = _TERMS_OF_TOPIC[topic]
    for _ in range(most):
        match = terms.search(data, start)
        if match is None:
            return False, len(data)
        at, end = match.span()
        start = at + 1
        concept = concept_of(topic, data[at:end])
        if concept is None or weak not in {None, concept}:
            return True, start
        weak = concept
    return None, start


def _lazy(pattern_of: Callable[[Topic], str], topic: Topic) -> LazyPattern:
    return LazyPattern(lambda: pattern_of(topic), MANY_BYTES)


_ANY_TERM: Final = LazyPattern(lambda: spelling_patterns(*TERMS), MANY_BYTES)
_TERMS_OF_TOPIC: Final = {topic: _lazy(spelling_patterns, topic) for topic in TERMS}
_STRONG_TERMS_OF: Final = {topic: _lazy(strong_pattern, topic) for topic in TERMS}
_HEALTH_FACT: Final = compiled(*HEALTH_FACTS)

_START: Final = 0
"""The start of a text, always found, unless RE2 ran out of memory: it says no more of that."""
_MEANINGS: Final = tuple((topic, concept) for topic in TERMS for concept in dict.fromkeys(CONCEPTS[topic].values()))
_CONCEPTS_FOUND: Final = compiled_set(
    r"\A", *(pattern for topic in TERMS for pattern in patterns_of(topic).values()), most_bytes=MANY_BYTES
)
