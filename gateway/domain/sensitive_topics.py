"""Whether a text is about someone's health, someone's finances or a legal matter.

One strong term suffices; of the weak ones it takes two that differ. One look at the text tells which it holds; only
where one term may hide another it is searched again, term by term, by RE2 in linear time.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Final

import re2  # type: ignore[import-untyped]  # it has neither stubs nor hints

from gateway.domain.sensitive_concepts import (
    HEALTH_FACTS,
    HIDDEN_BY,
    PATTERNS,
    STRONG_PATTERNS,
    TERMS,
    Concept,
    Topic,
    concept_of,
)
from gateway.domain.sensitive_traces import Traces, traces_of

__all__ = ("Topic", "topics_among", "topics_of")

_AUTOMATON_BYTES: Final = 32 << 20
"""What the automaton may grow to; it takes about 2 MB in use. Below some 12 MB RE2 would refuse to build one for so
many terms, and take thirty times as long."""

_MANY: Final = 256
_BYTES_PER_TERM: Final = 256
"""A text's matches are looked at one by one up to so many, and one more in so many bytes."""


def topics_of(text: str) -> tuple[Topic, ...]:
    """The topics a text is about, in the order of `Topic`."""
    return topics_among(traces_of(text))


def topics_among(traces: Traces) -> tuple[Topic, ...]:
    """The topics a text is about that has these traces, in the order of `Topic`."""
    if not traces.facts and traces.concepts is not None and not traces.concepts:
        return ()
    return tuple(topic for topic in TERMS if _is_about(topic, traces))


def _is_about(topic: Topic, traces: Traces) -> bool:
    if topic == "health" and traces.facts and _HEALTH_FACT.search(traces.data) is not None:
        return True
    if traces.concepts is None:
        return _has_terms(topic, traces.data)
    concepts: AbstractSet[Concept] = traces.concepts.get(topic, frozenset())
    if None in concepts:
        return True
    hidden_by = HIDDEN_BY[topic]
    apart = [concept for concept in concepts if hidden_by.get(concept, frozenset()).isdisjoint(concepts)]
    return len(apart) > 1 or (len(apart) < len(concepts) and _has_terms(topic, traces.data))


def _has_terms(topic: Topic, data: bytes) -> bool:
    """Where one weak term stands so often that looking at each takes long, only a strong one decides from there on."""
    weak: Concept = None
    start = 0
    for _ in range(_MANY + len(data) // _BYTES_PER_TERM):
        match = _TERMS_OF_TOPIC[topic].search(data, start)
        if match is None:
            return False
        concept = concept_of(topic, match[0])
        if concept is None or weak not in {None, concept}:
            return True
        weak = concept
        start = match.start() + 1
    return _STRONG_TERMS_OF[topic].search(data, start) is not None


def _compile(patterns: Iterable[str]) -> re2._Regexp:
    """A pattern over UTF-8 seen as bytes, which makes an automaton half the size of one that knows of characters."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.case_sensitive = False
    options.longest_match = True
    options.never_capture = True
    options.log_errors = False
    options.max_mem = _AUTOMATON_BYTES
    return re2.compile("|".join(patterns).encode(), options)


_TERMS_OF_TOPIC: Final = {topic: _compile(patterns.values()) for topic, patterns in PATTERNS.items()}
_STRONG_TERMS_OF: Final = {topic: _compile(patterns) for topic, patterns in STRONG_PATTERNS.items()}
_HEALTH_FACT: Final = _compile(HEALTH_FACTS)
