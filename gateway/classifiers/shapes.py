"""The shape of an ask: sizes, numbers, punctuation and lettered options, whatever its words and its language.

Unlike the named features of `features`, these are amounts: nearly every text has some of each.
"""

import math
import re
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

_NUMBER = re.compile(r"\d\d*(?:[.,]\d+)*")
"""`\\d\\d*` is `\\d+`, but a set of characters that a match begins with is looked for three times as fast."""
_DECIMALS_OF_MONEY = re.compile(r"[$€£¥] ?\d+[.,]\d")
_MARKERS: Final = [(f" {letter}. ", f" {letter}) ") for letter in "abcdefghij"]
_MARKER_CHARS: Final = 4
_LONG_WORD: Final = 7
_LARGEST: Final = 1e12
_LONGEST_NUMBER: Final = 24
_SINGLE_SIGNS: Final = (b",", b".", b"$", b"%")
_BRACKETS, _QUOTES, _OPERATORS = (tuple(bytes((sign,)) for sign in signs) for signs in (b"()[]{}", b"\"'", b"-+*/=^<>"))
_TYPOGRAPHIC_QUOTES: Final = "“”"
_UNCOUNTED: Final = bytes(set(range(256)).difference(b"0123456789_", *_SINGLE_SIGNS, *_BRACKETS, *_QUOTES, *_OPERATORS))
"""Every byte but digits and the signs that are counted: among what is left each is counted in no time."""
_DIGITS: Final = b"0123456789"
_SHORT_LENGTHS: Final = bytes(range(_LONG_WORD))
_log = math.log1p


def shape_of(text: str, words: Sequence[str]) -> list[float]:
    """The amounts named by SHAPES, of a normalised text and its words; counts are logarithmic."""
    options = _options(text)
    before = text[: options[0]] if options else text
    encoded = before.encode("utf-8", "replace")
    signs = encoded.translate(None, _UNCOUNTED)
    is_ascii = len(encoded) == len(before)
    quotes = 0 if is_ascii else sum(map(before.count, _TYPOGRAPHIC_QUOTES))
    has_numbers = not is_ascii or len(signs.translate(None, _DIGITS)) < len(signs)
    return [
        _log(len(text)),
        _log(len(words)),
        *_of_words(text, words),
        *(_of_numbers(text, before) if has_numbers else _NO_NUMBERS),
        *(_log(signs.count(sign)) for sign in _SINGLE_SIGNS),
        _log(sum(map(signs.count, _BRACKETS))),
        _log(sum(map(signs.count, _QUOTES)) + quotes),
        _log(sum(map(signs.count, _OPERATORS))),
        _log(signs.count(b"_")),
        _log(len(encoded) - len(before)),
        float(before.endswith(("?", "? "))),
        float(before.endswith((":", ": "))),
        *_of_options(text, options),
    ]


def _of_words(text: str, words: Sequence[str]) -> tuple[float, float, float]:
    count = max(1, len(words))
    return len(text) / count, _long_words(words) / count, len(set(words)) / count


def _long_words(words: Sequence[str]) -> int:
    try:
        return len(bytes(map(len, words)).translate(None, _SHORT_LENGTHS))
    except ValueError:  # a word of more than 255 characters
        return sum(len(word) >= _LONG_WORD for word in words)


_NO_NUMBERS: Final = (0.0,) * 8


def _of_numbers(text: str, before: str) -> Sequence[float]:
    numbers = _NUMBER.findall(before)
    if not numbers:
        return _NO_NUMBERS
    lengths = list(map(len, numbers))
    values = _values(numbers, max(lengths))
    decimals = sum("." in number for number in numbers) if "." in before else 0
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


def _values(numbers: Sequence[str], longest: int) -> list[float]:
    """What numbers amount to; commas are taken for thousands, dates and versions for their first two parts."""
    if longest > _LONGEST_NUMBER:
        return list(map(_value, numbers))
    try:
        return [min(_LARGEST, each) for each in map(float, " ".join(numbers).replace(",", "").split())]
    except ValueError:  # a date or a version
        return list(map(_value, numbers))


def _value(number: str) -> float:
    whole, *rest = number[:_LONGEST_NUMBER].replace(",", "").split(".")
    return min(_LARGEST, float(f"{whole}.{rest[0]}" if rest else whole))
