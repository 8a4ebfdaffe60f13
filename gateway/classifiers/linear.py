"""A linear classifier: each feature adds its weight to the log-odds, so its verdict is its own explanation."""

import math
from collections.abc import Mapping
from operator import itemgetter

from msgspec import Struct

from gateway.classifiers.features import FeatureExtractor, Features
from gateway.classifiers.tasks import task_of
from gateway.domain.classification import Classification, Contribution
from gateway.domain.request import ChatRequest
from gateway.domain.signals import Signals

LARGEST_LOG_ODDS = 3.0
"""No feature may say more than this, so no trick of wording can carry a verdict alone."""
CONTRIBUTIONS_SHOWN = 5

_BY_SIZE = itemgetter(2)


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
        log_odds = [share[1] for share in shares]
        small_ok = _logistic(self.model.bias + math.fsum(log_odds))
        evidence = math.fsum([each for each in log_odds if each > 0.0])
        return Classification(
            task=task_of(features),
            small_ok=small_ok,
            confidence=abs(2.0 * small_ok - 1.0),
            has_evidence=evidence >= self.model.evidence_min,
            contributions=_contributions(shares[:CONTRIBUTIONS_SHOWN]),
            model=self._label,
        )

    def contributions(self, features: Features) -> tuple[Contribution, ...]:
        """What each feature adds to the log-odds, the largest first; with the bias they sum to the score."""
        return _contributions(self._shares(features))

    def _shares(self, features: Features) -> list[tuple[str, float, float]]:
        """Feature, log-odds and how large they are, the largest first; of equals, the feature named first."""
        weights = self.model.weights
        shares: list[tuple[str, float, float]] = []
        for feature, value in features.items():
            if weight := weights[feature]:
                log_odds = weight * value
                size = abs(log_odds)
                if size > LARGEST_LOG_ODDS:
                    size = LARGEST_LOG_ODDS
                    log_odds = math.copysign(size, log_odds)
                shares.append((feature, log_odds, size))
        shares.sort(key=_BY_SIZE, reverse=True)
        return shares


def _contributions(shares: list[tuple[str, float, float]]) -> tuple[Contribution, ...]:
    return tuple([Contribution(feature, log_odds) for feature, log_odds, _ in shares])


def _logistic(log_odds: float) -> float:
    if log_odds >= 0.0:
        return 1.0 / (1.0 + math.exp(-log_odds))
    small = math.exp(log_odds)
    return small / (1.0 + small)
