"""A model made by hand, small enough to know what it says, for the tests of the classifier's commands."""

from pathlib import Path
from typing import Any, Final

import numpy as np
from msgspec.structs import replace

from gateway.classifiers.answer_amounts import ANSWER_AMOUNTS
from gateway.classifiers.answer_head import AnswerHead
from gateway.classifiers.curve import Curve
from gateway.classifiers.heads import Amounts, Head
from gateway.classifiers.linear import Band, Model
from gateway.classifiers.model_file import model_bytes
from gateway.classifiers.ngrams import KINDS, SLOT_BITS, ngrams_of

BANDS: Final = (Band(-1.0, 50, 5), Band(1.0, 100, 60), Band(3.0, 50, 48))


def tiny_model(**changes: Any) -> Model:
    """Knows the word 'please', an app, and what asks to translate or to prove; judges no answers."""
    table = np.zeros(len(KINDS) << SLOT_BITS, np.float32)
    table[ngrams_of("please").slots[0]] = 0.5
    head = Head(
        bias=-0.5,
        features={"asks to translate": 2.0, "short ask": 0.25, "proof or derivation": -2.0, "question": 0.0},
        shape=None,
        callers={"app desk": 1.5},
        ngrams={"ask": table},
        words=frozenset(["please"]),
    )
    model = Model(
        name="tiny",
        version="3",
        provenance="made by hand",
        digest="",
        known_min=0.0,
        evidence_min=0.0,
        demanding=(),
        ask=head,
        ask_curve=Curve(),
        answer=None,
        answer_curve=Curve(),
        task=None,
        history=(),
    )
    return replace(model, **changes)


def judging_answers(model: Model) -> Model:
    """The same, and an answer that hedges is wrong."""
    names = len(ANSWER_AMOUNTS)
    weights = np.zeros(names)
    weights[ANSWER_AMOUNTS.index("hedges")] = -4.0
    answer = AnswerHead(
        ask=model.ask,
        amounts=Amounts(ANSWER_AMOUNTS, np.zeros(names), np.ones(names), weights),
        ngrams=np.zeros(len(KINDS) << SLOT_BITS, np.float32),
    )
    return replace(model, answer=answer)


def model_file(file: Path, model: Model) -> Path:
    file.write_bytes(model_bytes(model))
    return file
