"""The text of a virtual key: `sw_live_<random>_<checksum>`, in letters and digits.

The first ten characters of the random part are the key's public id: about 60 bits, so that ids do not collide. The 26
after it are the secret, 155 bits; a listing that shows the last four leaves more than 128 of them.

The checksum is the CRC-32 of all before it. It is no protection, anybody can compute it: it tells a key that was cut
off, mistyped or made up from one that may be known, without a look at any table. It finds every change of one
character wherever it is, every swap of two neighbours, and every change confined to four characters in a row before
it; of anything else, all but one in four thousand million.
Source: https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/
"""

import re
from collections.abc import Callable
from typing import Final
from zlib import crc32

PREFIX: Final = "sw_live_"
ID_LENGTH: Final = 10
RANDOM_LENGTH: Final = 36
DRAWN_BYTES: Final = 43
"""128 bits more than the random part holds: no character is likelier than another by more than 2^-128."""

_CHECKSUM_LENGTH: Final = 6
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS: Final = tuple(high + low for high in _DIGITS for low in _DIGITS)
_ID_END: Final = len(PREFIX) + ID_LENGTH
_RANDOM_END: Final = len(PREFIX) + RANDOM_LENGTH
_LENGTH: Final = _RANDOM_END + 1 + _CHECKSUM_LENGTH
_SHAPE: Final = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{RANDOM_LENGTH}}}_[0-9A-Za-z]{{{_CHECKSUM_LENGTH}}}")


def new_key(draw: Callable[[int], bytes]) -> str:
    """A new key. `draw(n)` gives n random bytes of the system's generator."""
    number = int.from_bytes(draw(DRAWN_BYTES), "big")
    body = PREFIX + _base62(number, RANDOM_LENGTH)
    return f"{body}_{_checksum(body)}"


def claims_to_be_one(text: str) -> bool:
    """It is meant as a virtual key, well-formed or not."""
    return text.startswith(PREFIX)


def parse(text: str) -> str | None:
    """The public id of a well-formed key; None where the text is no such key."""
    if len(text) != _LENGTH or _SHAPE.fullmatch(text) is None:
        return None
    if text[_RANDOM_END + 1 :] != _checksum(text[:_RANDOM_END]):
        return None
    return text[len(PREFIX) : _ID_END]


def last4(text: str) -> str:
    """What a listing shows of a key, for its holder to know it by."""
    return text[-4:]


def _checksum(body: str) -> str:
    """The CRC-32 in base 62, six digits: three times two are looked up."""
    rest, low = divmod(crc32(body.encode()), 62 * 62)
    high, middle = divmod(rest, 62 * 62)
    return _PAIRS[high] + _PAIRS[middle] + _PAIRS[low]


def _base62(number: int, length: int) -> str:
    """The last `length` digits of the number."""
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
