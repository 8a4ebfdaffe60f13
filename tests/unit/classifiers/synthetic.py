"""Labelled rows made up by a rule, and small models made by hand."""

import math
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from gateway.classifiers.answer_amounts import ANSWER_AMOUNTS
from gateway.classifiers.answer_head import AnswerHead
from gateway.classifiers.curve import Curve
from gateway.classifiers.examples import Example, examples_of
from gateway.classifiers.features import FeatureExtractor
from gateway.classifiers.heads import TASK_SLOT_BITS, Amounts, Head, TaskHead
from gateway.classifiers.lexicon import load_lexicon
from gateway.classifiers.linear import Band, Model
from gateway.classifiers.ngrams import KINDS, SLOT_BITS
from gateway.classifiers.outcomes import Outcome
from gateway.classifiers.shapes import SHAPES
from gateway.classifiers.tensors import in_steps
from gateway.domain.classification import Classification
from tests.builders import a_request

EXTRACTOR = FeatureExtractor(load_lexicon())
NOUNS = ("apple", "river", "stone", "cloud", "garden", "window", "letter", "silver", "music", "paper", "bread", "chair")


def an_outcome(text: str = "apple river", *, small: bool = True, large: bool = True, **fields: Any) -> Outcome:
    outcome = Outcome(line=1, request=a_request(text), small_correct=small, large_correct=large)
    return replace(outcome, **fields)


def ruled_rows(count: int, *, seed: int = 0, flipped: float = 0.0, **fields: Any) -> list[Outcome]:
    """The large model is always right, the small one where the ask holds 'violet' and not where it holds 'orange'.

    flipped  the share of rows that break the rule
    """
    chance = random.Random(seed)
    rows = []
    for _ in range(count):
        is_easy = chance.random() < 0.5
        words = chance.choices(NOUNS, k=chance.randint(4, 8))
        words.insert(chance.randrange(len(words)), "violet" if is_easy else "orange")
        small = is_easy if chance.random() >= flipped else not is_easy
        rows.append(an_outcome(" ".join(words), small=small, **fields))
    return rows


def random_rows(count: int, *, seed: int = 0) -> list[Outcome]:
    """Labels that no ask tells anything about; the large model is right more often."""
    chance = random.Random(seed)
    return [
        an_outcome(" ".join(chance.choices(NOUNS, k=7)), small=chance.random() < 0.4, large=chance.random() < 0.7)
        for _ in range(count)
    ]


def answered(rows: Sequence[Outcome], *, seed: int = 0) -> list[Outcome]:
    """The same rows, each with a small answer that shows whether it is right, and its log-probability."""
    chance = random.Random(seed)
    return [
        replace(
            row,
            small_answer=f"The {'plain' if row.small_correct else 'cloudy'} {chance.choice(NOUNS)}.",
            small_logprob=-chance.random(),
        )
        for row in rows
    ]


def taken_apart(rows: Sequence[Outcome], *, cascade: bool = False) -> list[Example]:
    return examples_of(rows, EXTRACTOR, cascade=cascade, done=uncounted)


def unsaid(_progress: str) -> None:
    """`say` of a training that nobody listens to."""


def uncounted() -> None:
    """`done` of a reading that nobody counts."""


def log_odds_of(classification: Classification) -> float:
    return math.log(classification.small_ok / (1.0 - classification.small_ok))


def some_weights(shape: tuple[int, ...], *, seed: int = 0) -> NDArray[np.float32]:
    """A table in which one weight in ten is not 0."""
    generator = np.random.default_rng(seed)
    weights = generator.normal(size=shape) * (generator.random(shape) < 0.1)
    return weights.astype(np.float32)


def some_amounts(names: tuple[str, ...], *, seed: int = 0) -> Amounts:
    """Numbers that eight bits of mantissa hold, so that no file rounds them."""
    generator = np.random.default_rng(seed)
    means, scales, weights = (generator.integers(1, 64, len(names)) / 64 for _ in range(3))
    return Amounts(names, means, scales, weights)


def a_head(**changes: Any) -> Head:
    head = Head(
        bias=-0.5,
        features={"question": 0.25, "legal terms": -1.5},
        shape=some_amounts(SHAPES),
        callers={"app tutor": 0.5, "team school": -0.25},
        ngrams={"ask": some_weights((len(KINDS) << SLOT_BITS,), seed=1)},
        words=frozenset(("river", "stone bridge", "川")),
    )
    return replace(head, **changes)


def an_answer_head(**changes: Any) -> AnswerHead:
    head = AnswerHead(
        ask=a_head(bias=0.75, callers={}, shape=None),
        amounts=some_amounts(ANSWER_AMOUNTS, seed=2),
        ngrams=some_weights((len(KINDS) << SLOT_BITS,), seed=3),
    )
    return replace(head, **changes)


def a_task_head(**changes: Any) -> TaskHead:
    levels, steps = in_steps(some_weights((len(KINDS) << TASK_SLOT_BITS, 2), seed=4))
    head = TaskHead(
        tasks=("chat", "code"),
        bias=np.array([0.5, 0.25], np.float32),
        features={"code present": np.array([-1.0, 2.0], np.float32)},
        ngrams=levels,
        steps=steps,
    )
    return replace(head, **changes)


def a_model(**changes: Any) -> Model:
    """A model with every part that there may be."""
    model = Model(
        name="mine",
        version="7",
        provenance="made up",
        digest="",
        known_min=0.25,
        evidence_min=0.5,
        demanding=("code",),
        ask=a_head(),
        ask_curve=Curve(scores=(-1.0, 2.0), log_odds=(-0.5, 0.75)),
        answer=an_answer_head(),
        answer_curve=Curve(scores=(-2.0, 0.0), log_odds=(-3.0, 0.25)),
        task=a_task_head(),
        history=(Band(-1.0, 50, 10), Band(1.5, 51, 40)),
    )
    return replace(model, **changes)
