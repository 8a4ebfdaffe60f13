"""Whether a text holds what identifies a person: an e-mail address, a phone, card, account or national number.

Numbers count where their check digits fit and they are written as people write them; a bare number whose check is weak
counts where the word for it stands shortly before. Every search is linear and behind a test most texts fail at memory
speed; what a search finds is a candidate. A text with so many candidates that all fail was made to keep the gateway
busy, and counts as personal.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from gateway.domain.byte_patterns import LazyPattern, compiled_set
from gateway.domain.national_ids import (
    BARE_PATTERN,
    FORMATS,
    FORMATTED_PATTERN,
    WORD_PATTERN,
    WORDS,
    Announced,
    is_bare_national_id,
    is_in_fours,
    shape_of,
)
from gateway.domain.payment_numbers import ACCOUNT_PATTERN, CARD_FORM, Span, is_account, is_card, whole_account

Number = tuple[int, int, bytes]
"""Where it begins and ends, and its digits."""

_EMAIL: Final = re.compile(r"@(?<=[\w.+-]@)[\w-]{1,63}\.[a-zA-Z]{2}")
_MORE_OF_A_HOST: Final = re.compile(r"(?:[\w.-]*\w)?")
_LOCAL_SIGNS: Final = frozenset("_.+-")
_LONGEST_LOCAL: Final = 256

_SHAPE: Final = bytes(
    ord("0") if chr(byte).isdecimal() else ord("A") if byte < 128 and chr(byte).isalpha() else ord(".")
    for byte in range(256)
)
"""Each byte as what it is to a number: a digit, a letter or neither."""
_BETWEEN_DIGITS: Final = b" \t-./()+" + bytes(range(0x80, 0x100))
_SIX_DIGITS: Final = b"000000"
_ACCOUNT_START: Final = re.compile(rb"AA00")

_GAP: Final = re.compile(rb"[ \t./-]+")
_FOURS: Final = re.compile(rb"(?<!\d)(?:\d{4}[ -]){2,3}\d{4}(?!\d)")
_SPREAD: Final = re.compile(rb"\d{4}(?:[ \t.-]{1,2}\d{4}){3}|\d{4}[ -]\d{6}[ -]\d{5}")
_ANNOUNCED: Final = re.compile(rb"[0-9](?<![0-9][0-9])(?:[ ./-]?[0-9]){7,13}(?![0-9])")
_INTERNATIONAL: Final = re.compile(
    rb"\+(?<![0-9A-Za-z]\+)(?!\d{1,3}(?:\.\d{3})+(?![ ().-]{0,2}\d))[1-9](?:[ ().-]{0,2}[0-9]){7,14}\b"
)
"""A phone number with its country's; not a number with a sign and thousands set off by points."""

_ANNOUNCED_BYTES: Final = 44
"""A telling word's number begins within so many bytes of it."""
_MOST_FAILURES: Final = 1_000
"""What has a number's form has its check digits by chance, one in a hundred at least: of so many one has."""
_BYTES_PER_LOOK: Final = 48
_BYTES_PER_WORD: Final = 160
"""A text may have so many candidates in vain, beyond the first thousand: one in so many bytes."""


def has_identifier(text: str) -> bool:
    """True where a plain text holds personal data that can be told by their form."""
    return has_email(text) or (may_hold_a_number(text) and has_number(text))


def has_email(text: str) -> bool:
    return "@" in text and _EMAIL.search(text) is not None


def has_number(text: str) -> bool:
    """True where a plain text holds a number that identifies a person."""
    return next(_numbers(text.encode("utf-8", "surrogatepass")), None) is not None


def identifier_spans(text: str) -> Iterator[Span]:
    """Where in a plain text personal data stand that can be told by their form: places in its UTF-8.

    They may overlap; a text that was made to keep the gateway busy is personal from there on.
    """
    place = byte = 0
    for start, end in _emails(text):
        begin = byte + _size(text[place:start])
        place, byte = end, begin + _size(text[start:end])
        yield begin, byte
    if may_hold_a_number(text):
        yield from _numbers(text.encode("utf-8", "surrogatepass"))


def _emails(text: str) -> Iterator[Span]:
    """Each address whole, in characters."""
    after = 0
    for match in _EMAIL.finditer(text):
        start, end = match.start(), match.end()
        if start < after:
            continue
        earliest = max(after, start - _LONGEST_LOCAL)
        while start > earliest and (text[start - 1].isalnum() or text[start - 1] in _LOCAL_SIGNS):
            start -= 1
        more = _MORE_OF_A_HOST.match(text, end)
        after = end if more is None else more.end()
        yield start, after


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _numbers(data: bytes) -> Iterator[Span]:
    found = _NUMBERS.Match(data) or ()
    places = sorted(found) if _START in found else range(len(_SEARCHES))
    for place in places:
        yield from _SEARCHES[place](data)


def may_hold_a_number(text: str) -> bool:
    """False where no number that could be anyone's is in the text."""
    for digit in "0123456789":
        if digit in text:
            shape = text.encode("utf-8", "surrogatepass").translate(_SHAPE, _BETWEEN_DIGITS)
            return _SIX_DIGITS in shape or _ACCOUNT_START.search(shape) is not None
    return False


def _ones(
    data: bytes,
    spans: Iterable[Span],
    is_one: Callable[[bytes, int, int], bool],
    within: re.Pattern[bytes] | None = None,
) -> Iterator[Span]:
    """The candidates that are one; all the rest where there are more than a text has that was not made to have.

    within  finds the number in a candidate that holds what is beside it too
    """
    most_looks = _MOST_FAILURES + len(data) // _BYTES_PER_LOOK
    failed: set[bytes] = set()
    for looks, (start, end) in enumerate(spans):
        context = data[max(start - 4, 0) : end + 6]
        if context in failed and looks < most_looks:
            continue
        if looks >= most_looks or len(failed) >= _MOST_FAILURES:
            yield start, len(data)
            return
        if is_one(data, start, end):
            written = None if within is None else within.search(data, start, end)
            yield (start, end) if written is None else written.span()
        else:
            failed.add(context)


def _spans(pattern: LazyPattern, data: bytes) -> Iterator[Span]:
    """The matches' places; they may overlap, lest a number hide what begins within it."""
    match = pattern.search(data)
    while match is not None:
        span = match.span()
        yield span
        match = pattern.search(data, span[0] + 1)


def _accounts(data: bytes) -> Iterator[Span]:
    return (whole_account(data, span) for span in _spans(_ACCOUNT, data))


def _is_formatted(data: bytes, start: int, end: int) -> bool:
    number = data[start:end].decode().upper()
    return _stands_alone(data, start, end) and any(is_valid(number) for is_valid in FORMATS[shape_of(number)])


def _stands_alone(data: bytes, start: int, end: int) -> bool:
    """False where a number is a part of a longer one."""
    before, after = data[max(start - 2, 0) : start], data[end : end + 2]
    between = b".-/ " if b" " in data[start:end] else b".-/"
    return not (before[:1].isdigit() and before[1:] in between) and not (after[1:].isdigit() and after[:1] in between)


def _is_in_fours(data: bytes, start: int, end: int) -> bool:
    """The match holds what is beside the number too: no four digits (a table's row), no UUID's start."""
    written = _FOURS.search(data, start, end)
    if written is None:
        return False
    number = _GAP.sub(b"", written[0]).decode()
    return is_card(number) if len(number) == 16 else is_in_fours(number)


def _is_spread_card(data: bytes, start: int, end: int) -> bool:
    written = _SPREAD.search(data, start, end)
    return written is not None and is_card(_GAP.sub(b"", written[0]).decode())


def _is_bare(data: bytes, start: int, end: int) -> bool:
    if data[end : end + 1] in (b".", b"-") and data[end + 1 : end + 2].isdigit():
        return False
    if data[start - 1 : start] in (b".", b"-") and data[start - 2 : start - 1].isdigit():
        return False
    number = data[start:end].decode()
    return is_card(number) or is_bare_national_id(number)


def _international(data: bytes) -> Iterator[Span]:
    return (match.span() for match in _INTERNATIONAL.finditer(data))


def _announced(data: bytes) -> Iterator[Span]:
    """The numbers that follow a word which tells of them; searches only onwards."""
    failed: set[tuple[Announced, bytes]] = set()
    numbers: list[Number] = []
    start = 0
    for _ in range(_MOST_FAILURES + len(data) // _BYTES_PER_WORD):
        word = _WORD.search(data, start)
        if word is None:
            return
        start, end = word.span()
        if not numbers or numbers[0][0] < end:
            numbers = _numbers_after(data, end)
            if not numbers:
                return
        if numbers[0][0] - end > _ANNOUNCED_BYTES:
            start = max(start + 1, numbers[0][0] - _ANNOUNCED_BYTES - _LONGEST_WORD)
            continue
        start += 1
        announced = WORDS[word[0].decode().lower()]
        for at, until, digits in numbers:
            if len(digits) in announced.digits and at - end <= _ANNOUNCED_BYTES and (announced, digits) not in failed:
                if announced.is_valid(digits.decode()):
                    yield at, until
                else:
                    failed.add((announced, digits))
        if len(failed) >= _MOST_FAILURES:
            break
    yield start, len(data)


def _numbers_after(data: bytes, start: int) -> list[Number]:
    """The next number, and the one that begins next, be it within it."""
    first = _ANNOUNCED.search(data, start)
    if first is None:
        return []
    second = _ANNOUNCED.search(data, first.start() + 1, first.end() + _ANNOUNCED_BYTES)
    return [(*match.span(), _GAP.sub(b"", match[0])) for match in (first, second) if match is not None]


_IN_FOURS_PATTERN: Final = (
    r"(?:^|[^0-9a-z_ -]|(?:^|[^0-9a-f])[0-9a-f]{0,3}-|[^0-9] |[^0-9][0-9]{1,3} |[0-9]{5} )"
    r"(?:[0-9]{4}[ -]){2,3}[0-9]{4}"  # cards, Japan, India
    r"(?:$|[^0-9a-z_ -]|[ -](?:$|[^0-9]|[0-9]{1,3}(?:$|[^0-9])|[0-9]{5}))"
)
_SPREAD_CARD_PATTERN: Final = (
    r"(?:^|[^0-9a-z_ \t.-]|[^0-9 \t.-][ \t]{1,2})"
    r"(?:[2-6][0-9]{3}(?:[ \t.-]{1,2}[0-9]{4}){3}|3[47][0-9]{2}[ -][0-9]{6}[ -][0-9]{5})"
    r"(?:$|[^0-9a-z_ \t.-]|[ \t.-]{1,2}(?:$|[^0-9 \t.-]))"
)
"""Not a row of a table that has more columns."""
_BARE_PATTERN: Final = rf"\b(?:{CARD_FORM}|{BARE_PATTERN})\b"
_PHONE_FORMATS: Final = (
    r"\([2-9][0-9]{2}\) ?[2-9][0-9]{2}[- .][0-9]{4}\b",
    r"\b[2-9][0-9]{2}-[2-9][0-9]{2}-[0-9]{4}\b",
    r"\b0[1-9](?: [0-9]{2}){4}\b",
    r"\b0[1-9](?:\.[0-9]{2}){4}\b",
    r"\b0(?:7[0-9]{3} ?[0-9]{3} [0-9]{3}|7[0-9]{3} [0-9]{6}|20 [0-9]{4} [0-9]{4}|1[0-9]{3} [0-9]{6})\b",
    r"\b01[567][0-9][ /-][0-9]{7,8}\b",
    r"\b0[2-9][0-9]{1,3} ?/ ?[0-9]{5,8}\b",
    r"\b0[5789]0-[0-9]{4}-[0-9]{4}\b",
    r"\b010-[0-9]{4}-[0-9]{4}\b",
    r"\([1-9][0-9]\) ?9[0-9]{4}-[0-9]{4}\b",
)
"""Of the US, France (2), the UK, Germany (2), Japan, South Korea and Brazil."""
_INTERNATIONAL_PATTERN: Final = r"\+[1-9](?:[ ().-]{0,2}[0-9]){7}"

_LONGEST_WORD: Final = max(len(word.encode()) for word in WORDS)
_PHONE: Final = LazyPattern(lambda: "|".join(_PHONE_FORMATS))
_FORMATTED: Final = LazyPattern(lambda: FORMATTED_PATTERN)
_IN_FOURS: Final = LazyPattern(lambda: _IN_FOURS_PATTERN)
_SPREAD_CARD: Final = LazyPattern(lambda: _SPREAD_CARD_PATTERN)
_BARE: Final = LazyPattern(lambda: _BARE_PATTERN)
_ACCOUNT: Final = LazyPattern(lambda: ACCOUNT_PATTERN)
_WORD: Final = LazyPattern(lambda: WORD_PATTERN)

_START: Final = 0
"""The start of a text, always found, unless RE2 ran out of memory: it says no more of that."""
_SEARCHES: Final[tuple[Callable[[bytes], Iterator[Span]], ...]] = (
    lambda _data: iter(()),
    _international,
    lambda data: _ones(data, _spans(_PHONE, data), _stands_alone),
    lambda data: _ones(data, _spans(_FORMATTED, data), _is_formatted),
    lambda data: _ones(data, _spans(_IN_FOURS, data), _is_in_fours, _FOURS),
    lambda data: _ones(data, _spans(_SPREAD_CARD, data), _is_spread_card, _SPREAD),
    lambda data: _ones(data, _accounts(data), is_account),
    lambda data: _ones(data, _spans(_BARE, data), _is_bare),
    _announced,
)
_NUMBERS: Final = compiled_set(
    r"\A",
    _INTERNATIONAL_PATTERN,
    "|".join(_PHONE_FORMATS),
    FORMATTED_PATTERN,
    _IN_FOURS_PATTERN,
    _SPREAD_CARD_PATTERN,
    ACCOUNT_PATTERN,
    _BARE_PATTERN,
    WORD_PATTERN,
)
"""One look tells which of the searches are worth it: mostly none or one."""
