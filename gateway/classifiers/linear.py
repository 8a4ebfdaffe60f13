"""A linear classifier: everything it looks at adds to the log-odds, so its verdict is its own explanation."""

import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Final

from msgspec import Struct

from gateway.classifiers.answer_head import AnswerHead
from gateway.classifiers.curve import Curve
from gateway.classifiers.features import COURTESY, FeatureExtractor, Features
from gateway.classifiers.heads import Head, TaskHead, Text, capped
from gateway.classifiers.ngrams import NGrams, ngrams_of
from gateway.classifiers.shapes import shape_of
from gateway.classifiers.view import View, view_of
from gateway.domain.answer import Answer
from gateway.domain.classification import Classification, Contribution, History, Task
from gateway.domain.courtesy import is_assent
from gateway.domain.request import NOBODY, Caller, ChatRequest
from gateway.domain.signals import Signals

CONTRIBUTIONS_SHOWN: Final = 5


class Band(Struct, frozen=True, array_like=True):
    """Labelled requests of like score.

    log_odds_max  the highest log-odds among them, read off the curve
    rows          how many there were
    right         how often the small model was right
    """

    log_odds_max: float
    rows: int
    right: int


class Model(Struct, frozen=True, eq=False, kw_only=True):
    """A trained model, as its file holds it.

    provenance    where its numbers come from, in a sentence
    digest        SHA-256 of the file, the first 12 hexadecimal digits
    known_min     the share of a text's words that must be known; below it there is no evidence
    evidence_min  how far above `ask.bias` a score must be to count as evidence for the small tier
    demanding     tasks that the small model rarely gets right: a request of one of them has no evidence
    ask           judges requests; its sums are read off `ask_curve`
    answer        judges the small model's answers, read off `answer_curve`; None where it was not trained to
    task          None where its rows named no tasks
    history       of the training rows, each scored by a model that had not seen it; the lowest scores first
    """

    name: str
    version: str
    provenance: str
    digest: str
    known_min: float
    evidence_min: float
    demanding: tuple[Task, ...]
    ask: Head
    ask_curve: Curve
    answer: AnswerHead | None
    answer_curve: Curve
    task: TaskHead | None
    history: tuple[Band, ...]

    @property
    def label(self) -> str:
        return f"{self.name}@{self.version}+{self.digest}"


class LinearClassifier:
    """Implements `ports.Classifier`.

    task  used where the model tells no tasks itself
    """

    def __init__(self, model: Model, extractor: FeatureExtractor, task: TaskHead) -> None:
        self.model = model
        self._extractor = extractor
        self._task = model.task or task
        ngrams_of("")  # the tables of its hashing are made once, and not by the first request

    @property
    def judges_answers(self) -> bool:
        return self.model.answer is not None

    def classify(self, request: ChatRequest, signals: Signals, caller: Caller = NOBODY) -> Classification:
        return self._verdict(request, signals, caller, None)

    def judge(self, answer: Answer, request: ChatRequest, signals: Signals, caller: Caller = NOBODY) -> Classification:
        """Whether what was learned speaks for an answer of the small model; checks are `judge.AnswerJudge`'s.

        Raises ValueError for a model that judges none.
        """
        if self.model.answer is None:
            raise ValueError(f"model {self.model.label!r} was not trained to judge answers")
        return self._verdict(request, signals, caller, answer)

    def _verdict(self, request: ChatRequest, signals: Signals, caller: Caller, answer: Answer | None) -> Classification:
        model = self.model
        view = view_of(request)
        features = self._extractor.extract(view, signals)
        asked = ngrams_of(view.instruction)
        head, curve = model.ask, model.ask_curve
        learned: Iterator[tuple[str, float]] = iter(())
        if answer is not None and model.answer is not None:
            head, curve = model.answer.ask, model.answer_curve
            learned = model.answer.shares(answer, view)
        ngrams = _texts(head, view, asked)
        shares = head.shares(features, _shape(head, view), _callers(head, caller), ngrams)
        contributions = capped(chain(shares, learned))
        score = head.bias + math.fsum([each.log_odds for each in contributions])
        log_odds = curve.at(score)
        small_ok = logistic(log_odds)
        contributions.sort(key=_size, reverse=True)
        says_something = signals.tool_loop or _says_something(features, view)
        task = self._task.task_of(features, asked) if says_something else "chat"
        return Classification(
            task=task,
            small_ok=small_ok,
            confidence=abs(2.0 * small_ok - 1.0),
            has_evidence=score >= head.bias + model.evidence_min
            and task not in model.demanding
            and not _is_yes_to_more(features, view, signals)
            and says_something
            and head.knows(ngrams) >= model.known_min,
            contributions=tuple(contributions[:CONTRIBUTIONS_SHOWN]),
            history=_history(model.history, log_odds) if answer is None else None,
            model=model.label,
        )


def _is_yes_to_more(features: Features, view: View, signals: Signals) -> bool:
    """A "yes" or a "go ahead" within a conversation, which may set great work going."""
    return signals.turns > 1 and COURTESY not in features and (signals.trivial or is_assent(view.text))


def _says_something(features: Features, view: View) -> bool:
    """Not only emoji and marks, but for those that are a courtesy."""
    return COURTESY in features or any(map(str.isalnum, view.instruction))


def _texts(head: Head, view: View, asked: NGrams) -> Mapping[Text, NGrams]:
    """The n-grams of the texts that a head reads; those of the instruction are there already."""
    if "ask" not in head.ngrams:
        return {"instruction": asked}
    return {"instruction": asked, "ask": asked if view.instruction is view.text else ngrams_of(view.text)}


def _shape(head: Head, view: View) -> Sequence[float]:
    return () if head.shape is None else shape_of(view.text, view.tokens)


def _callers(head: Head, caller: Caller) -> Sequence[str]:
    return callers_of(caller) if head.callers else ()


def callers_of(caller: Caller) -> list[str]:
    """What a head calls the app and the team of a request."""
    return [f"{kind} {name}" for kind, name in (("app", caller.app), ("team", caller.team)) if name]


def _history(bands: Sequence[Band], log_odds: float) -> History | None:
    if not bands:
        return None
    band = bands[min(len(bands) - 1, bisect_left(bands, log_odds, key=_log_odds_max))]
    return History(band.rows, band.right)


def _log_odds_max(band: Band) -> float:
    return band.log_odds_max


def _size(contribution: Contribution) -> float:
    return abs(contribution.log_odds)


def logistic(log_odds: float) -> float:
    if log_odds >= 0.0:
        return 1.0 / (1.0 + math.exp(-log_odds))
    small = math.exp(log_odds)
    return small / (1.0 + small)
