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
_SPACE, _LETTER, _SINGLE, _KINDS = 0, 1, 2, 3
_TURNS: Final = [(before, after) for before in range(_KINDS) for after in range(_KINDS)]
_STARTS: Final = np.array([after == _SINGLE or (after == _LETTER != before) for before, after in _TURNS])
"""By the kinds of two neighbours, before * _KINDS + after: a word starts with the second."""
_ENDS: Final = np.array([before == _SINGLE or (before == _LETTER != after) for before, after in _TURNS])
"""A word ends with the first."""
_PRIME: Final = 0x0100_0193
_WORD = 1 << 32

_U = np.uint32
_Hashes = NDArray[np.uint32]
_NEXT_KIND: Final = _U(1 << SLOT_BITS)
_FIRST_SLOTS: Final = np.array([_NEXT_KIND, 2 * _NEXT_KIND], _U)
"""Of pairs and of letters."""
_TURN: Final = np.uint8(_KINDS)
_PAIR_FACTOR, _TWO_FACTOR, _FOUR_FACTOR = _U(0x27D4_EB2F), _U(0x0001_F35D), _U(0x3C6E_F35F)
_MIX_FACTORS: Final = _U(0x9E37_79B1), _U(0x85EB_CA77)
_MIX_SHIFT, _SLOT_SHIFT = _U(15), _U(32 - SLOT_BITS)


class NGrams(Struct, frozen=True, eq=False):
    """What a text is made of.

    text    the view that was looked at, with a space at either end
    starts  the place before each word's first character; shape (words,)
    ends    the place of its last
    counts  how many different ones there are of each of KINDS
    slots   of all of them, rising: however often a text repeats one, it is there once; shape (n-grams,).
            A kind's slots start at its place in KINDS times 2 ** SLOT_BITS
    shares  what each counts for: one over the square root of how many of its kind there are; shape (n-grams,)
    places  where each stands among all of its text, words before pairs before letters; shape (n-grams,)
    """

    text: str
    starts: NDArray[np.intp]
    ends: NDArray[np.intp]
    counts: tuple[int, int, int]
    slots: NDArray[np.uint32]
    shares: NDArray[np.float32]
    places: NDArray[np.intp]

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
    words = _hashes(points, starts, ends)
    pairs = words[:-1] * _PAIR_FACTOR + words[1:]
    letters = _letters(points)
    slots = _mixed(np.concatenate((words, pairs, letters)))
    slots[len(words) :] += _NEXT_KIND
    slots[len(words) + len(pairs) :] += _NEXT_KIND
    slots, places = _different(slots)
    to_pairs, to_letters = slots.searchsorted(_FIRST_SLOTS).tolist()
    counts = to_pairs, to_letters - to_pairs, len(slots) - to_letters
    shares = np.empty(len(slots), np.float32)
    shares[:to_pairs] = 1.0 / math.sqrt(counts[0] or 1)
    shares[to_pairs:to_letters] = 1.0 / math.sqrt(counts[1] or 1)
    shares[to_letters:] = 1.0 / math.sqrt(counts[2] or 1)
    return NGrams(text, starts, ends, counts, slots, shares, places)


def _different(slots: _Hashes) -> tuple[_Hashes, NDArray[np.intp]]:
    """Each slot once, rising, and a place of it. A mark typed a hundred times says no more than once."""
    places = slots.argsort()
    slots = slots.take(places)
    first = np.empty(len(slots), np.bool_)
    first[:1] = True
    np.not_equal(slots[1:], slots[:-1], out=first[1:])
    return slots[first], places[first]


def _words(points: NDArray[np.uint32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Before the first and at the last character of each word: a run of letters and digits, or one other."""
    kinds = _kinds().take(points, mode="clip")
    turns = kinds[:-1] * _TURN + kinds[1:]
    return _STARTS.take(turns).nonzero()[0], _ENDS.take(turns).nonzero()[0]


def _hashes(points: NDArray[np.uint32], starts: NDArray[np.intp], ends: NDArray[np.intp]) -> _Hashes:
    """A polynomial hash of each word, by differences of one running sum over the whole text."""
    powers, inverses = _powers()
    sums = np.add.accumulate(points * powers[: len(points)], dtype=_U)
    words: _Hashes = (sums.take(ends) - sums.take(starts)) * inverses.take(starts)
    return words


def _letters(points: NDArray[np.uint32]) -> _Hashes:
    """A hash of every four neighbouring characters, spaces among them."""
    twos = points[:-1] * _TWO_FACTOR + points[1:]
    return twos[:-2] * _FOUR_FACTOR + twos[2:]


def _mixed(hashes: _Hashes) -> _Hashes:
    """Their slots, in place; near hashes come to far slots."""
    hashes *= _MIX_FACTORS[0]
    hashes ^= hashes >> _MIX_SHIFT
    hashes *= _MIX_FACTORS[1]
    hashes >>= _SLOT_SHIFT
    return hashes


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
