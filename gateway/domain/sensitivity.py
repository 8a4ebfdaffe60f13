"""Whether a text holds personal data or secrets.

Looks at all of each text, so every pattern is behind a test that most texts fail at memory speed, starts with a literal
or a character class (what precedes it is looked back at, which keeps the scan fast), and repeats only with a bound.
"""

import re
from collections.abc import Iterable
from typing import Literal

Sensitivity = Literal["none", "personal", "secret"]

_SECRETS = (
    ("-", re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----")),
    ("K", re.compile(r"AKIA(?<!\wAKIA)[0-9A-Z]{16}\b")),
    ("-", re.compile(r"sk-(?<!\wsk-)[\w-]{20}")),
    ("_", re.compile(r"gh[pousr]_(?<!\wgh[pousr]_)\w{30}")),
    ("-", re.compile(r"xox[abpr]-(?<!\wxox[abpr]-)[\w-]{10}")),
)
"""A character that must be there, found at memory speed, then the pattern."""

_EMAIL = re.compile(r"@(?<=[\w.+-]@)[\w-]{1,63}\.[a-zA-Z]{2}")
_DIGITS = re.compile(r"\d(?<!\d\d)(?<!\d\.\d)(?:[ -]?\d){12,18}(?!\.?\d)")
_IBAN = re.compile(r"[A-Z](?<!\w[A-Z])[A-Z]\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_FOUR_DIGITS = re.compile(r"\d\d ?\d\d")

_SHAPE = bytes(ord("0") if chr(byte).isdecimal() else ord("A") if 65 <= byte <= 90 else ord(".") for byte in range(256))
"""Each byte as what it is to a card number or an IBAN: a digit, a capital or neither."""
_CARD_SHAPE = b"0" * 13
_IBAN_SHAPE = re.compile(b"AA00")
"""A pattern, which finds so few characters twice as fast as `in` does."""
_ZEROS = (
    "\u0660\u06f0\u07c0\u0966\u09e6\u0a66\u0ae6\u0b66\u0be6\u0c66\u0ce6\u0d66\u0de6\u0e50\u0ed0\u0f20"
    "\u1040\u1090\u17e0\u1810\u1946\u19d0\u1a80\u1a90\u1b50\u1bb0\u1c40\u1c50\ua620\ua8d0\ua900\ua9d0"
    "\ua9f0\uaa50\uabf0\uff10"
)
"""The zero of each script that has digits of its own; its nine follow it."""
_FOREIGN_DIGIT = re.compile("[{}]".format("".join(f"{zero}-{chr(ord(zero) + 9)}" for zero in _ZEROS)))

_LUHN_DOUBLED = bytes.maketrans(b"0123456789", bytes(sum(divmod(digit * 2, 10)) for digit in range(10)))
_LUHN_PLAIN = bytes.maketrans(b"0123456789", bytes(range(10)))


def sensitivity_of(texts: Iterable[str]) -> Sensitivity:
    """The highest sensitivity found in any of the texts; a secret outranks personal data. Looks at all of each text.

    No pattern goes beyond a line, so the texts are looked at as the lines of one.
    """
    text = "\n".join(texts)
    if has_secret(text):
        return "secret"
    return "personal" if has_personal_data(text) else "none"


def has_secret(text: str) -> bool:
    """True where the text holds what looks like a private key or an access token."""
    for char, pattern in _SECRETS:  # noqa: SIM110 - a generator would cost more than what it looks for
        if char in text and pattern.search(text):
            return True
    return False


def has_personal_data(text: str) -> bool:
    """True where the text holds an e-mail address, a card number or an IBAN; checksums must fit."""
    if "@" in text and _EMAIL.search(text):
        return True
    if not _may_hold_a_number(text) or not _FOUR_DIGITS.search(text):
        return False
    return any(_is_card(match[0]) for match in _DIGITS.finditer(text)) or any(
        _is_iban(match[0]) for match in _IBAN.finditer(text)
    )


def _may_hold_a_number(text: str) -> bool:
    """False where no card number or IBAN can be in the text."""
    for digit in "0123456789":
        if digit in text:
            shape = text.encode("utf-8", "surrogatepass").translate(_SHAPE, b" -")
            if _CARD_SHAPE in shape or _IBAN_SHAPE.search(shape):
                return True
            break
    return not text.isascii() and _FOREIGN_DIGIT.search(text) is not None


def _is_card(text: str) -> bool:
    """The Luhn check, on 13 to 19 digits."""
    digits = text.replace(" ", "").replace("-", "")
    if not digits.isascii():
        digits = "".join(str(int(char)) for char in digits)
    backwards = digits.encode()[::-1]
    total = sum(backwards[::2].translate(_LUHN_PLAIN)) + sum(backwards[1::2].translate(_LUHN_DOUBLED))
    return total % 10 == 0 and len(set(digits)) > 1


def _is_iban(text: str) -> bool:
    """ISO 13616's check: moved, read in base 36 and taken modulo 97, it leaves 1."""
    compact = text.replace(" ", "")
    if not 15 <= len(compact) <= 34:
        return False
    return int("".join(str(int(char, 36)) for char in compact[4:] + compact[:4])) % 97 == 1
