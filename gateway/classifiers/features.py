"""Named features of a request: what a classifier scores, in the words people are shown.

All text features look at the view of the last human ask.
"""

import math
import re
from collections.abc import Mapping, Sequence
from operator import attrgetter

from gateway.classifiers.lexicon import Lexicon
from gateway.classifiers.view import View
from gateway.classifiers.vocabulary import UNSPACED
from gateway.domain.courtesy import is_greeting
from gateway.domain.signals import Signals

Features = Mapping[str, float]
"""Feature name → value in (0, 1]; features that are absent from a request are 0."""

_OPENING_TOKENS = 3
_OPENING_CHARS = 60
_INSTRUCTION_TOKENS = 30
_INSTRUCTION_CHARS = 200
_FACTUAL_LENGTH = 16
_SHORT_LENGTH = 20
_NOT_SHORT_LENGTH = 80
_CHARS_PER_UNSPACED_WORD = 2
_CHARS_PER_LONGEST_WORD = 16
_UNSPACED_RUN = re.compile(f"{UNSPACED.pattern}+")
_SENTENCE_ENDS = b".!?"
_DIGITS = bytes(byte if chr(byte) in "0123456789" else 32 for byte in range(256))
"""Every byte but a digit becomes a space."""

COURTESY = "greeting, thanks or yes"
FEATURES = (
    COURTESY,
    "short ask",
    "long ask",
    "single short factual question",
    "asks to extract",
    "asks to classify",
    "asks to rewrite",
    "asks to translate",
    "asks to summarise",
    "asks for a short answer",
    "asks about a given text",
    "asks to write or fix code",
    "asks to reason or advise",
    "asks for creative writing",
    "question",
    "proof or derivation",
    "legal terms",
    "medical terms",
    "finance terms",
    "concurrency or systems fault",
    "several steps",
    "comparison or trade-off",
    "constraints stated",
    "word problem with numbers",
    "code present",
    "mathematical notation",
    "many numbers",
    "many sentences",
    "images present",
    "tools offered",
    "agent at work with tools",
    "structured answer required",
    "many turns",
    "long context",
    "long answer allowed",
)
"""The name of each feature, in the order it is given."""

_ASKED: Mapping[str, tuple[str, ...]] = {
    "asks to extract": ("asks to extract",),
    "asks to classify": ("asks to classify",),
    "asks to rewrite": ("asks to rewrite",),
    "asks to translate": ("asks to translate",),
    "asks to summarise": ("asks to summarise",),
    "asks for a short answer": ("asks for a short answer",),
    "asks about a given text": ("asks about a given text",),
    "asks to write or fix code": ("asks to write or fix code",),
    "asks to reason or advise": ("asks to reason or advise",),
    "asks for creative writing": ("asks for creative writing",),
    "asks for an explanation": ("asks to reason or advise", "question"),
    "asks for a fact": ("question",),
    "asks yes or no": ("question",),
}
"""Group of the instruction or opening vocabulary → the features that one of its words shows."""

_NAMED: Mapping[str, tuple[str, int]] = {
    "proof or derivation": ("proof or derivation", 1),
    "legal terms": ("legal terms", 2),
    "medical terms": ("medical terms", 2),
    "finance terms": ("finance terms", 2),
    "concurrency or systems fault": ("concurrency or systems fault", 1),
    "several steps": ("several steps", 3),
    "comparison or trade-off": ("comparison or trade-off", 1),
    "constraint": ("constraints stated", 3),
}
"""Group of the subject vocabulary → the feature it shows, and how many different terms show it fully."""

_FLAGS: Mapping[str, str] = {
    "code present": "code",
    "mathematical notation": "maths",
    "images present": "images",
    "tools offered": "tools",
    "agent at work with tools": "tool_loop",
    "structured answer required": "structured",
}
"""Feature → the signal that shows it where it is not 0."""

_DEMANDING = frozenset(
    (
        "proof or derivation",
        "legal terms",
        "medical terms",
        "finance terms",
        "concurrency or systems fault",
        "several steps",
        "comparison or trade-off",
        "asks to reason or advise",
    )
)
"""No question with one of these is a single short factual one, however short."""

_flags_of = attrgetter(*_FLAGS.values())
_place_of = {name: place for place, name in enumerate(FEATURES)}.__getitem__


class FeatureExtractor:
    """Turns a request into its features."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon

    def extract(self, view: View, signals: Signals) -> Features:
        """The features that are not 0, by name; the names are `FEATURES`."""
        text, tokens = view.text, view.tokens
        unspaced = text if view.is_unspaced else ""
        length = _length(tokens, text, unspaced)
        numbers, sentences = _numbers_and_sentences(text)
        features: dict[str, float] = {}
        words = self._lexicon.keys.intersection(tokens)
        initials = frozenset(self._lexicon.initials.findall(unspaced))
        if words or initials:
            self._add_named(features, words | initials, tokens, unspaced, numbers)
            _add_asked(features, self._asked(words, initials, tokens, unspaced), length)
        if signals.trivial and (signals.turns <= 1 or is_greeting(text)):  # later, a yes may set great work going
            features[COURTESY] = 1.0
        if 0 < length < _NOT_SHORT_LENGTH:
            features["short ask"] = 1.0 - _between(length, _SHORT_LENGTH, _NOT_SHORT_LENGTH)
        _add_sizes(features, signals, numbers, sentences)
        flags = _flags_of(signals)
        if any(flags):
            features.update((name, 1.0) for name, flag in zip(_FLAGS, flags, strict=True) if flag)
        return {name: features[name] for name in sorted(features, key=_place_of)}

    def _asked(
        self, words: frozenset[str], initials: frozenset[str], tokens: list[str], unspaced: str
    ) -> Mapping[str, int]:
        """What the ends of the text ask for, and the kind of question it begins with."""
        ends, ends_text = _ends(tokens, unspaced)
        asked = self._lexicon.instruction.find(initials.union(words.intersection(ends)), ends, ends_text)
        first, first_text = tokens[:_OPENING_TOKENS], unspaced[:_OPENING_CHARS]
        asked.update(self._lexicon.opening.find(initials.union(words.intersection(first)), first, first_text))
        return asked

    def _add_named(
        self, features: dict[str, float], words: frozenset[str], tokens: list[str], unspaced: str, numbers: int
    ) -> None:
        """What the text is about; terms count wherever they stand."""
        subject = self._lexicon.subject.find(words, tokens, unspaced)
        for group, found in subject.items():
            if named := _NAMED.get(group):
                feature, enough = named
                features[feature] = min(1.0, (1 + found) / (1 + enough))
        if "sequence start" in subject and "sequence next" in subject:
            features["several steps"] = 1.0
        if numbers > 1 and "quantity question" in subject:
            features["word problem with numbers"] = 1.0


def _add_asked(features: dict[str, float], asked: Mapping[str, int], length: int) -> None:
    for group in asked:
        for feature in _ASKED.get(group, ()):
            features[feature] = 1.0
    # Its question mark does not count: people leave it out.
    if length <= _FACTUAL_LENGTH and "asks for a fact" in asked and _DEMANDING.isdisjoint(features):
        features["single short factual question"] = 1.0


def _ends(tokens: list[str], text: str) -> tuple[list[str], str]:
    """Where instructions stand: before and after what they are to be applied to."""
    if len(tokens) > 2 * _INSTRUCTION_TOKENS:
        tokens = [*tokens[:_INSTRUCTION_TOKENS], *tokens[-_INSTRUCTION_TOKENS:]]
    if len(text) > 2 * _INSTRUCTION_CHARS:
        text = f"{text[:_INSTRUCTION_CHARS]}\n{text[-_INSTRUCTION_CHARS:]}"
    return tokens, text


def _length(tokens: Sequence[str], text: str, unspaced: str) -> int:
    length = max(len(tokens), len(text) // _CHARS_PER_LONGEST_WORD)
    if not unspaced or length > _NOT_SHORT_LENGTH:
        return length
    runs = _UNSPACED_RUN.findall(unspaced[: _NOT_SHORT_LENGTH * _CHARS_PER_UNSPACED_WORD])
    return length + sum(map(len, runs)) // _CHARS_PER_UNSPACED_WORD


def _numbers_and_sentences(text: str) -> tuple[int, int]:
    """How many runs of ASCII digits, which full-width ones are once normalised, and how many ends of sentences."""
    encoded = text.encode("utf-8", "surrogatepass")
    numbers = len(encoded.translate(_DIGITS).split())
    return numbers, len(encoded) - len(encoded.translate(None, _SENTENCE_ENDS)) + text.count("。")


def _add_sizes(features: dict[str, float], signals: Signals, numbers: int, sentences: int) -> None:
    for name, value, low, high in (
        ("long ask", signals.ask_tokens, 250, 16_000),
        ("many numbers", numbers, 4, 40),
        ("many sentences", sentences, 8, 40),
        ("many turns", signals.turns, 2, 20),
        ("long context", signals.tokens, 2_000, 64_000),
        ("long answer allowed", signals.max_output_tokens, 1_000, 16_000),
    ):
        if value > low:
            features[name] = _between(value, low, high)


def _between(value: float, low: float, high: float) -> float:
    """0 at `low` and below, 1 at `high` and above, logarithmic between."""
    if value <= low:
        return 0.0
    return min(1.0, math.log(value / low) / math.log(high / low))
