import io
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from gateway.classifiers.linear import LinearClassifier
from gateway.classifiers.model_file import load_classifier
from gateway.classifiers.outcomes import Row, RowFile
from gateway.classifiers.scoring import ModelScorer
from gateway.cli.classifier_data import check_answers, data_option, labelled_files, row_files, scored_file
from tests.builders import a_request
from tests.unit.cli.labelled_rows import labelled_file
from tests.unit.cli.tiny_models import judging_answers, model_file, tiny_model

ANSWERED = Row(line=1, request=a_request(), small_answer="Paris")
UNANSWERED = Row(line=2, request=a_request())


def _scorer(tmp_path: Path, *, judging: bool = False) -> ModelScorer:
    model = judging_answers(tiny_model()) if judging else tiny_model()
    classifier: LinearClassifier = load_classifier(model_file(tmp_path / "tiny.safetensors", model))
    return ModelScorer(classifier)


def test_data_takes_several_files_and_more_without_the_option() -> None:
    @click.command()
    @data_option
    def command(data: tuple[Path, ...], more: tuple[Path, ...]) -> None:
        click.echo(" ".join(map(str, [*data, *more])))

    result = CliRunner().invoke(command, ["--data", "a", "--data", "b", "c", "d"])

    assert result.stdout == "a b c d\n"


def test_files_follow_the_option_in_their_order(tmp_path: Path) -> None:
    first, second = (labelled_file(tmp_path / f"{name}.jsonl", rows=2) for name in "ba")

    outcomes = labelled_files((first,), (second,))

    assert [file.path for file in outcomes.files] == [str(first), str(second)]


def test_bad_files_are_one_error_with_every_line(tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text("{\n[]\n")

    with pytest.raises(click.ClickException, match=r"^the data cannot be used, 2 problems:\n") as raised:
        labelled_files((tmp_path / "bad.jsonl",), ())
    with pytest.raises(click.ClickException, match=r"^the data cannot be used, 1 problem:\n"):
        row_files((tmp_path / "none.jsonl",), ())

    assert [line.partition(": ")[0] for line in raised.value.message.splitlines()[1:]] == [
        f"{tmp_path}/bad.jsonl:1",
        f"{tmp_path}/bad.jsonl:2",
    ]


def test_a_file_is_not_taken_twice_by_whatever_name(tmp_path: Path) -> None:
    file = labelled_file(tmp_path / "rows.jsonl", rows=2)
    (tmp_path / "link.jsonl").symlink_to(file)

    for again in (file, tmp_path / "." / "rows.jsonl", tmp_path / "link.jsonl"):
        with pytest.raises(click.UsageError, match=f"^{again}: given twice"):
            labelled_files((file,), (again,))
        with pytest.raises(click.UsageError, match="given twice"):
            row_files((file, again), ())


def test_every_row_is_scored_in_its_order(tmp_path: Path) -> None:
    (file,) = row_files((labelled_file(tmp_path / "rows.jsonl", rows=5),), ())

    assert [each.row.line for each in scored_file(file, _scorer(tmp_path))] == [1, 2, 3, 4, 5]


def test_scoring_shows_its_progress_on_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (file,) = row_files((labelled_file(tmp_path / "rows.jsonl", rows=5),), ())
    monkeypatch.setattr(sys, "stderr", terminal := io.StringIO())
    monkeypatch.setattr(terminal, "isatty", lambda: True)

    scored = list(scored_file(file, _scorer(tmp_path)))

    assert len(scored) == 5
    assert "Scoring rows.jsonl" in terminal.getvalue()
    assert "100%" in terminal.getvalue()


def test_a_model_that_cannot_judge_answers_takes_no_part_in_a_cascade(tmp_path: Path) -> None:
    files = (RowFile(path="rows.jsonl", rows=(ANSWERED,)),)

    with pytest.raises(click.ClickException, match=r"^model 'tiny@3\+\w{12}' cannot judge answers"):
        check_answers(files, _scorer(tmp_path))


def test_a_cascade_needs_the_answer_of_every_row_of_every_file(tmp_path: Path) -> None:
    whole = RowFile(path="whole.jsonl", rows=(ANSWERED,))
    partial = RowFile(path="rows.jsonl", rows=(ANSWERED, UNANSWERED))

    check_answers((whole,), _scorer(tmp_path, judging=True))
    with pytest.raises(click.ClickException, match=r"^rows\.jsonl: 1 of 2 rows have no 'small_answer'"):
        check_answers((whole, partial), _scorer(tmp_path, judging=True))
