"""The head that judges the small model's answers, for cascades: what was learned from answers."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from gateway.classifiers.answer_amounts import answer_amounts
from gateway.classifiers.heads import Amounts, Head, ngram_shares
from gateway.classifiers.ngrams import ngrams_of
from gateway.classifiers.view import View, text_view
from gateway.domain.answer import Answer

_NONE: Final[frozenset[str]] = frozenset()
"""No word of an answer is named: explanations are kept, answers are not."""


class AnswerHead(Struct, frozen=True, eq=False, kw_only=True):
    """Weights in log-odds for the small model's answer.

    ask      the part that looks at the request; trained together with the others
    amounts  of ANSWER_AMOUNTS
    ngrams   of the answer; shape (kinds * slots,)
    """

    ask: Head
    amounts: Amounts
    ngrams: NDArray[np.float32]

    def shares(self, answer: Answer, view: View) -> Iterator[tuple[str, float]]:
        """What was learned from answers adds to what the ask says."""
        text = text_view(answer.text).text
        for name, share in self.amounts.shares(answer_amounts(text, view.text, answer.logprob)):
            yield f"answer: {name}", share
        for name, share in ngram_shares(self.ngrams, ngrams_of(text), _NONE):
            yield f"answer: {name}", share
