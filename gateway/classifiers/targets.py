"""What is learned of labelled rows: the gain, and beside it how their category fares and how long their answers are.

The gain of a row is 1 where only the large model was right, -1/2 where only the small one was, and 0 elsewhere: one
noisy draw. The mean gain of a category is of many, and a long answer takes many steps. A request comes with neither,
but its words foretell both. Each is a target of the same regression, so that their predictions are linear in the same
columns, and what is said of a request, a weighted sum of them, is too.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec import Struct

from gateway.classifiers.examples import Example
from gateway.classifiers.ridge import Floats, Solution

CATEGORY_ROWS_MIN: Final = 50
"""Categories of fewer rows count as one."""

_ONLY_SMALL: Final = -0.5
_PRIOR_ROWS: Final = 20
"""The mean of a category is taken together with so many rows of the mean of all."""


class Mix(Struct, frozen=True):
    """What counts how much.

    category  of the prediction, so much is by category: how likely each is, times its mean gain; the rest is the gain's
    length    of the answer, for a standard deviation: so many standard deviations of the gain
    """

    category: float = 0.0
    length: float = 0.0


class Targets:
    """The columns to fit, and what their predictions come to."""

    def __init__(self, examples: Sequence[Example], *, categories: bool = True, lengths: bool = True) -> None:
        """`categories`, `lengths`: whether they may count, if the rows have them."""
        gains = [each.row.large_correct - each.row.small_correct for each in examples]
        self._gains = np.where(np.less(gains, 0), _ONLY_SMALL, gains).astype(np.float32)
        groups, own = _groups([each.row.category if categories else "" for each in examples])
        self._own = np.asarray(own)
        length = _answer_length(examples) if lengths else None
        self.has_categories = groups > 1
        self.has_lengths = length is not None
        columns = [self._gains] if length is None else [self._gains, self._gains.std() * length]
        if self.has_categories:
            columns.extend(np.eye(groups, dtype=np.float32)[:, self._own])
        self.columns: Floats = np.column_stack(columns)
        """The gain, the length of the answer, and for each category 1 where the row is of it; shape (rows, outputs)."""

    def mixed(self, solution: Solution, mix: Mix) -> Solution:
        """Of one output, for the solution of `columns`. What is said of a row left out has no part of its own gain."""
        sums = np.bincount(self._own, self._gains) + _PRIOR_ROWS * self._gains.mean()
        rows = np.bincount(self._own) + _PRIOR_ROWS
        weights = [1.0 - mix.category, mix.length] if self.has_lengths else [1.0 - mix.category]
        own_category = np.arange(len(self._own)), len(weights) + self._own
        if self.has_categories:
            weights.extend(mix.category * sums / rows)
        counts = np.array(weights, np.float32)[:, None]
        left_out = solution.left_out @ counts
        if self.has_categories:
            without = (sums[self._own] - self._gains) / (rows[self._own] - 1)
            left_out[:, 0] += mix.category * solution.left_out[own_category] * (without - (sums / rows)[self._own])
        return Solution(mean=solution.mean @ counts, rows=solution.rows @ counts, left_out=left_out)


def _groups(categories: Sequence[str]) -> tuple[int, list[int]]:
    """How many groups there are, and the number of each row's."""
    having = Counter(categories)
    names = [name if having[name] >= CATEGORY_ROWS_MIN else "" for name in categories]
    numbers = {name: number for number, name in enumerate(sorted(set(names)))}
    return len(numbers), [numbers[name] for name in names]


def _answer_length(examples: Sequence[Example]) -> Floats | None:
    """Of the large model's answers where all rows have one, else of the small one's, in standard deviations."""
    for answers in ([each.row.large_answer for each in examples], [each.row.small_answer for each in examples]):
        lengths = np.log1p([len(answer or "") for answer in answers])
        if lengths.all() and (deviation := lengths.std()) > 0.0:
            return np.asarray((lengths - lengths.mean()) / deviation, np.float32)
    return None
