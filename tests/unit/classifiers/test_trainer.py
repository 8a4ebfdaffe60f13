from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.classifiers.curve import Curve
from gateway.classifiers.linear import LinearClassifier, Model
from gateway.classifiers.model_file import model_bytes, parse_model
from gateway.classifiers.outcomes import Outcome
from gateway.classifiers.trainer import Report, Wanted, _sample, train
from gateway.classifiers.training import ROWS_MAX, Choices, TrainingError
from gateway.domain.answer import Answer
from gateway.domain.classification import Task
from gateway.domain.signals import measure
from tests.builders import a_request
from tests.unit.classifiers.synthetic import (
    EXTRACTOR,
    a_task_head,
    an_outcome,
    answered,
    ruled_rows,
    uncounted,
    unsaid,
)

WANTED = Wanted(
    name="mine",
    version="7",
    source="rows.jsonl",
    evidence_min=0.25,
    choices=Choices(reads=(("ask",),), amounts=(0.3,), penalties=(1.5,)),
    cascade=False,
    with_history=True,
    seed=0,
)


def _trained(rows: Sequence[Outcome], **changes: Any) -> tuple[Model, Report]:
    return train(rows, EXTRACTOR, replace(WANTED, **changes), say=unsaid, done=uncounted)


def _with_tasks(rows: Sequence[Outcome], *tasks: Task) -> list[Outcome]:
    """Each row with a task in turn, by a word that only its asks hold."""
    return [
        replace(
            row,
            request=a_request(f"{row.request.messages[0].text} z{tasks[place % len(tasks)]}"),
            task=tasks[place % len(tasks)],
        )
        for place, row in enumerate(rows)
    ]


def test_a_model_is_what_was_wanted_and_judges_requests() -> None:
    model, report = _trained(ruled_rows(200))

    assert (model.name, model.version, model.evidence_min) == ("mine", "7", 0.25)
    assert (model.answer, model.answer_curve, model.task, model.demanding) == (None, Curve(), None, ())
    assert (report.rows, report.rows_given, report.answer, report.tasks, report.tasks_macro_f1) == (
        (200, 200, None, (), None)
    )
    easy, hard = a_request("river violet stone"), a_request("river orange stone")
    classifier = LinearClassifier(model, EXTRACTOR, a_task_head())
    assert classifier.classify(easy, measure(easy)).small_ok > 0.5 > classifier.classify(hard, measure(hard)).small_ok


def test_the_same_rows_give_the_same_file() -> None:
    rows = _with_tasks(answered(ruled_rows(150, flipped=0.1, app="tutor")), "chat", "code")

    files = [model_bytes(_trained(rows, cascade=True)[0]) for _ in range(2)]

    assert files[0] == files[1]


def test_a_trained_model_survives_its_file_with_every_part() -> None:
    model, _ = _trained(_with_tasks(answered(ruled_rows(150)), "chat", "code"), cascade=True)

    read = parse_model(model_bytes(model), "m")

    assert read.answer is not None
    assert read.task is not None
    assert read.ask_curve == model.ask_curve
    assert read.history == model.history
    assert read.ask.words == model.ask.words


def test_the_provenance_names_source_rows_and_figures() -> None:
    model, report = _trained(_with_tasks(answered(ruled_rows(200, flipped=0.1)), "chat", "code"), cascade=True)

    assert report.answer is not None
    assert model.provenance == (
        f"trained on 200 labelled rows of rows.jsonl; on rows left out: APGR {report.ask.apgr:.3f}, calibration error "
        f"{report.ask.calibration_error:.3f}; with answers: APGR {report.answer.apgr:.3f}; "
        f"tasks: macro-F1 {report.tasks_macro_f1:.3f}"
    )


def test_the_provenance_is_silent_on_what_was_not_trained() -> None:
    model, _ = _trained(ruled_rows(150))

    assert "answers" not in model.provenance
    assert "tasks" not in model.provenance


def test_progress_and_every_row_are_told() -> None:
    said: list[str] = []
    read: list[None] = []

    train(
        answered(ruled_rows(120)),
        EXTRACTOR,
        replace(WANTED, cascade=True),
        say=said.append,
        done=lambda: read.append(None),
    )

    assert len(read) == 120
    assert len(said) == 3
    assert said[1] == "with the small model's answers:"


def test_with_a_cascade_the_answers_are_judged() -> None:
    model, report = _trained(answered(ruled_rows(200, flipped=0.3)), cascade=True)

    assert report.answer is not None
    assert report.answer.auc is not None
    assert report.ask.auc is not None
    assert report.answer.auc > report.ask.auc + 0.1
    request = a_request("river apple stone")
    judge = LinearClassifier(model, EXTRACTOR, a_task_head()).judge
    good, bad = (
        judge(Answer(text=f"The {word} bread.", logprob=-0.5), request, measure(request))
        for word in ("plain", "cloudy")
    )
    assert good.small_ok > bad.small_ok + 0.3


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ((None, "Yes."), r"^100 of 200 rows have no 'small_answer', which --cascade learns from$"),
        ((None, None), r"^200 of 200 rows have no 'small_answer', which --cascade learns from$"),
        (("", ""), r"^every 'small_answer' is empty: there is nothing for --cascade to learn from; leave it out$"),
    ],
)
def test_a_cascade_without_answers_is_refused(answers: tuple[str | None, ...], message: str) -> None:
    rows = [replace(row, small_answer=answers[place % 2]) for place, row in enumerate(ruled_rows(200))]

    with pytest.raises(TrainingError, match=message):
        _trained(rows, cascade=True)


def test_rows_that_teach_nothing_are_refused() -> None:
    with pytest.raises(TrainingError, match="99 labelled rows are too few"):
        _trained(ruled_rows(99))
    with pytest.raises(TrainingError, match="in no row"):
        _trained([an_outcome(small=False)] * 200)


def test_very_many_rows_are_sampled_in_their_order() -> None:
    rows = [an_outcome(line=line) for line in range(ROWS_MAX + 100)]

    taken, again, other = (_sample(rows, seed) for seed in (0, 0, 1))

    lines = [row.line for row in taken]
    assert len(lines) == len(set(lines)) == ROWS_MAX
    assert lines == sorted(lines)
    assert taken == again != other


def test_no_row_is_left_out_of_as_many_as_may_be() -> None:
    rows = [an_outcome()] * ROWS_MAX

    assert _sample(rows, 0) == rows


def test_a_training_sees_only_the_sample() -> None:
    with pytest.raises(TrainingError, match=f"^{ROWS_MAX:,} of {ROWS_MAX:,} rows have no 'small_answer'"):
        _trained([an_outcome()] * (ROWS_MAX + 500), cascade=True)


def test_a_task_that_the_small_model_rarely_gets_right_is_demanding() -> None:
    rows = _with_tasks(ruled_rows(200), "chat", "code", "legal", "math")
    right: dict[Task | None, float] = {"chat": 0.9, "code": 0.2, "legal": 0.18, "math": 0.0}
    rows = [
        replace(row, small_correct=place // 4 % 50 < 50 * right[row.task] or "violet" in row.request.messages[0].text)
        if row.task == "chat"
        else replace(row, small_correct=place // 4 % 50 < 50 * right[row.task])
        for place, row in enumerate(rows)
    ]

    model, report = _trained(rows)

    assert report.tasks == ("chat", "math", "code", "legal")
    assert model.demanding == ("math", "legal")


def test_a_task_that_only_the_sample_of_one_row_names_is_refused() -> None:
    rows = ruled_rows(150)

    with pytest.raises(TrainingError, match=r"too few rows to learn a task from: chat \(1\)"):
        _trained([replace(rows[0], task="chat"), *rows[1:]])


@pytest.mark.parametrize(("rows", "bands"), [(120, 2), (330, 6), (620, 10)])
def test_the_history_holds_every_row_once(rows: int, bands: int) -> None:
    outcomes = ruled_rows(rows, flipped=0.2)

    model, _ = _trained(outcomes)

    assert len(model.history) == bands
    assert sum(band.rows for band in model.history) == rows
    assert sum(band.right for band in model.history) == sum(row.small_correct for row in outcomes)
    assert all(lower.log_odds_max <= upper.log_odds_max for lower, upper in pairwise(model.history))


def test_the_small_model_was_right_more_often_in_higher_bands() -> None:
    model, _ = _trained(ruled_rows(400, flipped=0.2))

    lowest, highest = model.history[0], model.history[-1]
    assert lowest.right / lowest.rows < 0.4
    assert highest.right / highest.rows > 0.6


def test_labels_that_are_guesses_are_no_history() -> None:
    model, _ = _trained(ruled_rows(150), with_history=False)

    assert model.history == ()
