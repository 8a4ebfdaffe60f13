r"""A text as people read it: JSON's escapes undone, look-alikes of ASCII replaced, what is not seen left out.

Only what is common: mathematical alphabets, letters of other scripts that look Latin, HTML entities, percent signs,
base64 and decomposed kana stay as they are. Where a Windows path has a part that begins with n, r or t, this part
loses its first letter, as `\n`, `\r` and `\t` are more often white space.
"""

import re
from typing import Final

_ESCAPES: Final = (("\\n", "\n"), ("\\r", "\n"), ("\\t", "\t"), ('\\"', '"'), ("\\/", "/"))
_UNICODE_ESCAPE: Final = re.compile(r"\\u[0-9a-fA-F]{4}")

_UNSEEN: Final = (
    "\u00ad\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
_SPACES: Final = "\u00a0\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_DASHES: Final = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
_COMMON: Final = (
    *((char, "") for char in _UNSEEN),
    *((space, " ") for space in _SPACES),
    *((dash, "-") for dash in _DASHES),
)
"""What many texts have some of: each is found at memory speed."""

_ZEROS: Final = (
    "\u0660\u06f0\u07c0\u0966\u09e6\u0a66\u0ae6\u0b66\u0be6\u0c66\u0ce6\u0d66\u0de6\u0e50\u0ed0\u0f20"
    "\u1040\u1090\u17e0\u1810\u1946\u19d0\u1a80\u1a90\u1b50\u1bb0\u1c40\u1c50\ua620\ua8d0\ua900\ua9d0"
    "\ua9f0\uaa50\uabf0\uff10"
)
"""The zero of each script that has digits of its own; its nine follow it."""
_RARE: Final = re.compile(
    "[{}\u0300-\u036f\uff0b\uff0d\uff20-\uff3a\uff41-\uff5a]".format(
        "".join(f"{zero}-{chr(ord(zero) + 9)}" for zero in _ZEROS)
    )
)
"""Digits of other scripts, accents on their own, full-width letters and signs; full-width punctuation alone is common
in Chinese and Japanese and hides nothing."""
_PLAIN: Final[dict[int, str | None]] = {
    **dict.fromkeys(range(0x0300, 0x0370)),
    **{0xFF01 + offset: chr(0x21 + offset) for offset in range(94)},
    **{ord(zero) + value: str(value) for zero in _ZEROS for value in range(10)},
}
"""An accent on its own goes: NFC would join it to its letter, but a run of them costs its square."""


def plain_text(text: str) -> str:
    """The text with escapes undone and look-alikes replaced; the same text where it has neither."""
    if "\\" in text:
        text = _unescaped(text)
    return text if text.isascii() else _folded(text)


def _unescaped(text: str) -> str:
    """Escaped once or several times over, as JSON within JSON is."""
    while "\\\\" in text:
        text = text.replace("\\\\", "\\")
    if _UNICODE_ESCAPE.search(text):
        # the codec would take \U, as in C:\Users, for a longer escape
        data = text.replace("\\U", "\\ U").encode("raw_unicode_escape")
        text = data.decode("raw_unicode_escape", "ignore")
    for escape, plain in _ESCAPES:
        text = text.replace(escape, plain)
    return text


def _folded(text: str) -> str:
    for char, plain in _COMMON:
        if char in text:
            text = text.replace(char, plain)
    return text if _is_latin(text) or _RARE.search(text) is None else text.translate(_PLAIN)


def _is_latin(text: str) -> bool:
    """At memory speed, as most texts of Western Europe need no more."""
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True
