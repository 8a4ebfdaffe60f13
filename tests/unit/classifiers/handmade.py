"""Heads and models with a handful of weights, for tests where a value matters."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from gateway.classifiers.answer_amounts import ANSWER_AMOUNTS
from gateway.classifiers.answer_head import AnswerHead
from gateway.classifiers.curve import Curve
from gateway.classifiers.features import FeatureExtractor
from gateway.classifiers.heads import TASK_SLOT_BITS, Amounts, Head, TaskHead
from gateway.classifiers.lexicon import load_lexicon
from gateway.classifiers.linear import LinearClassifier, Model
from gateway.classifiers.ngrams import KINDS, SLOT_BITS, ngrams_of

EXTRACTOR = FeatureExtractor(load_lexicon())


def a_table(**weights: float) -> NDArray[np.float32]:
    """Of n-grams: these words have these weights."""
    return a_table_of(weights)


def a_table_of(weights: Mapping[str, float], *, letters: float = 0.0) -> NDArray[np.float32]:
    """These words and pairs of words have these weights, and every group of letters this one."""
    table = np.zeros(len(KINDS) << SLOT_BITS, np.float32)
    table[2 << SLOT_BITS :] = letters
    for name, weight in weights.items():
        ngrams = ngrams_of(name)
        table[ngrams.slots[0 if ngrams.counts[0] == 1 else ngrams.counts[0]]] = weight
    return table


def some_amounts(names: Sequence[str], **weights: float) -> Amounts:
    """All are usually 0, give or take 1; keywords have _ for a space."""
    given = {name.replace("_", " "): weight for name, weight in weights.items()}
    return Amounts(
        names=tuple(names),
        means=np.zeros(len(names)),
        scales=np.ones(len(names)),
        weights=np.array([given.get(name, 0.0) for name in names]),
    )


def a_head(**changes: Any) -> Head:
    """It reads the instruction, and knows nothing."""
    head = Head(bias=0.0, features={}, shape=None, callers={}, ngrams={"instruction": a_table()}, words=frozenset())
    return replace(head, **changes)


def an_answer_head(**changes: Any) -> AnswerHead:
    head = AnswerHead(ask=a_head(), amounts=some_amounts(ANSWER_AMOUNTS), ngrams=a_table())
    return replace(head, **changes)


def a_task_head(**changes: Any) -> TaskHead:
    """Everything is knowledge to it, but for what asks to translate."""
    head = TaskHead(
        tasks=("knowledge", "translation"),
        bias=np.array([0.5, 0.0], np.float32),
        features={"asks to translate": np.array([0.0, 1.0], np.float32)},
        ngrams=np.zeros((len(KINDS) << TASK_SLOT_BITS, 2), np.int8),
        steps=np.ones(2, np.float32),
    )
    return replace(head, **changes)


def a_model(**changes: Any) -> Model:
    """Needs neither known words nor a score for evidence."""
    model = Model(
        name="mine",
        version="7",
        provenance="made by hand",
        digest="0123456789ab",
        known_min=0.0,
        evidence_min=0.0,
        demanding=(),
        ask=a_head(),
        ask_curve=Curve(),
        answer=None,
        answer_curve=Curve(),
        task=None,
        history=(),
    )
    return replace(model, **changes)


def a_classifier(**changes: Any) -> LinearClassifier:
    """Of `a_model` with these changes."""
    return LinearClassifier(a_model(**changes), EXTRACTOR, a_task_head())
