"""What evaluation and calibration ask of a model, whatever its kind, and rows with what it said of them."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Generic, Protocol, TypeVar

import numpy as np
from msgspec import Struct

from gateway.classifiers.judge import AnswerJudge
from gateway.classifiers.known_words import weight_of
from gateway.classifiers.linear import Band, LinearClassifier, Model
from gateway.classifiers.outcomes import Row
from gateway.domain.answer import Answer
from gateway.domain.classification import Classification, Task
from gateway.domain.signals import Signals, measure


class ModelCard(Struct, frozen=True, kw_only=True):
    """What a model says of itself.

    bias           log-odds of a text of which it knows nothing
    weights        named feature, app or team → log-odds at value 1; above 0 speaks for the small tier
    amounts        of shapes and of answers → log-odds a standard deviation
    words          word or pair that it may name → log-odds of a text that is nothing else
    ngrams         n-grams it has a weight for
    tasks          those it tells; none where the shipped model tells them
    known_min, evidence_min, demanding  what makes a verdict count, as in `Model`
    reads_answers  it can judge the small model's answer, for cascades
    history        labelled requests by score, the lowest first
    """

    name: str
    version: str
    digest: str
    provenance: str
    bias: float
    weights: Mapping[str, float]
    amounts: Mapping[str, float]
    words: Mapping[str, float]
    ngrams: int
    tasks: tuple[Task, ...]
    known_min: float
    evidence_min: float
    demanding: tuple[Task, ...]
    reads_answers: bool = False
    history: tuple[Band, ...] = ()


def card_of(model: Model) -> ModelCard:
    shape = model.ask.shape
    amounts = {} if shape is None else dict(zip(shape.names, shape.weights.tolist(), strict=True))
    if model.answer is not None:
        answer = model.answer.amounts
        amounts |= {f"answer: {name}": each for name, each in zip(answer.names, answer.weights.tolist(), strict=True)}
    return ModelCard(
        name=model.name,
        version=model.version,
        digest=model.digest,
        provenance=model.provenance,
        bias=model.ask.bias,
        weights={**model.ask.features, **model.ask.callers},
        amounts=amounts,
        words={
            word: sum(weight_of(word, table) for table in model.ask.ngrams.values()) for word in sorted(model.ask.words)
        },
        ngrams=sum(int(np.count_nonzero(table)) for table in model.ask.ngrams.values()),
        tasks=() if model.task is None else model.task.tasks,
        known_min=model.known_min,
        evidence_min=model.evidence_min,
        demanding=model.demanding,
        reads_answers=model.answer is not None,
        history=model.history,
    )


class Scorer(Protocol):
    """A model under test."""

    @property
    def card(self) -> ModelCard: ...

    def score(self, row: Row, signals: Signals, *, cascade: bool) -> Classification:
        """`cascade`: the row's small answer is judged too."""
        ...


class ModelScorer:
    """`Scorer` of a trained model."""

    def __init__(self, classifier: LinearClassifier) -> None:
        self._classifier = classifier
        self._judge = AnswerJudge(classifier)
        self.card = card_of(classifier.model)

    def score(self, row: Row, signals: Signals, *, cascade: bool) -> Classification:
        if not cascade:
            return self._classifier.classify(row.request, signals, row.caller)
        answer = Answer(text=row.small_answer or "", logprob=row.small_logprob)
        return self._judge.judge(answer, row.request, signals, row.caller)


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
        started_ns = clock_ns()
        signals = measure(row.request)
        classification = scorer.score(row, signals, cascade=cascade)
        microseconds = (clock_ns() - started_ns) / 1_000
        yield Scored(row=row, signals=signals, classification=classification, microseconds=microseconds)
