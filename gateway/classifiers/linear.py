"""A linear classifier: each feature adds its weight to the log-odds, so its verdict is its own explanation."""

import math
from collections.abc import Mapping

from msgspec import Struct

from gateway.classifiers.features import FeatureExtractor, Features
from gateway.classifiers.tasks import task_of
from gateway.domain.classification import Classification, Contribution
from gateway.domain.request import ChatRequest
from gateway.domain.signals import Signals

LARGEST_LOG_ODDS = 3.0
"""No feature may say more than this, so no trick of wording can carry a verdict alone."""
CONTRIBUTIONS_SHOWN = 5


class LinearModel(Struct, frozen=True, kw_only=True):
    """The numbers of a linear classifier.

    provenance    where the numbers come from, in a sentence
    bias          log-odds where no feature is present; at most -evidence_min
    evidence_min  log-odds that features must say for the small tier before it is taken as evidence
    weights       feature → log-odds at value 1; above 0 speaks for the small tier
    """

    name: str
    version: str
    provenance: str
    bias: float
    evidence_min: float
    weights: Mapping[str, float]


class LinearClassifier:
    """Implements `ports.Classifier`.

    As the bias is at most -evidence_min, a request without evidence scores below 0: `small_ok` is then below 0.5.
    """

    def __init__(self, model: LinearModel, extractor: FeatureExtractor) -> None:
        self.model = model
        self._extractor = extractor
        self._label = f"{model.name}@{model.version}"

    def classify(self, request: ChatRequest, signals: Signals) -> Classification:
        features = self._extractor.extract(request, signals)
        shares = self._shares(features)
        all_log_odds = [log_odds for log_odds, _ in shares]
        small_ok = _logistic(self.model.bias + math.fsum(all_log_odds))
        return Classification(
            task=task_of(features),
            small_ok=small_ok,
            confidence=abs(2.0 * small_ok - 1.0),
            has_evidence=math.fsum([each for each in all_log_odds if each > 0.0]) >= self.model.evidence_min,
            contributions=_largest_first(shares[:CONTRIBUTIONS_SHOWN]),
            model=self._label,
        )
def _logistic(log_odds: float) -> float:
    if log_odds >= 0.0:
        return 1.0 / (1.0 + math.exp(-log_odds))
    small = math.exp(log_odds)
    return small / (1.0 + small)
