"""The rows that classifier commands read, and their verdicts, with a progress bar."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from gateway.api.dialects import parse_any
from gateway.classifiers.outcomes import Outcomes, OutcomesError, Row, RowFile, read_outcomes, read_rows
from gateway.classifiers.scoring import Scored, Scorer, score_rows
from gateway.cli.classifier_model import label_of
from gateway.cli.progress import progress_bar

_Path = click.Path(path_type=Path)

F = TypeVar("F", bound=Callable[..., Any])
R = TypeVar("R", bound=Row)


def data_option(command: F) -> F:
    """`--data FILE...`: one file or more, passed on as `data` and `more`."""
    command = click.argument("more", metavar="[FILE]...", nargs=-1, type=_Path)(command)
    return click.option(
        "--data",
        type=_Path,
        multiple=True,
        required=True,
        metavar="FILE...",
        help="JSON, one object a line, or that as .gz; more files may follow.",
    )(command)


def labelled_files(data: Sequence[Path], more: Sequence[Path]) -> Outcomes:
    """Raises a click error that lists what is wrong in all files."""
    try:
        return read_outcomes(_files(data, more), parse_any)
    except OutcomesError as error:
        raise click.ClickException(_listed(error)) from error


def row_files(data: Sequence[Path], more: Sequence[Path]) -> tuple[RowFile[Row], ...]:
    """As `labelled_files`, of rows that need no labels."""
    try:
        return read_rows(_files(data, more), parse_any)
    except OutcomesError as error:
        raise click.ClickException(_listed(error)) from error


def check_answers(files: Sequence[RowFile[Row]], scorer: Scorer) -> None:
    """What a cascade takes: a model that judges answers, and an answer in each row. Raises a click error."""
    if not scorer.card.reads_answers:
        raise click.ClickException(
            f"model {label_of(scorer.card)!r} cannot judge answers; train one with --cascade, or leave --cascade out"
        )
    for file in files:
        if missing := sum(row.small_answer is None for row in file.rows):
            raise click.ClickException(
                f"{file.path}: {missing:,} of {len(file.rows):,} rows have no 'small_answer', which --cascade judges"
            )


def scored_file(file: RowFile[R], scorer: Scorer, *, cascade: bool = False) -> Iterator[Scored[R]]:
    """The rows' verdicts, in order. `cascade`: on their small answers, of which `check_answers` found that it can."""
    with progress_bar(len(file.rows), f"Scoring {Path(file.path).name}") as done:
        for scored in score_rows(file.rows, scorer, cascade=cascade):
            done()
            yield scored


def _files(data: Sequence[Path], more: Sequence[Path]) -> list[Path]:
    """Rows that are given twice count twice: fits and intervals would be surer than they may."""
    paths = [*data, *more]
    seen: set[str] = set()
    for path in paths:
        if (place := os.path.realpath(path)) in seen:
            raise click.UsageError(f"{path}: given twice; name each file once")
        seen.add(place)
    return paths


def _listed(error: OutcomesError) -> str:
    found = len(error.problems) + error.more
    return f"the data cannot be used, {found} problem{'s' if found > 1 else ''}:\n{error}"
