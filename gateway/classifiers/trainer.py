"""From labelled rows to a model and what is known of it."""

import random
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from threadpoolctl import threadpool_limits

from gateway.classifiers.curve import Curve
from gateway.classifiers.examples import Example, examples_of
from gateway.classifiers.features import FeatureExtractor
from gateway.classifiers.linear import Band, Model
from gateway.classifiers.outcomes import Outcome
from gateway.classifiers.task_training import TrainedTasks, train_tasks
from gateway.classifiers.training import ROWS_MAX, Choices, Found, Say, Trained, TrainingError, check_rows, train_head
from gateway.domain.classification import Task

KNOWN_MIN: Final = 0.4
"""Of a text's words; chance makes some of every text's words known."""
RARELY: Final = 0.2
_BANDS: Final = 10
_ROWS_A_BAND: Final = 50


class Wanted(Struct, frozen=True, kw_only=True):
    """What to train.

    source        of the rows, for the provenance
    cascade       train a head that judges the small model's answers too
    with_history  the labels are outcomes, and may be told as such
    seed          of the sample that is taken of more than ROWS_MAX rows
    """

    name: str
    version: str
    source: str
    evidence_min: float
    choices: Choices
    cascade: bool
    with_history: bool
    seed: int


class Report(Struct, frozen=True, kw_only=True):
    """How good a model is on its own rows, each judged by a fit that left it out; `rows_given`: before sampling."""

    rows: int
    rows_given: int
    ask: Found
    answer: Found | None
    tasks: tuple[str, ...]
    tasks_macro_f1: float | None


def train(
    rows: Sequence[Outcome], extractor: FeatureExtractor, wanted: Wanted, *, say: Say, done: Callable[[], None]
) -> tuple[Model, Report]:
    """Raises TrainingError where nothing can be learned. `say`: progress in words; `done`: a row is read.

    One thread does the arithmetic: sums in another order would give another file, and threads of two libraries on busy
    cores wait for each other.
    """
    used = _sample(rows, wanted.seed)
    if wanted.cascade:
        _check_answers(used)
    with threadpool_limits(1):
        return _trained(used, len(rows), extractor, wanted, say=say, done=done)


def _trained(
    used: Sequence[Outcome],
    rows_given: int,
    extractor: FeatureExtractor,
    wanted: Wanted,
    *,
    say: Say,
    done: Callable[[], None],
) -> tuple[Model, Report]:
    examples = examples_of(used, extractor, cascade=wanted.cascade, done=done)
    check_rows(examples)
    ask = train_head(examples, wanted.choices, cascade=False, say=say)
    answer = None
    if wanted.cascade:
        say("with the small model's answers:")
        answer = train_head(examples, wanted.choices, cascade=True, say=say)
    tasks = train_tasks(examples, say=say)
    report = _report(len(used), rows_given, ask, answer, tasks)
    model = Model(
        name=wanted.name,
        version=wanted.version,
        provenance=_provenance(wanted.source, report),
        digest="",
        known_min=KNOWN_MIN,
        evidence_min=wanted.evidence_min,
        demanding=() if tasks is None else _demanding(tasks.head.tasks, used),
        ask=ask.head,
        ask_curve=ask.curve,
        answer=None if answer is None else answer.answer,
        answer_curve=Curve() if answer is None else answer.curve,
        task=None if tasks is None else tasks.head,
        history=_history(ask, examples) if wanted.with_history else (),
    )
    return model, report


def _sample(rows: Sequence[Outcome], seed: int) -> list[Outcome]:
    if len(rows) <= ROWS_MAX:
        return list(rows)
    taken = random.Random(seed).sample(range(len(rows)), ROWS_MAX)  # noqa: S311 (a sample of rows, no secret)
    return [rows[place] for place in sorted(taken)]


def _check_answers(rows: Sequence[Outcome]) -> None:
    missing = sum(row.small_answer is None for row in rows)
    if missing:
        raise TrainingError(f"{missing:,} of {len(rows):,} rows have no 'small_answer', which --cascade learns from")
    if not any(row.small_answer for row in rows):
        raise TrainingError("every 'small_answer' is empty: there is nothing for --cascade to learn from; leave it out")


def _demanding(tasks: Sequence[Task], rows: Sequence[Outcome]) -> tuple[Task, ...]:
    """Those of which the small model got less than RARELY right."""
    found = []
    for task in tasks:
        right = [row.small_correct for row in rows if row.task == task]
        if sum(right) < RARELY * len(right):
            found.append(task)
    return tuple(found)


def _history(trained: Trained, examples: Sequence[Example]) -> tuple[Band, ...]:
    count = max(1, min(_BANDS, len(examples) // _ROWS_A_BAND))
    bands = []
    for places in np.array_split(np.argsort(trained.left_out, kind="stable"), count):
        right = sum(examples[place].row.small_correct for place in places)
        bands.append(Band(float(trained.left_out[places[-1]]), len(places), right))
    return tuple(bands)


def _report(rows: int, rows_given: int, ask: Trained, answer: Trained | None, tasks: TrainedTasks | None) -> Report:
    return Report(
        rows=rows,
        rows_given=rows_given,
        ask=ask.found,
        answer=None if answer is None else answer.found,
        tasks=() if tasks is None else tasks.head.tasks,
        tasks_macro_f1=None if tasks is None else tasks.macro_f1,
    )


def _provenance(source: str, report: Report) -> str:
    parts = [
        f"trained on {report.rows:,} labelled rows of {source}",
        f"on rows left out: APGR {report.ask.apgr:.3f}, calibration error {report.ask.calibration_error:.3f}",
    ]
    if report.answer is not None:
        parts.append(f"with answers: APGR {report.answer.apgr:.3f}")
    if report.tasks_macro_f1 is not None:
        parts.append(f"tasks: macro-F1 {report.tasks_macro_f1:.3f}")
    return "; ".join(parts)
