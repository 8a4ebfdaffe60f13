"""How many tokens a text has, estimated from the kinds of its characters at memory speed."""

from gateway.domain.language_words import WORDS

_WHOLE_CHARS = 16_384
_SLICES = 32
_SLICE_CHARS = _WHOLE_CHARS // _SLICES
"""A longer text is judged by this many slices, evenly spread."""

_UPPER, _DIGIT, _SPACE, _NEWLINE, _BRACKET, _QUOTE = b"A", b"0", b" ", b"\n", b"(", b'"'
_ACCENTED, _EXTENDED, _VIETNAMESE, _MARK, _EMOJI = b"c", b"e", b"v", b"p", b"m"
_CYRILLIC = b"y"
_INDENT = "    "
_ENGLISH = "en"
_CHARS_PER_INDENTED_LINE = 250
"""Indentation is looked for where lines are no longer than this, on average."""

_LEAD_BYTES: dict[tuple[int, int], bytes] = {
    (0xC2, 0xC3): _ACCENTED,
    (0xC4, 0xCD): _EXTENDED,
    (0xCE, 0xCF): b"g",
    (0xD0, 0xD3): _CYRILLIC,
    (0xD4, 0xD7): b"h",
    (0xD8, 0xDF): b"a",
    (0xE0, 0xE0): b"i",
    (0xE1, 0xE1): _VIETNAMESE,
    (0xE2, 0xE2): _MARK,
    (0xE3, 0xE3): b"k",
    (0xE4, 0xE9): b"n",
    (0xEA, 0xED): b"o",
    (0xEE, 0xEF): b"f",
    (0xF0, 0xF4): _EMOJI,
}
"""The kind of a character beyond ASCII, by its leading byte in UTF-8."""

_TOKENS_PER_CHAR: dict[bytes, float] = {
    _ACCENTED: 0.64,
    _EXTENDED: 1.83,
    _VIETNAMESE: 1.83,
    _MARK: 1.83,
    _EMOJI: 2.26,
    _CYRILLIC: 0.372,
    b"g": 0.954,  # Greek
    b"h": 1.05,  # Armenian, Hebrew
    b"a": 0.74,  # Arabic, Persian
    b"i": 0.99,  # the scripts of India, Thai
    b"k": 1.0,  # kana
    b"n": 0.973,  # Han
    b"o": 0.96,  # Hangul
    b"f": 0.9,  # full-width forms
}
_NOT_LATIN = tuple(_TOKENS_PER_CHAR.keys() - {_ACCENTED, _EXTENDED, _VIETNAMESE})
_ASCII_ONLY = dict.fromkeys(_TOKENS_PER_CHAR, 0)
_CHARS_PER_RULED_MARK = 12
"""Lines drawn with characters, of few tokens, are looked for where one character in this many is a mark."""
_TOKENS_PER_UKRAINIAN_I = 3.34
"""Ukrainian has it in one letter of twenty, Russian nowhere; its words are rarer in the vocabulary."""

_LETTERS_PER_ACCENT = 60
"""Where a letter in sixty or more has an accent, the text is not English."""
_WINDOW_CHARS = 1_000
_WORDS_CHARS = 300
_WORDS_PER_FOREIGN_WORD = 12
_FOREIGN_WORDS = frozenset(word for language, words in WORDS.items() if language != "en" for word in words.split()) - {
    *WORDS["en"].split(),
    "var",
}


def _kinds_of_bytes() -> bytes:
    """A translation from bytes to the letters that stand for their kinds."""
    table = bytearray(b"." * 256)
    for chars, kind in (
        (b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", _UPPER),
        (b"0123456789", _DIGIT),
        (b" \t", _SPACE),
        (b"\r\n", _NEWLINE),
        (b"(){};", _BRACKET),
        (b'"', _QUOTE),
    ):
        for char in chars:
            table[char] = kind[0]
    for (first, last), kind in _LEAD_BYTES.items():
        table[first : last + 1] = kind * (last + 1 - first)
    return bytes(table)


_KINDS = _kinds_of_bytes()
_LOWER = b"abcdefghijklmnopqrstuvwxyz"
_LOWER_AND_CONTINUATIONS = _LOWER + bytes(range(0x80, 0xC0))


def estimated_tokens(text: str, language: str = "") -> int:
    """About how many tokens a text has; never negative, 0 only for the empty text.

    language  of the text, ISO 639-1, where it is known: it need not be looked for then

    The coefficients in this file are least squares on relative errors (large ones count less), every kind of text with
    about the same weight, against the encoding cl100k_base; texts of 1 to 3 KB from prompts, packages, manuals and
    message catalogues. On other texts, kept apart by their source, the error was, median / 90th percentile in per cent:

    English prose 1 / 4, prompts 2-6 / 6-13, Python 4 / 12, JavaScript 6 / 12, TypeScript 10 / 15, JSON 3 / 12,
    HTML 4 / 11, Markdown 6 / 16, CSV 3 / 3, logs 3 / 4, Spanish 4 / 11, Portuguese 5 / 10, French 5 / 10,
    German 4 / 11, Italian 4 / 9, Dutch 3 / 9, Polish 5 / 12, Swedish 7 / 14, Turkish 3 / 8, Vietnamese 4 / 10,
    Indonesian 3 / 12, Russian 3 / 9, Ukrainian 3 / 10, Greek 1 / 4, Chinese 3 / 12, Japanese 3 / 7, Korean 4 / 8,
    and, of few texts, Arabic 2 / 4, Hebrew 4 / 4, Hindi 7 / 10, Thai 5 / 6, Danish 8 / 23, Czech 13 / 15.

    Newer vocabularies (o200k_base) need as many tokens for English and code, a tenth less for the languages of
    western Europe, a third less for Russian and at most half for Arabic, Greek and Hindi: there this errs high.
    """
    chars = len(text)
    if chars <= _WHOLE_CHARS:
        return -int(-_tokens(text, language) // 1)
    step = (chars - _SLICE_CHARS) / (_SLICES - 1)
    starts = [int(place * step) for place in range(_SLICES)]
    sample = "".join([text[start : start + _SLICE_CHARS] for start in starts])
    return -int(-_tokens(sample, language) * chars / len(sample) // 1)


def _tokens(text: str, language: str) -> float:
    if text.isascii():
        kinds = text.encode().translate(_KINDS, _LOWER)
        beyond = _ASCII_ONLY
        wide = 0
    else:
        kinds = text.encode("utf-8", "surrogatepass").translate(_KINDS, _LOWER_AND_CONTINUATIONS)
        beyond = {kind: kinds.count(kind) for kind in _TOKENS_PER_CHAR}
        wide = sum(beyond.values())
    chars = len(text)
    lower = chars - len(kinds)
    upper = kinds.count(_UPPER)
    digits = kinds.count(_DIGIT)
    spaces = kinds.count(_SPACE)
    newlines = kinds.count(_NEWLINE)
    brackets = kinds.count(_BRACKET)
    quotes = kinds.count(_QUOTE)
    marks = len(kinds) - wide - upper - digits - spaces - newlines - brackets - quotes
    indents = text.count(_INDENT) if newlines * _CHARS_PER_INDENTED_LINE > chars else 0
    if language != _ENGLISH and _is_foreign_latin(text, lower, marks + brackets + quotes, beyond):
        spaces -= len(_INDENT) * indents
        return _foreign_latin_tokens(
            lower=lower,
            upper=upper,
            digits=digits,
            spaces=spaces,
            newlines=newlines,
            marks=marks + brackets + quotes,
            beyond=beyond,
        )
    tokens = (
        0.103 * lower
        + 0.189 * upper
        + 0.818 * digits
        + 0.587 * spaces
        + 0.720 * newlines
        + 0.791 * marks
        + 0.268 * brackets
        + 0.598 * quotes
        - 2.148 * indents
    )
    run_on = lower + upper - 9 * (spaces + newlines + marks) - wide
    if run_on > 0:
        tokens += 0.589 * run_on
    if upper > 0.3 * lower:
        tokens += 0.380 * (upper - 0.3 * lower)
    if digits > 0.3 * chars:
        tokens -= 0.562 * (digits - 0.3 * chars)
    if marks * _CHARS_PER_RULED_MARK > chars:
        tokens -= 2.8 * (text.count("----") + text.count("===="))
    if wide:
        tokens += sum([_TOKENS_PER_CHAR[kind] * count for kind, count in beyond.items()])
        if beyond[_CYRILLIC]:
            tokens += _TOKENS_PER_UKRAINIAN_I * text.count("і")
    return tokens


def _foreign_latin_tokens(
    *, lower: int, upper: int, digits: int, spaces: int, newlines: int, marks: int, beyond: dict[bytes, int]
) -> float:
    accented, extended, vietnamese = beyond[_ACCENTED], beyond[_EXTENDED], beyond[_VIETNAMESE]
    return (
        0.261 * lower
        + 0.346 * upper
        + 0.745 * digits
        + 0.122 * spaces
        + 0.871 * newlines
        + 0.959 * marks
        + 0.381 * accented
        + 0.666 * extended
        + 1.439 * vietnamese
        + 0.033 * max(0, lower + upper - 4 * (spaces + marks))
        + 0.095 * min(lower, 12 * (extended + vietnamese))
        + sum([_TOKENS_PER_CHAR[kind] * beyond[kind] for kind in _NOT_LATIN])
    )


def _is_foreign_latin(text: str, lower: int, marks: int, beyond: dict[bytes, int]) -> bool:
    """Prose in Latin letters, but not English: its words are split into more tokens."""
    if lower <= 3 * marks:
        return False
    if beyond is not _ASCII_ONLY:
        accents = beyond[_ACCENTED] + beyond[_EXTENDED] + beyond[_VIETNAMESE]
        scripts = sum(beyond.values()) - accents - beyond[_MARK] - beyond[_EMOJI]
        if lower <= 2 * scripts:
            return False
        if accents * _LETTERS_PER_ACCENT >= lower and accents:
            return True
    middle = max(0, len(text) // 2 - _WINDOW_CHARS // 2)
    window = text[middle : middle + _WINDOW_CHARS]
    if " the " in window:
        return False
    words = window[:_WORDS_CHARS].lower().split()
    return sum(map(_FOREIGN_WORDS.__contains__, words)) * _WORDS_PER_FOREIGN_WORD > len(words)
