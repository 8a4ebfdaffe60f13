r"""A text as people read it: JSON's escapes undone, look-alikes of ASCII replaced, what is not seen left out.

Only what is common: mathematical alphabets, letters of other scripts that look Latin, HTML entities, percent signs,
base64 and decomposed kana stay as they are. Where a Windows path has a part that begins with n, r or t, this part
loses its first letter, as `\n`, `\r` and `\t` are more often white space.
"""

import re
from typing import Final

import re2  # type: ignore[import-untyped]  # it has neither stubs nor hints
from msgspec import Struct

_ESCAPES: Final = {"\\n": "\n", "\\r": "\n", "\\t": "\t", '\\"': '"', "\\/": "/"}
_ESCAPED: Final = re.compile(r'\\\\*+([nrt"/]?)')
_ESCAPE: Final = re.compile(r'\\([nrt"/])')
_CHARS_PER_ESCAPE: Final = 64
"""What is rarer is replaced one by one, which takes one pass and not one for each escape."""
_UNICODE_ESCAPE: Final = re.compile(r"\\u[0-9a-fA-F]{4}")
_BACKSLASHES: Final = re.compile(r"\\\\*+(?:u([0-9a-fA-F]{0,4})|U)?")
_CHARS_OF_AN_ESCAPE: Final = 4

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
_COMMON: Final = {
    **dict.fromkeys(_UNSEEN, ""),
    **dict.fromkeys(_SPACES, " "),
    **dict.fromkeys(_DASHES, "-"),
}
_RARE: Final = "[{}\u0300-\u036f\uff0b\uff0d\uff20-\uff3a\uff41-\uff5a]".format(
    "".join(f"{zero}-{chr(ord(zero) + 9)}" for zero in _ZEROS)
)
"""Digits of other scripts, accents on their own, full-width letters and signs; full-width punctuation alone is common
in Chinese and Japanese and hides nothing."""
_PLAIN: Final = {
    **dict.fromkeys(map(chr, range(0x0300, 0x0370)), ""),
    **{chr(0xFF01 + offset): chr(0x21 + offset) for offset in range(94)},
    **{chr(ord(zero) + value): str(value) for zero in _ZEROS for value in range(10)},
}
"""An accent on its own goes: NFC would join it to its letter, but a run of them costs its square."""
_PLAIN_TABLE: Final = str.maketrans(_PLAIN)
_FEW: Final = 16
"""So many different characters are replaced one by one, each at memory speed."""
_PLAIN_CHAR: Final = re.compile("[{}]".format("".join(_PLAIN)))
_NEARLY_ASCII: Final = "\u0130\u212a"
"""The dotted capital I and the Kelvin sign: all that is no ASCII but has some in lower case."""
_ASCII: Final = bytes(range(128))


class PlainText(Struct, frozen=True, kw_only=True):
    """A text as people read it.

    text  the very text where nothing hides in it
    data  the same in UTF-8, with those letters in lower case whose lower case is ASCII
    """

    text: str
    data: bytes


def plain_text(text: str) -> PlainText:
    """The text with escapes undone and look-alikes replaced."""
    if "\\" in text:
        text = _unescaped(text)
    return PlainText(text=text, data=text.encode()) if text.isascii() else _folded(text)


def _unescaped(text: str) -> str:
    """Escaped once or several times over, as JSON within JSON is."""
    is_coded = "\\u" in text and _UNICODE_ESCAPE.search(text) is not None
    if text.count("\\") * _CHARS_PER_ESCAPE <= len(text):
        return (
            _ESCAPE.sub(_plain_escape, _BACKSLASHES.sub(_char, text)) if is_coded else _ESCAPED.sub(_plain_escape, text)
        )
    while "\\\\" in text:
        text = text.replace("\\\\", "\\")
    if is_coded:
        # the codec would take \U, as in C:\Users, for a longer escape
        data = text.replace("\\U", "\\ U").encode("raw_unicode_escape")
        text = data.decode("raw_unicode_escape", "ignore")
    for escape, plain in _ESCAPES.items():
        text = text.replace(escape, plain)
    return text


def _char(found: re.Match[str]) -> str:
    """What the codec makes of an escape, or of one that is cut short."""
    digits = found[1]
    if digits is None:
        return "\\ U" if found[0][-1] == "U" else "\\"
    return chr(int(digits, 16)) if len(digits) == _CHARS_OF_AN_ESCAPE else ""


def _plain_escape(found: re.Match[str]) -> str:
    escape = f"\\{found[1]}"
    return _ESCAPES.get(escape, escape)


def _folded(text: str) -> PlainText:
    """One look at all that is not ASCII tells which of the characters that hide something are there."""
    data = text.encode("utf-8", "surrogatepass")
    beyond = data.translate(None, _ASCII)
    found = _HIDING.Match(beyond) or range(len(_COMMON) + _FIRST)
    if len(found) == 1:
        return PlainText(text=text, data=data)
    for place in found:
        if place >= _FIRST:
            text = text.replace(*_REPLACED[place - _FIRST])
    if _IS_RARE in found:
        text = _without_rare(text, set(_PLAIN_CHAR.findall(beyond.decode("utf-8", "surrogatepass"))))
    lower = text
    if _IS_NEARLY_ASCII in found:
        for char in _NEARLY_ASCII:
            lower = lower.replace(char, char.lower())
    return PlainText(text=text, data=lower.encode("utf-8", "surrogatepass"))


def _without_rare(text: str, chars: set[str]) -> str:
    if len(chars) > _FEW:
        return text.translate(_PLAIN_TABLE)
    for char in chars:
        text = text.replace(char, _PLAIN[char])
    return text


def _compile(*patterns: str) -> re2.Set:
    """A match yields the places of all patterns that are in a text; none where RE2 ran out of memory."""
    options = re2.Options()
    options.never_capture = True
    options.log_errors = False
    patterns_found = re2.Set.SearchSet(options)
    for pattern in patterns:
        patterns_found.Add(pattern)
    patterns_found.Compile()
    return patterns_found


_IS_RARE, _IS_NEARLY_ASCII, _FIRST = 1, 2, 3
_REPLACED: Final = tuple(_COMMON.items())
_HIDING: Final = _compile(r"\A", _RARE, f"[{_NEARLY_ASCII}]", *_COMMON)
