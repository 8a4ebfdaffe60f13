from pathlib import Path

import click
import pytest

from gateway.classifiers.model_file import load_prior
from gateway.classifiers.outcomes import Row, RowFile
from gateway.classifiers.scoring import ModelCard, PromptScorer
from gateway.cli.classifier_data import labelled_files, row_files, scored_file
from gateway.cli.classifier_model import scorer_of
from tests.builders import a_request
from tests.unit.cli.labelled_rows import labelled_file


class _AnswerReader(PromptScorer):
    card = ModelCard(name="reader", version="1", provenance="a test's", bias=0.0, weights={}, reads_answers=True)


def test_files_follow_the_option_in_their_order(tmp_path: Path) -> None:
    first, second = (labelled_file(tmp_path / f"{name}.jsonl", rows=2) for name in "ba")

    outcomes = labelled_files((first,), (second,))

    assert [file.path for file in outcomes.files] == [str(first), str(second)]


def test_bad_files_are_one_error_with_every_line(tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text("{\n[]\n")

    with pytest.raises(click.ClickException, match=r"^the data cannot be used, 2 problems:\n"):
        labelled_files((tmp_path / "bad.jsonl",), ())
    with pytest.raises(click.ClickException, match=r"^the data cannot be used, 1 problem:\n"):
        row_files((tmp_path / "none.jsonl",), ())


def test_every_row_is_scored_in_its_order(tmp_path: Path) -> None:
    (file,) = row_files((labelled_file(tmp_path / "rows.jsonl", rows=5),), ())

    assert [each.row.line for each in scored_file(file, scorer_of(None))] == [1, 2, 3, 4, 5]


def test_a_model_that_cannot_judge_answers_takes_no_part_in_a_cascade() -> None:
    file = RowFile(path="rows.jsonl", rows=(Row(line=1, request=a_request(), small_answer="Paris"),))

    with pytest.raises(click.ClickException, match=r"^model 'prior@\d+' cannot judge answers"):
        list(scored_file(file, scorer_of(None), cascade=True))


def test_a_cascade_needs_the_answer_of_every_row() -> None:
    rows = (Row(line=1, request=a_request(), small_answer="Paris"), Row(line=2, request=a_request()))

    with pytest.raises(click.ClickException, match=r"^rows\.jsonl: 1 of 2 rows have no 'small_answer'"):
        list(scored_file(RowFile(path="rows.jsonl", rows=rows), _AnswerReader(load_prior()), cascade=True))
