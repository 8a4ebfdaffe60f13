"""Judges the small model's answer, for cascades: by checks first, then by what was learned from answers."""

from typing import Final

from msgspec.structs import replace

from gateway.classifiers.linear import LinearClassifier, logistic
from gateway.domain.answer import EVERY_CHECK, Answer
from gateway.domain.checks import check
from gateway.domain.classification import Classification, Contribution
from gateway.domain.request import NOBODY, Caller, ChatRequest
from gateway.domain.signals import Signals

FAILED_CHECK: Final = -12.0
"""Log-odds of an answer that fails a check: nothing makes up for it."""


class AnswerJudge:
    """Says whether an answer of the small model is good enough."""

    def __init__(self, classifier: LinearClassifier) -> None:
        self._classifier = classifier

    def judge(self, answer: Answer, request: ChatRequest, signals: Signals, caller: Caller = NOBODY) -> Classification:
        """Weak hints of failure are left to the model. Raises ValueError for a model that judges no answers."""
        verdict = self._classifier.judge(answer, request, signals, caller)
        failures = [each for each in check(answer, request, signals, EVERY_CHECK) if not each.is_weak]
        if not failures:
            return verdict
        small_ok = logistic(FAILED_CHECK)
        return replace(
            verdict,
            small_ok=small_ok,
            confidence=1.0 - 2.0 * small_ok,
            has_evidence=False,
            contributions=tuple(Contribution(f"answer: {each.sentence}", FAILED_CHECK) for each in failures),
        )
