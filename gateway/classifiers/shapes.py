"""The shape of an ask: sizes, numbers, punctuation and lettered options, whatever its words and its language.

Unlike the named features of `features`, these are amounts: nearly every text has some of each.
"""

import math
import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

SHAPES: Final = (
    "characters",
    "words",
    "characters per word",
    "share of long words",
    "share of different words",
    "numbers",
    "digits",
    "share of digits",
    "digits of the longest number",
    "largest number",
    "smallest number",
    "decimals",
    "decimals of money",
    "commas",
    "full stops",
    "dollar signs",
    "percent signs",
    "brackets",
    "quotation marks",
    "operators",
    "underscores",
    "characters beyond ASCII",
    "ends with a question mark",
    "ends with a colon",
    "lettered options",
    "characters before the options",
    "longest option",
    "shortest option",
    "difference between options",
    "share of digits in options",
)
"""The name of each amount, in the order of `shape_of`."""

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_DECIMALS_OF_MONEY = re.compile(r"[$€£¥] ?\d+[.,]\d")
_MARKERS: Final = [(f" {letter}. ", f" {letter}) ") for letter in "abcdefghij"]
_MARKER_CHARS: Final = 4
_LONG_WORD: Final = 7
_LARGEST: Final = 1e12
_LONGEST_NUMBER: Final = 24
_BRACKETS, _QUOTES, _OPERATORS = "()[]{}", "\"'“”", "-+*/=^<>"
_log = math.log1p


def shape_of(text: str, words: Sequence[str]) -> list[float]:
    """The amounts named by SHAPES, of a normalised text and its words; counts are logarithmic."""
    options = _options(text)
    before = text[: options[0]] if options else text
    return [
        _log(len(text)),
        _log(len(words)),
        *_of_words(text, words),
        *_of_numbers(text, before),
        *(_log(before.count(sign)) for sign in ",.$%"),
        *(_log(sum(map(before.count, signs))) for signs in (_BRACKETS, _QUOTES, _OPERATORS)),
        _log(before.count("_")),
        0.0 if text.isascii() else _log(len(before.encode("utf-8", "replace")) - len(before)),
        float(before.endswith(("?", "? "))),
        float(before.endswith((":", ": "))),
        *_of_options(text, options),
    ]


def _of_words(text: str, words: Sequence[str]) -> tuple[float, float, float]:
    count = max(1, len(words))
    lengths = sorted(map(len, words))
    return len(text) / count, (len(lengths) - bisect_left(lengths, _LONG_WORD)) / count, len(set(words)) / count


def _of_numbers(text: str, before: str) -> list[float]:
    numbers = _NUMBER.findall(before)
    if not numbers:
        return [0.0] * 8
    lengths = list(map(len, numbers))
    values = list(map(_value, numbers))
    decimals = sum("." in number for number in numbers)
    return [
        _log(len(numbers)),
        _log(sum(lengths)),
        sum(lengths) / len(text),
        max(lengths),
        _log(max(values)),
        _log(min(values)),
        decimals,
        len(_DECIMALS_OF_MONEY.findall(before)) if decimals else 0.0,
    ]


def _options(text: str) -> list[int]:
    """Where each of the lettered options of a question starts; empty where there are not two."""
    places: list[int] = []
    at = 0
    for markers in _MARKERS:
        found = max(text.find(marker, at) for marker in markers)
        if found < 0:
            break
        places.append(found)
        at = found + 1
    return places if len(places) > 1 else []


def _of_options(text: str, places: Sequence[int]) -> list[float]:
    if not places:
        return [0.0, _log(len(text)), 0.0, 0.0, 0.0, 0.0]
    ends = [*places[1:], len(text)]
    lengths = [max(0, end - start - _MARKER_CHARS) for start, end in zip(places, ends, strict=True)]
    longest, shortest = max(lengths), min(lengths)
    options = text[places[0] :]
    digits = sum(map(len, _NUMBER.findall(options)))
    return [
        float(len(places)),
        _log(places[0]),
        _log(longest),
        _log(shortest),
        _log(longest - shortest),
        digits / len(options),
    ]


def _value(number: str) -> float:
    """What a number amounts to; commas are taken for thousands, dates and versions for their first two parts."""
    whole, *rest = number[:_LONGEST_NUMBER].replace(",", "").split(".")
    return min(_LARGEST, float(f"{whole}.{rest[0]}" if rest else whole))
