"""Words, pairs of words and groups of four letters of a text, hashed into slots: what is learned beside named features.

Where a language writes no spaces, each of its characters counts as a word.
"""

import math
from functools import cache
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from gateway.classifiers.vocabulary import UNSPACED

KINDS: Final = ("word", "pair of words", "letters")
"""What an n-gram may be, in the order of `NGrams.slots`."""
SLOT_BITS: Final = 16
"""Each kind has 2 ** SLOT_BITS slots of its own."""

_HALF_CHARS: Final = 1_024
_VIEW_CHARS: Final = 2 * _HALF_CHARS + 3
_CODE_POINTS: Final = 0x1_0000
_SPACE, _LETTER, _SINGLE = 0, 1, 2
_LETTER_BIT: Final = np.uint8(1)
"""Of the three kinds of characters, only letters have it."""
_PRIME: Final = 0x0100_0193
_WORD = 1 << 32

_U = np.uint32
_Hashes = NDArray[np.uint32]
_PAIR_FACTOR, _TWO_FACTOR, _FOUR_FACTOR = _U(0x27D4_EB2F), _U(0x0001_F35D), _U(0x3C6E_F35F)
_MIX_FACTORS: Final = _U(0x9E37_79B1), _U(0x85EB_CA77)
_MIX_SHIFT: Final = _U(15)

_PLACE_BITS: Final = 13
"""A view has fewer than 2 ** 13 n-grams, so kind, slot and place stand in one number, and sorting sorts all three."""
_TO_SLOT: Final = _U(_PLACE_BITS)
_TO_KEY: Final = _U(32 - SLOT_BITS - _PLACE_BITS)
_SLOT_MASK: Final = _U(((1 << SLOT_BITS) - 1) << _PLACE_BITS)
_NEXT_KIND: Final = _U(1 << (SLOT_BITS + _PLACE_BITS))
_PLACES: Final = np.arange(1 << _PLACE_BITS, dtype=_U)


class NGrams(Struct, frozen=True, eq=False):
    """What a text is made of.

    text    the view that was looked at, with a space at either end
    starts  the place before each word's first character; shape (words,)
    ends    the place of its last
    counts  how many different ones there are of each of KINDS
    slots   of all of them, rising: however often a text repeats one, it is there once; shape (n-grams,).
            A kind's slots start at its place in KINDS times 2 ** SLOT_BITS
    places  where each stands first among all of its text, words before pairs before letters; shape (n-grams,)
    """

    text: str
    starts: NDArray[np.intp]
    ends: NDArray[np.intp]
    counts: tuple[int, int, int]
    slots: NDArray[np.uint32]
    places: NDArray[np.uint32]

    @property
    def scales(self) -> tuple[float, float, float]:
        """What each of a kind counts for: one over the square root of how many of its kind there are."""
        words, pairs, letters = self.counts
        return 1.0 / math.sqrt(words or 1), 1.0 / math.sqrt(pairs or 1), 1.0 / math.sqrt(letters or 1)

    @property
    def shares(self) -> NDArray[np.float32]:
        """What each counts for; shape (n-grams,)."""
        words, pairs, _ = self.counts
        shares = np.empty(len(self.slots), np.float32)
        shares[:words], shares[words : words + pairs], shares[words + pairs :] = self.scales
        return shares

    def word(self, number: int) -> str:
        """One of the different words, by its number."""
        return self._word_at(self.places.item(number))

    def pair(self, number: int) -> str:
        """One of the different pairs of a word and the next, by its number."""
        place = self.places.item(self.counts[0] + number) - len(self.starts)
        between = " " if self.starts.item(place + 1) > self.ends.item(place) else ""
        return f"{self._word_at(place)}{between}{self._word_at(place + 1)}"

    def _word_at(self, place: int) -> str:
        return self.text[self.starts.item(place) + 1 : self.ends.item(place) + 1]


def ngrams_of(text: str) -> NGrams:
    """Of a normalised text; of a long one its head and its tail, `_VIEW_CHARS` characters in all."""
    if len(text) > _VIEW_CHARS:
        text = f"{text[:_HALF_CHARS]} \n {text[-_HALF_CHARS:]}"
    text = f" {text} "
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), _U)
    starts, ends = _words(points)
    words = len(starts)
    to_letters = words + max(0, words - 1)
    hashes = np.empty(to_letters + max(0, len(points) - 3), _U)
    _hash_words(points, starts, ends, hashes[:words])
    if words > 1:
        _hash_pairs(hashes[:words], hashes[words:to_letters])
    _hash_letters(points, hashes[to_letters:])
    keys, counts = _different(_keys(hashes, words, to_letters), words, to_letters)
    return NGrams(text, starts, ends, counts, keys >> _TO_SLOT, keys & _PLACES[-1])


def _keys(hashes: _Hashes, words: int, to_letters: int) -> _Hashes:
    """Kind, slot and place of each hash in one number, in place; near hashes come to far slots."""
    hashes *= _MIX_FACTORS[0]
    hashes ^= hashes >> _MIX_SHIFT
    hashes *= _MIX_FACTORS[1]
    hashes >>= _TO_KEY
    hashes &= _SLOT_MASK
    hashes += _PLACES[: len(hashes)]
    hashes[words:] += _NEXT_KIND
    hashes[to_letters:] += _NEXT_KIND
    return hashes


def _different(keys: _Hashes, words: int, to_letters: int) -> tuple[_Hashes, tuple[int, int, int]]:
    """Each slot once, rising, with its first place, and how many there are of each kind.

    A mark typed a hundred times says no more than once.
    """
    keys.sort()
    slots = keys >> _TO_SLOT
    first = np.empty(len(keys), np.bool_)
    first[:1] = True
    np.not_equal(slots[1:], slots[:-1], out=first[1:])
    count = np.count_nonzero
    counts = int(count(first[:words])), int(count(first[words:to_letters])), int(count(first[to_letters:]))
    return keys[first], counts


def _words(points: NDArray[np.uint32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Before the first and at the last character of each word: a run of letters and digits, or one other.

    A word starts with every single character, and with a letter that follows none: where a kind is greater than
    whether the one before it is a letter. It ends likewise.
    """
    kinds = _kinds().take(points, mode="clip")
    letters = kinds & _LETTER_BIT
    return (kinds[1:] > letters[:-1]).nonzero()[0], (kinds[:-1] > letters[1:]).nonzero()[0]


def _hash_words(points: NDArray[np.uint32], starts: NDArray[np.intp], ends: NDArray[np.intp], out: _Hashes) -> None:
    """A polynomial hash of each word, by differences of one running sum over the whole text."""
    powers, inverses = _powers()
    sums = (points * powers[: len(points)]).cumsum(dtype=_U)
    np.subtract(sums.take(ends), sums.take(starts), out=out)
    out *= inverses.take(starts)


def _hash_pairs(words: _Hashes, out: _Hashes) -> None:
    np.multiply(words[:-1], _PAIR_FACTOR, out=out)
    out += words[1:]


def _hash_letters(points: NDArray[np.uint32], out: _Hashes) -> None:
    """A hash of every four neighbouring characters, spaces among them."""
    twos = points[:-1] * _TWO_FACTOR
    twos += points[1:]
    np.multiply(twos[:-2], _FOUR_FACTOR, out=out)
    out += twos[2:]


@cache
def _kinds() -> NDArray[np.uint8]:
    """The kind of each code point below 2 ** 16; all above count as the last, a single character."""
    kinds = np.full(_CODE_POINTS, _SINGLE, np.uint8)
    for point in range(_CODE_POINTS - 1):
        character = chr(point)
        if character.isspace():
            kinds[point] = _SPACE
        elif character == "_" or (character.isalnum() and not UNSPACED.match(character)):
            kinds[point] = _LETTER
    return kinds


@cache
def _powers() -> tuple[_Hashes, _Hashes]:
    """Of the prime and of its inverse, modulo 2 ** 32."""
    return _geometric(_PRIME), _geometric(pow(_PRIME, -1, _WORD))


def _geometric(base: int) -> _Hashes:
    powers: list[int] = [1]
    for _ in range(_VIEW_CHARS + 2):
        powers.append(powers[-1] * base % _WORD)
    return np.array(powers, _U)
