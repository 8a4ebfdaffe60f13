r"""A text as people read it: JSON's escapes undone, look-alikes of ASCII replaced, what is not seen left out.

Only what is common: mathematical alphabets, letters of other scripts that look Latin, HTML entities, percent signs,
base64 and decomposed kana stay as they are. Where a Windows path has a part that begins with n, r or t, this part
loses its first letter, as `\n`, `\r` and `\t` are more often white space.
"""

import re
from typing import Final, TypeVar

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

_ESCAPES: Final = {"\\n": "\n", "\\r": "\n", "\\t": "\t", '\\"': '"', "\\/": "/"}
_ESCAPED: Final = re.compile(r'\\\\*+([nrt"/]?)')
_CHARS_PER_ESCAPE: Final = 64
"""What is rarer is replaced one by one, which takes one pass and not one for each escape."""
_UNICODE_ESCAPE: Final = re.compile(r"\\u[0-9a-fA-F]{4}")

_UNSEEN: Final = (
    "\u00ad\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
_SPACES: Final = "\u00a0\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_DASHES: Final = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
_ZEROS: Final = (
    "\u0660\u06f0\u07c0\u0966\u09e6\u0a66\u0ae6\u0b66\u0be6\u0c66\u0ce6\u0d66\u0de6\u0e50\u0ed0\u0f20"
    "\u1040\u1090\u17e0\u1810\u1946\u19d0\u1a80\u1a90\u1b50\u1bb0\u1c40\u1c50\ua620\ua8d0\ua900\ua9d0"
    "\ua9f0\uaa50\uabf0\uff10"
)
"""The zero of each script that has digits of its own; its nine follow it."""
_RARE: Final = {
    **dict.fromkeys(range(0x0300, 0x0370), ""),
    **{0xFF01 + offset: chr(0x21 + offset) for offset in range(94)},
    **{ord(zero) + value: str(value) for zero in _ZEROS for value in range(10)},
}
"""Accents on their own, full-width letters and signs, digits of other scripts. An accent goes: NFC would join it to its
letter, but a run of them costs its square."""
_HARMLESS: Final = {0xFEE0 + ord(char) for char in "!\"#$%&'()*,./:;<=>?[\\]^_`{|}~"}
"""Full-width punctuation alone is common in Chinese and Japanese and hides nothing."""
_COMMON: Final = {
    **dict.fromkeys(map(ord, _UNSEEN), ""),
    **dict.fromkeys(map(ord, _SPACES), " "),
    **dict.fromkeys(map(ord, _DASHES), "-"),
}
_DOTTED_I: Final = 0x0130
"""The one letter whose lower case is two characters."""

_IS_COMMON, _IS_RARE, _IS_GONE, _IS_CAPITAL, _IS_DOTTED = 1, 2, 4, 8, 16
_UNIT: Final = np.dtype("<u2")
_BLOCK_UNITS: Final = 16_384
"""Looked up at once: numpy makes eight bytes of each, which are to stay in the processor's cache."""

_Number = TypeVar("_Number", np.uint8, np.uint16)


class PlainText(Struct, frozen=True, kw_only=True):
    """A text as people read it.

    text   the very text where nothing hides in it
    lower  the same in UTF-8, its letters beyond ASCII in lower case
    """

    text: str
    lower: bytes


def plain_text(text: str) -> PlainText:
    """The text with escapes undone and look-alikes replaced."""
    if "\\" in text:
        text = _unescaped(text)
    return PlainText(text=text, lower=text.encode()) if text.isascii() else _folded(text)


def _unescaped(text: str) -> str:
    """Escaped once or several times over, as JSON within JSON is."""
    if text.count("\\") * _CHARS_PER_ESCAPE <= len(text) and "\\u" not in text:
        return _ESCAPED.sub(_plain_escape, text)
    while "\\\\" in text:
        text = text.replace("\\\\", "\\")
    if _UNICODE_ESCAPE.search(text):
        # the codec would take \U, as in C:\Users, for a longer escape
        data = text.replace("\\U", "\\ U").encode("raw_unicode_escape")
        text = data.decode("raw_unicode_escape", "ignore")
    for escape, plain in _ESCAPES.items():
        text = text.replace(escape, plain)
    return text


def _plain_escape(found: re.Match[str]) -> str:
    escape = f"\\{found[1]}"
    return _ESCAPES.get(escape, escape)


def _folded(text: str) -> PlainText:
    """Whole texts at once, by tables: to look for each of these characters would take a pass each."""
    units = np.frombuffer(text.encode("utf-16-le", "surrogatepass"), _UNIT)
    found = 0
    for start in range(0, len(units), _BLOCK_UNITS):
        found |= int(np.bitwise_or.reduce(_KINDS.take(units[start : start + _BLOCK_UNITS])))
    if found & (_IS_COMMON | _IS_RARE):
        if found & _IS_GONE:
            units = units[(_taken(_KINDS, units) & _IS_GONE) == 0]
        units = _taken(_ALL_PLAIN if found & _IS_RARE else _COMMON_PLAIN, units)
        text = _text_of(units)
    lower = text
    if found & _IS_CAPITAL:
        lower = text.lower() if found & _IS_DOTTED else _text_of(_taken(_LOWER, units))
    return PlainText(text=text, lower=lower.encode("utf-8", "surrogatepass"))


def _taken(table: NDArray[_Number], units: NDArray[np.uint16]) -> NDArray[_Number]:
    """What the table has for each unit."""
    taken = np.empty(len(units), table.dtype)
    for start in range(0, len(units), _BLOCK_UNITS):
        end = start + _BLOCK_UNITS
        table.take(units[start:end], out=taken[start:end], mode="clip")
    return taken


def _text_of(units: NDArray[np.uint16]) -> str:
    return units.tobytes().decode("utf-16-le", "surrogatepass")


def _table(plain: dict[int, str]) -> NDArray[np.uint16]:
    """What each unit of UTF-16 becomes; that it goes is told by its kind."""
    table = np.arange(0x10000, dtype=_UNIT)
    for point, char in plain.items():
        table[point] = ord(char or " ")
    return table


def _kinds() -> NDArray[np.uint8]:
    kinds = np.zeros(0x10000, np.uint8)
    kinds[list(_COMMON)] |= _IS_COMMON
    kinds[list(_RARE.keys() - _HARMLESS)] |= _IS_RARE
    kinds[[point for point, char in (_COMMON | _RARE).items() if not char]] |= _IS_GONE
    kinds[list(_LOWER_CASE)] |= _IS_CAPITAL
    kinds[_DOTTED_I] |= _IS_CAPITAL | _IS_DOTTED
    return kinds


_LOWER_CASE: Final = {
    point: lower for point in range(0x80, 0x10000) if (lower := chr(point).lower()) != chr(point) and point != _DOTTED_I
}
_COMMON_PLAIN: Final = _table(_COMMON)
_ALL_PLAIN: Final = _table(_COMMON | _RARE)
_LOWER: Final = _table(_LOWER_CASE)
_KINDS: Final = _kinds()
