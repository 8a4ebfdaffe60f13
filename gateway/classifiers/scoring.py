"""What evaluation and calibration ask of a model, whatever its kind, and rows with what it said of them."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Generic, Protocol, TypeVar

from msgspec import Struct

from gateway.classifiers.linear import LinearClassifier
from gateway.classifiers.outcomes import Row
from gateway.domain.classification import Classification
from gateway.domain.request import ChatRequest
from gateway.domain.signals import Signals, measure


class ModelCard(Struct, frozen=True, kw_only=True):
    """What a model says of itself.

    weights        feature → log-odds at value 1; above 0 speaks for the small tier
    reads_answers  it can judge the small model's answer, for cascades
    """

    name: str
    version: str
    provenance: str
    bias: float
    weights: Mapping[str, float]
    reads_answers: bool = False


class Scorer(Protocol):
    """A model under test."""

    @property
    def card(self) -> ModelCard: ...

    def score(self, request: ChatRequest, signals: Signals, answer: str | None) -> Classification:
        """`answer`: the small model's, where there is one to judge; None before it has answered."""
        ...


class PromptScorer:
    """`Scorer` of a linear classifier, which looks at the request alone."""

    def __init__(self, classifier: LinearClassifier) -> None:
        self._classifier = classifier

    @property
    def card(self) -> ModelCard:
        model = self._classifier.model
        return ModelCard(
            name=model.name, version=model.version, provenance=model.provenance, bias=model.bias, weights=model.weights
        )

    def score(self, request: ChatRequest, signals: Signals, answer: str | None) -> Classification:  # noqa: ARG002
        return self._classifier.classify(request, signals)


R_co = TypeVar("R_co", bound=Row, covariant=True)


class Scored(Struct, Generic[R_co], frozen=True, kw_only=True):
    """A row and the verdict on it; `microseconds`: to measure and score it, in this process."""

    row: R_co
    signals: Signals
    classification: Classification
    microseconds: float


_AnyRow = TypeVar("_AnyRow", bound=Row)


def score_rows(
    rows: Iterable[_AnyRow],
    scorer: Scorer,
    *,
    cascade: bool = False,
    clock_ns: Callable[[], int] = time.perf_counter_ns,
) -> Iterator[Scored[_AnyRow]]:
    """Each row's verdict, in order. `cascade`: the small model's answer is shown to the scorer."""
    for row in rows:
        answer = row.small_answer if cascade else None
        started_ns = clock_ns()
        signals = measure(row.request)
        classification = scorer.score(row.request, signals, answer)
        microseconds = (clock_ns() - started_ns) / 1_000
        yield Scored(row=row, signals=signals, classification=classification, microseconds=microseconds)
