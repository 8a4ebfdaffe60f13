"""Which groups of words occur in a text, found in one pass over its tokens.

An entry is a *word*, a *phrase* of words, or, where a language writes no spaces, a *mark*: characters that may stand
anywhere. Phrases are looked for only where their longest word occurs, marks only where their first character does.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence, Set

TOKEN = re.compile(r"\w+")
UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff]")
"""A character of a language that writes no spaces between words."""

Languages = Mapping[str, Sequence[str]]
"""Language → entries."""

_ASCII_WORDS = "".join(chr(point) if TOKEN.match(chr(point)) else " " for point in range(128))

_ODD_SPACES = ("  ", "\n", "\r", "\t", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x1f")
"""White space that is not one space between words; looking for it costs a tenth of taking the text apart."""
_FULL_WIDTH = (
    ("，", ","),
    ("：", ":"),
    ("；", ";"),
    ("！", "!"),
    ("？", "?"),
    ("（", "("),
    ("）", ")"),
    ("\u3000", " "),
)


def normalised(text: str) -> str:
    """Case-folded, compatibility forms folded, each run of white space one space."""
    if text.isascii():
        lower = text.strip().lower()
        for space in _ODD_SPACES:
            if space in lower:
                return " ".join(lower.split())
        return lower
    # Every Chinese text has full-width punctuation. With it gone, most need no normalisation: ten times faster.
    for wide, plain in _FULL_WIDTH:
        text = text.replace(wide, plain)
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def tokens_of(text: str) -> list[str]:
    """The words and numbers of a normalised text; ASCII takes a way four times as fast to the same result."""
    return text.translate(_ASCII_WORDS).split() if text.isascii() else TOKEN.findall(text)


def is_unspaced(text: str) -> bool:
    return not text.isascii() and UNSPACED.search(text) is not None


def entries_of(languages: Languages) -> frozenset[str]:
    """The entries of all languages as normalised text spells them, with and without their accents."""
    entries = {" ".join(TOKEN.findall(normalised(entry))) for entries in languages.values() for entry in entries}
    return frozenset(entries | {spelling for entry in entries for spelling in _unaccented(entry)})


def _unaccented(entry: str) -> Iterator[str]:
    """How people type it without the accents; Japanese voicing marks are letters and stay."""
    if is_unspaced(entry):
        return
    decomposed = unicodedata.normalize("NFD", entry)
    for spelling in (decomposed, decomposed.replace("\u0308", "e")):
        yield "".join(char for char in spelling if not unicodedata.combining(char))


class Vocabulary:
    """The entries of some groups, indexed; the cost of a search follows the text, not the entries."""

    def __init__(self, groups: Mapping[str, Languages]) -> None:
        self._words: dict[str, list[str]] = {}
        self._phrases: dict[str, list[tuple[str, str]]] = {}
        self._marks: dict[str, list[tuple[str, str]]] = {}
        for group, languages in groups.items():
            for entry in entries_of(languages):
                self._index(group, entry)
        self.keys = frozenset(self._words) | frozenset(self._phrases)
        """The tokens that `find` looks up."""

    def _index(self, group: str, entry: str) -> None:
        if is_unspaced(entry):
            self._marks.setdefault(entry[0], []).append((entry, group))
        elif " " in entry:
            longest = max(entry.split(), key=len)
            self._phrases.setdefault(longest, []).append((f" {entry} ", group))
        else:
            self._words.setdefault(entry, []).append(group)

    def find(self, words: Set[str], tokens: Sequence[str], text: str) -> dict[str, int]:
        """Group → how many different entries of it occur; groups with none are left out.

        words   the tokens without repetition; those that are no `keys` may be missing
        tokens  where phrases are looked for, as `tokens_of` gives them
        text    where marks are looked for, normalised; empty where no language without spaces is in it
        """
        found: dict[str, int] = {}
        spaced = ""
        for word in words:
            for group in self._words.get(word, ()):
                found[group] = found.get(group, 0) + 1
            for phrase, group in self._phrases.get(word, ()):
                spaced = spaced or f" {' '.join(tokens)} "
                if phrase in spaced:
                    found[group] = found.get(group, 0) + 1
        if text:
            self._find_marks(text, found)
        return found

    def _find_marks(self, text: str, found: dict[str, int]) -> None:
        for initial, marks in self._marks.items():
            if initial in text:
                for mark, group in marks:
                    if mark in text:
                        found[group] = found.get(group, 0) + 1
