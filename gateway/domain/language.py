"""Which language a text is in, from its letters and its commonest words."""

from collections import Counter
from itertools import chain

from gateway.domain.language_words import CODE_WORDS, LETTERS, WORDS

UNKNOWN = "und"
"""The code ISO 639 has for a language that is not determined."""

_HEAD_CHARS = 400
_HEAD_WORDS = 60
_LATIN = tuple(WORDS)
LANGUAGES = frozenset(_LATIN) | {"ar", "el", "fa", "he", "hi", "ja", "ko", "ru", "th", "uk", "zh", UNKNOWN}

_EVIDENCE = 3
_EVIDENCE_AMID_CODE = 12
_CODE_MARKS = b"(){}[];=<>_|\\"
_CHARS_PER_CODE_MARK = 20

_SCRIPTS = (
    ("y", 0xD0, 0xD3),
    ("g", 0xCE, 0xCF),
    ("h", 0xD7, 0xD7),
    ("a", 0xD8, 0xDB),
    ("i", 0xE0, 0xE0),
    ("k", 0xE3, 0xE3),
    ("n", 0xE4, 0xE9),
    ("o", 0xEA, 0xED),
)
"""Of Cyrillic, Greek, Hebrew, Arabic, Indic, kana, Han and hangul letters, the first and last leading byte in UTF-8."""
_LETTERS_PER_SIGN = 3
"""Latin letters that say as much as one sign of East Asia."""


def _lead_bytes() -> bytes:
    """A translation from leading bytes to the letters that stand for scripts."""
    table = bytearray(b"." * 256)
    for letter, first, last in _SCRIPTS:
        table[first : last + 1] = letter.encode() * (last + 1 - first)
    return bytes(table)


def _packed(evidence: dict[str, dict[str, int]]) -> dict[str, int]:
    """Each word's weights in all languages as one integer, a byte a language: one sum adds them all up."""
    packed: dict[str, int] = {}
    for place, language in enumerate(_LATIN):
        for word, weight in evidence.get(language, {}).items():
            packed[word] = packed.get(word, 0) + (weight << (8 * place))
    return packed


def _word_weights() -> dict[str, dict[str, int]]:
    """A word only one language has weighs 3, one that two have 2, any other 1; sixty of them fit a byte."""
    words = {language: frozenset(text.split()) for language, text in WORDS.items()}
    languages = Counter(chain.from_iterable(words.values()))
    weights = {language: {word: max(1, 4 - languages[word]) for word in mine} for language, mine in words.items()}
    weights["en"].update(dict.fromkeys(CODE_WORDS.split(), 1))
    return weights


def _word_bytes() -> bytes:
    """A translation from ASCII to its lower case, with a space for all that is no letter."""
    return bytes(byte if byte > 127 else ord(chr(byte).lower()) if chr(byte).isalpha() else 32 for byte in range(256))


_ASCII = bytes(range(128))
_ASCII_LETTERS = bytes(byte for byte in _ASCII if chr(byte).isalpha())
_LEAD_BYTES = _lead_bytes()
_NO_LEAD_BYTES = bytes(byte for byte in range(256) if _LEAD_BYTES[byte] == ord("."))
_WORD_BYTES = _word_bytes()
_WORD_EVIDENCE = {word.encode(): weights for word, weights in _packed(_word_weights()).items()}
_LETTER_EVIDENCE = _packed({language: dict.fromkeys(letters, 4) for language, letters in LETTERS.items()})
_MOST_LETTERS = 12
"""Letters that count, so that the sum of a language's evidence stays in its byte."""
_WIDE_MARKS = tuple(mark.encode() for mark in "’“”‘„«»¿¡…–—")


def language_of(view: str) -> str:
    """The ISO 639-1 code of the language most of a text's beginning is in; `und` where it cannot be told."""
    head = view.lstrip()[:_HEAD_CHARS]
    if head.isascii():
        return _latin_language(head.encode(), 0)
    raw = head.encode("utf-8", "replace")
    leads = raw.translate(_LEAD_BYTES, _NO_LEAD_BYTES)
    if leads and (language := _scripted_language(head, raw, leads)):
        return language
    lowered = head.lower().encode("utf-8", "replace")
    evidence = _letter_evidence(lowered)
    for mark in _WIDE_MARKS:
        lowered = lowered.replace(mark, b" ")
    return _latin_language(lowered, evidence)


def _scripted_language(head: str, raw: bytes, leads: bytes) -> str:
    """The language that the letters alone tell; empty where most of them are Latin."""
    counts = {letter: leads.count(letter.encode()) for letter, _, _ in _SCRIPTS}
    counts["k"] -= raw.count(b"\xe3\x80")  # punctuation that Chinese has too
    signs = counts["k"] + counts["n"] + counts["o"]
    others = counts["y"] + counts["g"] + counts["h"] + counts["a"] + counts["i"]
    latin = len(raw) - len(raw.translate(None, _ASCII_LETTERS))
    if max(signs * _LETTERS_PER_SIGN, others) <= latin:
        return ""
    if signs > others:
        return _east_asian(counts)
    script = max("yghai", key=lambda letter: counts[letter])
    if script == "y":
        return "uk" if any(letter in head for letter in "іїєґІЇЄҐ") and "ы" not in head and "Ы" not in head else "ru"
    if script == "a":
        return "fa" if any(letter in head for letter in "پچژگ") else "ar"
    if script == "i":
        return _indic(raw, counts["i"])
    return "el" if script == "g" else "he"


def _east_asian(counts: dict[str, int]) -> str:
    """Japanese where a tenth of the signs are kana: names in a Chinese text may hold a few."""
    if counts["o"] >= max(counts["k"], counts["n"]):
        return "ko"
    return "ja" if counts["k"] * 9 >= counts["n"] else "zh"


def _indic(raw: bytes, letters: int) -> str:
    devanagari = raw.count(b"\xe0\xa4") + raw.count(b"\xe0\xa5")
    thai = raw.count(b"\xe0\xb8") + raw.count(b"\xe0\xb9")
    if max(devanagari, thai) * 2 < letters:
        return UNKNOWN
    return "th" if thai > devanagari else "hi"


def _letter_evidence(lowered: bytes) -> int:
    """What letters that only one language has say."""
    rest = lowered.translate(None, _ASCII).decode()
    return sum([_LETTER_EVIDENCE[letter] for letter in sorted(_LETTER_EVIDENCE.keys() & rest)[:_MOST_LETTERS]])


def _latin_language(raw: bytes, evidence: int) -> str:
    """The language with the most evidence; of two with the same, none, for a guess would be a coin's."""
    words = raw.translate(_WORD_BYTES).split(None, _HEAD_WORDS)[:_HEAD_WORDS]
    evidence += sum(filter(None, map(_WORD_EVIDENCE.get, words)))
    weights = evidence.to_bytes(len(_LATIN), "little")
    most = max(weights)
    marks = len(raw) - len(raw.translate(None, _CODE_MARKS))
    needed = _EVIDENCE_AMID_CODE if marks * _CHARS_PER_CODE_MARK > len(raw) else _EVIDENCE
    if most < needed or weights.count(most) > 1:
        return UNKNOWN
    return _LATIN[weights.index(most)]
