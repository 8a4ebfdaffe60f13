import random
from collections.abc import Sequence

import numpy as np
import pytest
from msgspec.structs import replace

from gateway.classifiers.blocks import NamedBlock, NGramBlock
from gateway.classifiers.heads import TASK_SLOT_BITS
from gateway.classifiers.model_file import model_bytes, parse_model
from gateway.classifiers.outcomes import Outcome
from gateway.classifiers.task_training import ROWS_A_TASK_MIN, TrainedTasks, train_tasks
from gateway.classifiers.training import TrainingError
from gateway.domain.classification import Task
from tests.unit.classifiers.synthetic import NOUNS, a_model, an_outcome, taken_apart, unsaid

WORDS: dict[Task, str] = {"translation": "turn {} into french", "code": "why does {} crash?", "chat": "hello {}"}


def _rows(*tasks: Task, each: int = ROWS_A_TASK_MIN) -> list[Outcome]:
    """Each task by its words, in another order than the tasks'."""
    chance = random.Random(0)
    rows = [
        an_outcome(WORDS[task].format(" ".join(chance.choices(NOUNS, k=3))), task=task)
        for task in tasks
        for _ in range(each)
    ]
    chance.shuffle(rows)
    return rows


def _trained(rows: Sequence[Outcome]) -> TrainedTasks:
    trained = train_tasks(taken_apart(rows), say=unsaid)
    assert trained is not None
    return trained


def _told(trained: TrainedTasks, rows: Sequence[Outcome]) -> list[Task]:
    return [trained.head.task_of(each.features, each.ngrams["instruction"]) for each in taken_apart(rows)]


def test_tasks_are_learned_from_the_rows_that_name_theirs() -> None:
    rows = _rows("translation", "code", "chat", each=30)

    trained = _trained([*rows, an_outcome("orange"), an_outcome("turn violet into french")])

    assert (trained.rows, trained.head.tasks) == (90, ("chat", "translation", "code"))
    assert trained.macro_f1 > 0.95
    new: list[Task] = ["translation", "code", "chat"]
    assert _told(trained, [an_outcome(WORDS[task].format("violet zebras")) for task in new]) == new


def test_tasks_by_chance_are_told_by_chance() -> None:
    tasks: list[Task] = ["chat", "code"]
    chance = random.Random(0)
    rows = [an_outcome(" ".join(chance.choices(NOUNS, k=5)), task=tasks[place % 2]) for place in range(200)]

    trained = _trained(rows)

    assert trained.macro_f1 == pytest.approx(0.5, abs=0.12)


def test_the_head_tells_of_a_row_the_task_that_the_kernel_tells() -> None:
    rows = [
        replace(row, task="code") if place % 7 == 0 else row for place, row in enumerate(_rows("chat", "code", each=30))
    ]
    examples = taken_apart(rows)
    ngrams = NGramBlock([each.ngrams["instruction"] for each in examples], bits=TASK_SLOT_BITS)
    features = NamedBlock([each.features for each in examples])
    solution = np.random.default_rng(0).normal(size=(len(rows), 2)).astype(np.float32)
    said = (ngrams.kernel() + features.kernel()) @ solution
    head = replace(
        _trained(rows).head,
        bias=np.zeros(2, np.float32),
        features=features.weights(solution),
        ngrams=ngrams.weights(solution),
    )

    told = [head.task_of(each.features, each.ngrams["instruction"]) for each in examples]

    assert head.features
    assert told == [head.tasks[place] for place in said.argmax(axis=1)]


def test_what_is_quoted_does_not_tell_the_task() -> None:
    rows = _rows("translation", "code")
    words = {"translation": "alpha beta gamma", "code": "delta epsilon zeta", None: ""}
    quoted, open_ = (
        [replace(row, request=an_outcome(f"{mark}{words[row.task]}{mark} well?").request) for row in rows]
        for mark in ('"', " ")
    )

    assert _trained(quoted).macro_f1 < 0.7
    assert _trained(open_).macro_f1 == 1.0


def test_a_row_like_no_other_is_told_the_most_common_task() -> None:
    trained = _trained([*_rows("code", each=60), *_rows("chat")])

    assert _told(trained, [an_outcome("")]) == ["code"]


def test_rows_that_name_no_task_teach_none() -> None:
    assert train_tasks(taken_apart([an_outcome()] * 3), say=unsaid) is None


def test_tasks_with_too_few_rows_are_all_named() -> None:
    rows = [*_rows("code", each=25), *_rows("chat", each=ROWS_A_TASK_MIN - 1), *_rows("translation", each=1)]

    with pytest.raises(
        TrainingError,
        match=r"^too few rows to learn a task from: chat \(19\), translation \(1\); give at least 20 of each, or none$",
    ):
        _trained(rows)


def test_a_single_task_is_nothing_to_learn() -> None:
    with pytest.raises(
        TrainingError, match=r"^all rows that name a task name 'code'; leave 'task' out, or name others"
    ):
        _trained(_rows("code"))


def test_each_penalty_is_told_with_its_score() -> None:
    told: list[str] = []

    train_tasks(taken_apart(_rows("chat", "code")), say=told.append)

    assert len(told) > 1
    assert all(line.startswith("tasks, penalty ") and "macro-F1" in line for line in told)


def test_tasks_without_any_common_feature_survive_their_file() -> None:
    tasks: list[Task] = ["chat", "code"]
    names = ("alpha beta gamma delta", "epsilon zeta eta theta")
    longer = " ".join(NOUNS * 8)
    rows = [an_outcome(f"{names[place % 2]} {longer}", task=tasks[place % 2]) for place in range(2 * ROWS_A_TASK_MIN)]
    head = _trained(rows).head

    read = parse_model(model_bytes(a_model(task=head, demanding=())), "m").task

    assert not head.features
    assert read is not None
    assert read.tasks == ("chat", "code")
