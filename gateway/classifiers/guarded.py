"""A classifier that fails no request: where the one inside breaks there is no evidence, so the default applies."""

import logging
import math
from typing import Final

from gateway.domain.answer import Answer
from gateway.domain.classification import Classification
from gateway.domain.request import NOBODY, Caller, ChatRequest
from gateway.domain.signals import Signals
from gateway.ports import Classifier

_log = logging.getLogger(__name__)

BROKEN: Final = Classification(task="chat", small_ok=0.0, confidence=0.0, has_evidence=False, model="error")
"""What is said then; records show it."""


class GuardedClassifier:
    """Implements `ports.Classifier` over another, whose faults it logs without a word of the request."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier

    @property
    def judges_answers(self) -> bool:
        return self._classifier.judges_answers

    def classify(self, request: ChatRequest, signals: Signals, caller: Caller = NOBODY) -> Classification:
        try:
            said = self._classifier.classify(request, signals, caller)
        except Exception as exc:  # noqa: BLE001 (a request must not fail for what only helps to route it)
            return _broken("classified", exc)
        return said if math.isfinite(said.small_ok) else _broken("classified", None)

    def judge(self, answer: Answer, request: ChatRequest, signals: Signals, caller: Caller = NOBODY) -> Classification:
        try:
            said = self._classifier.judge(answer, request, signals, caller)
        except Exception as exc:  # noqa: BLE001 (as above: the large model then answers)
            return _broken("judged", exc)
        return said if math.isfinite(said.small_ok) else _broken("judged", None)


def _broken(what: str, exc: Exception | None) -> Classification:
    why = "its probability is not a number" if exc is None else type(exc).__qualname__
    _log.error("a request could not be %s: %s", what, why)
    return BROKEN
