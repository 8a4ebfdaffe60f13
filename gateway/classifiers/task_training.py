"""Trains the head that tells tasks, on rows that name theirs."""

from collections.abc import Sequence
from typing import Final, get_args

import numpy as np
from msgspec import Struct
from sklearn.metrics import f1_score

from gateway.classifiers.blocks import NamedBlock, NGramBlock
from gateway.classifiers.examples import Example
from gateway.classifiers.heads import TASK_SLOT_BITS, TaskHead
from gateway.classifiers.ridge import Solution, solve
from gateway.classifiers.tensors import in_steps
from gateway.classifiers.training import Say, TrainingError
from gateway.domain.classification import Task

ROWS_A_TASK_MIN: Final = 20
_PENALTIES: Final = (0.03, 0.1, 0.3)
_TASKS: Final[tuple[Task, ...]] = get_args(Task)


class TrainedTasks(Struct, frozen=True, eq=False, kw_only=True):
    """A head; `macro_f1`: on its own rows, each told by a fit that left it out."""

    head: TaskHead
    rows: int
    macro_f1: float


def train_tasks(examples: Sequence[Example], *, say: Say) -> TrainedTasks | None:
    """None where no row names its task. Raises TrainingError where a task that is named has too few rows."""
    named = [each for each in examples if each.row.task is not None]
    if not named:
        return None
    tasks = _tasks_of(named)
    labels = np.array([tasks.index(each.row.task) for each in named if each.row.task is not None])
    ngrams = NGramBlock([each.ngrams["instruction"] for each in named], bits=TASK_SLOT_BITS)
    features = NamedBlock([each.features for each in named])
    kernel = ngrams.kernel() + features.kernel()
    targets = np.eye(len(tasks), dtype=np.float32)[labels]
    tried: list[tuple[float, Solution]] = []
    for penalty in _PENALTIES:
        solution = solve(kernel, targets, penalty)
        score = float(f1_score(labels, solution.left_out.argmax(axis=1), average="macro"))
        say(f"tasks, penalty {penalty:g}: macro-F1 {score:.3f} on rows left out")
        tried.append((score, solution))
    score, solution = max(tried, key=lambda each: each[0])
    levels, steps = in_steps(ngrams.weights(solution.rows))
    head = TaskHead(
        tasks=tasks,
        bias=solution.mean,
        features=features.weights(solution.rows),
        ngrams=levels,
        steps=steps,
    )
    return TrainedTasks(head=head, rows=len(named), macro_f1=score)


def _tasks_of(named: Sequence[Example]) -> tuple[Task, ...]:
    counts = {task: sum(each.row.task == task for each in named) for task in _TASKS}
    if few := [f"{task} ({count})" for task, count in counts.items() if 0 < count < ROWS_A_TASK_MIN]:
        raise TrainingError(
            f"too few rows to learn a task from: {', '.join(few)}; give at least {ROWS_A_TASK_MIN} of each, or none"
        )
    tasks = tuple(task for task, count in counts.items() if count)
    if len(tasks) < 2:
        raise TrainingError(f"all rows that name a task name {tasks[0]!r}; leave 'task' out, or name others too")
    return tasks
