"""Linear heads over named features, shapes and hashed n-grams: a verdict is a sum, and the sum is its explanation."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Final, Literal

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray

from gateway.classifiers.features import Features
from gateway.classifiers.ngrams import SLOT_BITS, NGrams
from gateway.domain.classification import Contribution, Task

LARGEST_LOG_ODDS: Final = 3.0
"""No feature and no word may say more than this, so no trick of wording can carry a verdict alone."""
FURTHEST: Final = 3.0
"""An amount counts for at most so many standard deviations from what is usual."""
WORDS_NAMED: Final = 2
"""So many words and pairs, the weightiest, are named where the model knows them; all others are one contribution."""
TASK_SLOT_BITS: Final = 15

_TASK_SHIFT: Final = np.uint32(SLOT_BITS - TASK_SLOT_BITS)
OTHER_WORDS: Final = "other words"
LETTERS: Final = "letter groups"

Text = Literal["ask", "instruction"]
"""What n-grams are of: the whole ask, or what of it asks."""
_Floats = NDArray[np.float32]


class Amounts(Struct, frozen=True, eq=False):
    """What amounts are usual, and what more of each says; arrays of shape (names,).

    weights  log-odds a standard deviation
    """

    names: tuple[str, ...]
    means: NDArray[np.float64]
    scales: NDArray[np.float64]
    weights: NDArray[np.float64]

    def shares(self, amounts: Sequence[float]) -> Iterator[tuple[str, float]]:
        """Each amount's name and log-odds."""
        return zip(self.names, (standardised(amounts, self.means, self.scales) * self.weights).tolist(), strict=True)


def standardised(amounts: ArrayLike, means: NDArray[np.float64], scales: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far amounts are from what is usual, in standard deviations; at most FURTHEST."""
    away = (np.asarray(amounts, np.float64) - means) / scales
    return np.minimum(np.maximum(away, -FURTHEST), FURTHEST)


class Head(Struct, frozen=True, eq=False, kw_only=True):
    """The weights of one verdict, all in log-odds for the small tier.

    bias      of a text of which nothing is known
    features  named feature → weight at value 1
    shape     None where the model does not look at them
    callers   'app NAME' or 'team NAME' → weight
    ngrams    text that is read → weights of shape (kinds * slots,)
    words     the words and pairs that explanations may name
    """

    bias: float
    features: Mapping[str, float]
    shape: Amounts | None
    callers: Mapping[str, float]
    ngrams: Mapping[Text, _Floats]
    words: frozenset[str]

    def shares(
        self, features: Features, shape: Sequence[float], callers: Sequence[str], ngrams: Mapping[Text, NGrams]
    ) -> Iterator[tuple[str, float]]:
        """What each part adds; with the bias they sum to the log-odds. A word may come once for each text."""
        weights = self.features
        for feature, value in features.items():
            if (weight := weights.get(feature)) is not None:
                yield feature, weight * value
        if self.shape is not None:
            yield from self.shape.shares(shape)
        for caller in callers:
            yield caller, self.callers.get(caller, 0.0)
        for text, table in self.ngrams.items():
            yield from ngram_shares(table, ngrams[text], self.words)

    def knows(self, ngrams: Mapping[Text, NGrams]) -> float:
        """The share of the words that were in the training rows; of a text without words, 0."""
        text, table = next(iter(self.ngrams.items()))
        words = ngrams[text].counts[0]
        return int(np.count_nonzero(table.take(ngrams[text].slots[:words]))) / words if words else 0.0


def capped(shares: Iterable[tuple[str, float]]) -> list[Contribution]:
    """Each name once, none of them 0, and none beyond LARGEST_LOG_ODDS."""
    sums: dict[str, float] = {}
    for name, share in shares:
        sums[name] = sums.get(name, 0.0) + share
    return [
        Contribution(name, share if abs(share) <= LARGEST_LOG_ODDS else math.copysign(LARGEST_LOG_ODDS, share))
        for name, share in sums.items()
        if share
    ]


def ngram_shares(table: _Floats, ngrams: NGrams, known: Set[str]) -> Iterator[tuple[str, float]]:
    """The weightiest words and pairs by name, all others as one, and the groups of letters as one.

    Together they say no more than LARGEST_LOG_ODDS.

    table  shape (kinds * slots,)
    known  what may be named
    """
    weights = table.take(ngrams.slots)
    words, pairs, _ = ngrams.counts
    scales = ngrams.scales
    said = [
        float(np.add.reduce(weights[:words])) * scales[0],
        float(np.add.reduce(weights[words : words + pairs])) * scales[1],
        float(np.add.reduce(weights[words + pairs :])) * scales[2],
    ]
    shrunk = LARGEST_LOG_ODDS / size if (size := abs(math.fsum(said))) > LARGEST_LOG_ODDS else 1.0
    rest = (said[0] + said[1]) * shrunk
    yield LETTERS, said[2] * shrunk
    if known:
        for place in _weightiest(weights[:words]):
            if (word := ngrams.word(place)) in known:
                rest -= (share := weights.item(place) * scales[0] * shrunk)
                yield f"word {word!r}", share
        for place in _weightiest(weights[words : words + pairs]):
            if (pair := ngrams.pair(place)) in known:
                rest -= (share := weights.item(words + place) * scales[1] * shrunk)
                yield f"words {pair!r}", share
    yield OTHER_WORDS, rest


def _weightiest(shares: _Floats) -> list[int]:
    if len(shares) <= WORDS_NAMED:
        return list(range(len(shares)))
    sizes = np.absolute(shares)
    places = []
    for _ in range(WORDS_NAMED):  # twice as fast as to partition them
        places.append(int(sizes.argmax()))
        sizes[places[-1]] = -1.0
    return places


class TaskHead(Struct, frozen=True, eq=False, kw_only=True):
    """Tells the task: the one with the highest sum.

    tasks     the order of all last axes
    bias      shape (tasks,)
    features  named feature → its score for each task, shape (tasks,)
    ngrams    of the instruction, in steps of eight bits: half a megabyte a kind is in memory, not two;
              shape (kinds * 2 ** TASK_SLOT_BITS, tasks)
    steps     what one step is worth, shape (tasks,)
    """

    tasks: tuple[Task, ...]
    bias: _Floats
    features: Mapping[str, _Floats]
    ngrams: NDArray[np.int8]
    steps: _Floats

    def task_of(self, features: Features, ngrams: NGrams) -> Task:
        rows = self.ngrams.take(ngrams.slots >> _TASK_SHIFT, axis=0).astype(np.float32)
        scores = ngrams.shares @ rows * self.steps + self.bias
        for feature, value in features.items():
            if (weights := self.features.get(feature)) is not None:
                scores += weights if value == 1.0 else weights * np.float32(value)
        return self.tasks[int(scores.argmax())]
