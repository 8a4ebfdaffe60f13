"""Named features of a request: what a classifier scores, in the words people are shown.

All text features look at a bounded view of the last human message, tokenised once.
"""

import math
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from gateway.classifiers.lexicon import Lexicon
from gateway.classifiers.vocabulary import UNSPACED, is_unspaced, normalised, tokens_of
from gateway.domain.request import ChatRequest
from gateway.domain.signals import Signals, bounded_view

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
_SENTENCE_ENDS = ".!?。"
_DIGITS = bytes(byte if chr(byte) in "0123456789" else 32 for byte in range(256))
"""Every byte but a digit becomes a space."""


class Ask(Struct, frozen=True, kw_only=True):
    """A request whose last human message has been read once.

    length    of the ask in words, right up to `_NOT_SHORT_LENGTH`; in unspaced scripts two characters are one word
    numbers   runs of ASCII digits in the ask
    asked     group of the instruction or opening vocabulary → how many of its words occur
    subject   the same for the subject vocabulary
    """

    signals: Signals
    length: int
    numbers: int
    sentences: int
    is_courtesy: bool
    asked: Mapping[str, int]
    subject: Mapping[str, int]


Measure = Callable[[Ask], float]


class FeatureExtractor:
    """Turns a request into its features."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon

    def extract(self, request: ChatRequest, signals: Signals) -> Features:
        """The features that are not 0, by name; the names are `FEATURES`."""
        ask = self._read(request.last_human_text(), signals)
        return {name: value for name, measure in _MEASURES if (value := measure(ask)) > 0.0}

    def _read(self, written: str, signals: Signals) -> Ask:
        text = bounded_view(normalised(bounded_view(written)))
        tokens = tokens_of(text)
        unspaced = text if is_unspaced(text) else ""
        asked = self._lexicon.instruction.find(*_ends(tokens, unspaced))
        asked.update(self._lexicon.opening.find(tokens[:_OPENING_TOKENS], unspaced[:_OPENING_CHARS]))
        return Ask(
            signals=signals,
            length=_length(tokens, text, unspaced),
            numbers=_numbers(text),
            sentences=sum(map(text.count, _SENTENCE_ENDS)),
            is_courtesy=self._lexicon.courtesy.covers(text, tokens, is_opening=signals.turns <= 1),
            asked=asked,
            subject=self._lexicon.subject.find(tokens, unspaced),
        )


def _ends(tokens: Sequence[str], text: str) -> tuple[Sequence[str], str]:
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
    characters = UNSPACED.findall(unspaced[: _NOT_SHORT_LENGTH * _CHARS_PER_UNSPACED_WORD])
    return length + len(characters) // _CHARS_PER_UNSPACED_WORD


def _numbers(text: str) -> int:
    """Runs of ASCII digits, which full-width ones are once normalised."""
    return len(text.encode("ascii", "replace").translate(_DIGITS).split())


def _asks(*groups: str) -> Measure:
    return lambda ask: 0.0 if ask.asked.keys().isdisjoint(groups) else 1.0


def _names(group: str, enough: int) -> Measure:
    """1 from `enough` different terms on, less below."""

    def share(ask: Ask) -> float:
        found = ask.subject.get(group, 0)
        return min(1.0, (1 + found) / (1 + enough)) if found else 0.0

    return share


def _between(value: float, low: float, high: float) -> float:
    """0 at `low` and below, 1 at `high` and above, logarithmic between."""
    if value <= low:
        return 0.0
    return min(1.0, math.log(value / low) / math.log(high / low))


def _short(ask: Ask) -> float:
    return 1.0 - _between(ask.length, _SHORT_LENGTH, _NOT_SHORT_LENGTH) if ask.length else 0.0


def _factual(ask: Ask) -> float:
    """A short question on its own. Its question mark does not count: people leave it out."""
    return 1.0 if ask.length <= _FACTUAL_LENGTH and "asks for a fact" in ask.asked else 0.0


def _steps(ask: Ask) -> float:
    in_order = "sequence start" in ask.subject and "sequence next" in ask.subject
    return 1.0 if in_order else _named_steps(ask)


_named_steps = _names("several steps", 3)


def _word_problem(ask: Ask) -> float:
    return 1.0 if ask.numbers > 1 and "quantity question" in ask.subject else 0.0


_MEASURES: tuple[tuple[str, Measure], ...] = (
    ("greeting, thanks or yes", lambda ask: float(ask.is_courtesy)),
    ("short ask", _short),
    ("long ask", lambda ask: _between(ask.signals.ask_tokens, 250, 16_000)),
    ("single short factual question", _factual),
    ("asks to extract", _asks("asks to extract")),
    ("asks to classify", _asks("asks to classify")),
    ("asks to rewrite", _asks("asks to rewrite")),
    ("asks to translate", _asks("asks to translate")),
    ("asks to summarise", _asks("asks to summarise")),
    ("asks for a short answer", _asks("asks for a short answer")),
    ("asks about a given text", _asks("asks about a given text")),
    ("asks to write or fix code", _asks("asks to write or fix code")),
    ("asks to reason or advise", _asks("asks to reason or advise", "asks for an explanation")),
    ("asks for creative writing", _asks("asks for creative writing")),
    ("question", _asks("asks for a fact", "asks for an explanation", "asks yes or no")),
    ("proof or derivation", _names("proof or derivation", 1)),
    ("legal terms", _names("legal terms", 2)),
    ("medical terms", _names("medical terms", 2)),
    ("finance terms", _names("finance terms", 2)),
    ("concurrency or systems fault", _names("concurrency or systems fault", 1)),
    ("several steps", _steps),
    ("comparison or trade-off", _names("comparison or trade-off", 1)),
    ("constraints stated", _names("constraint", 3)),
    ("word problem with numbers", _word_problem),
    ("code present", lambda ask: float(ask.signals.code)),
    ("mathematical notation", lambda ask: float(ask.signals.maths)),
    ("many numbers", lambda ask: _between(ask.numbers, 4, 40)),
    ("many sentences", lambda ask: _between(ask.sentences, 8, 40)),
    ("images present", lambda ask: float(ask.signals.images > 0)),
    ("tools offered", lambda ask: float(ask.signals.tools > 0)),
    ("agent at work with tools", lambda ask: float(ask.signals.tool_loop)),
    ("structured answer required", lambda ask: float(ask.signals.structured)),
    ("many turns", lambda ask: _between(ask.signals.turns, 2, 20)),
    ("long context", lambda ask: _between(ask.signals.tokens, 2_000, 64_000)),
    ("long answer allowed", lambda ask: _between(ask.signals.max_output_tokens, 1_000, 16_000)),
)

FEATURES = tuple(name for name, _ in _MEASURES)
"""The name of each feature, in the order they are measured."""
