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

_WESTERN = "cp1252"
"""A byte for each character that most texts of western Europe are written with, curly quotes and dashes among them."""
_WESTERN_WORDS = "".join(
    char if TOKEN.match(char) else " " for char in bytes(range(256)).decode(_WESTERN, "replace")
).encode(_WESTERN)
_ASCII_WORDS = "".join(chr(point) if TOKEN.match(chr(point)) else " " for point in range(128))

_ODD_SPACES = ("  ", "\n", "\r", "\t", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x1f")
"""White space that is not one space between words; looking for it costs a tenth of taking the text apart."""
_ODDEST_SPACES = (*_ODD_SPACES, "\x85", "\u1680", "\u2028", "\u2029")
"""And those that are no ASCII, but for what compatibility forms have made spaces of."""
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
        return " ".join(lower.split()) if _is_oddly_spaced(lower, _ODD_SPACES) else lower
    # Every Chinese text has full-width punctuation. With it gone, most need no normalisation: ten times faster.
    for wide, plain in _FULL_WIDTH:
        text = text.replace(wide, plain)
    folded = unicodedata.normalize("NFKC", text).casefold().strip()
    return " ".join(folded.split()) if _is_oddly_spaced(folded, _ODDEST_SPACES) else folded


def _is_oddly_spaced(text: str, spaces: Sequence[str]) -> bool:
    for space in spaces:  # noqa: SIM110 (half the time of any(), for each text)
        if space in text:
            return True
    return False


def tokens_of(text: str) -> list[str]:
    """The words and numbers of a normalised text; ASCII and western letters take a shorter way to the same result."""
    if text.isascii():
        return text.translate(_ASCII_WORDS).split()
    try:
        encoded = text.encode(_WESTERN)
    except UnicodeEncodeError:
        return TOKEN.findall(text)
    return encoded.translate(_WESTERN_WORDS).decode(_WESTERN).split()


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


def initials_of(marks: Set[str]) -> re.Pattern[str]:
    """Matches a character that one of the marks starts with, where one that is second in any of them follows."""
    alone = {mark for mark in marks if len(mark) == 1}
    longer = marks - alone
    first, second = ("".join(sorted({mark[place] for mark in longer})) for place in (0, 1))
    return re.compile("|".join([*sorted(alone), f"[{first}](?=[{second}])"]))


class Vocabulary:
    """The entries of some groups, indexed; the cost of a search follows the text, not the entries."""

    def __init__(self, groups: Mapping[str, Languages]) -> None:
        self._index: dict[str, list[tuple[str, str, str]]] = {}
        self.marks: set[str] = set()
        for group, languages in groups.items():
            for entry in entries_of(languages):
                self._add(group, entry)
        self.keys = frozenset(self._index).difference(mark[0] for mark in self.marks)
        """The tokens that `find` looks up."""

    def _add(self, group: str, entry: str) -> None:
        """Index an entry: by what is looked up, what must then stand among the words, and what in the text."""
        if is_unspaced(entry):
            self.marks.add(entry)
            self._index.setdefault(entry[0], []).append((group, "", entry))
        elif " " in entry:
            longest = max(entry.split(), key=len)
            self._index.setdefault(longest, []).append((group, f" {entry} ", ""))
        else:
            self._index.setdefault(entry, []).append((group, "", ""))

    def find(self, words: Set[str], tokens: Sequence[str], text: str) -> dict[str, int]:
        """Group → how many different entries of it occur; groups with none are left out.

        words   the tokens without repetition, of which those that are no `keys` may be missing, and what `initials_of`
                finds in `text`
        tokens  where phrases are looked for, as `tokens_of` gives them
        text    where marks are looked for, normalised; empty where no language without spaces is in it
        """
        found: dict[str, int] = {}
        index = self._index
        spaced = ""
        for word in words:
            for group, phrase, mark in index.get(word, ()):
                if phrase:
                    spaced = spaced or f" {' '.join(tokens)} "
                    if phrase not in spaced:
                        continue
                elif mark and mark not in text:
                    continue
                found[group] = found.get(group, 0) + 1
        return found
