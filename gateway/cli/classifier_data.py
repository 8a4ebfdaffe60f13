"""The rows that classifier commands read, and their verdicts, with a progress bar."""

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from gateway.api.dialects import parse_any
from gateway.classifiers.outcomes import Outcomes, OutcomesError, Row, RowFile, read_outcomes, read_rows
from gateway.classifiers.scoring import Scored, Scorer, score_rows

_Path = click.Path(path_type=Path)
_STEP = 200

F = TypeVar("F", bound=Callable[..., Any])
R = TypeVar("R", bound=Row)


def data_option(command: F) -> F:
    """`--data FILE...`: one file or more, passed on as `data` and `more`; `data_files` joins them."""
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
        return read_outcomes([*data, *more], parse_any)
    except OutcomesError as error:
        raise click.ClickException(_listed(error)) from error


def row_files(data: Sequence[Path], more: Sequence[Path]) -> tuple[RowFile[Row], ...]:
    """As `labelled_files`, of rows that need no labels."""
    try:
        return read_rows([*data, *more], parse_any)
    except OutcomesError as error:
        raise click.ClickException(_listed(error)) from error


def scored_file(file: RowFile[R], scorer: Scorer, *, cascade: bool = False) -> Iterator[Scored[R]]:
    """The rows' verdicts, with a bar on stderr where that is a terminal."""
    if cascade:
        _check_answers(file, scorer)
    hidden = not sys.stderr.isatty()
    with click.progressbar(
        length=len(file.rows), label=f"Scoring {Path(file.path).name}", file=sys.stderr, hidden=hidden
    ) as bar:
        for number, scored in enumerate(score_rows(file.rows, scorer, cascade=cascade), 1):
            if number % _STEP == 0:
                bar.update(_STEP)
            yield scored
        bar.update(len(file.rows) % _STEP)


def _check_answers(file: RowFile[R], scorer: Scorer) -> None:
    card = scorer.card
    if not card.reads_answers:
        raise click.ClickException(
            f"model '{card.name}@{card.version}' cannot judge answers; train one with --cascade, or leave --cascade out"
        )
    if missing := sum(row.small_answer is None for row in file.rows):
        raise click.ClickException(
            f"{file.path}: {missing:,} of {len(file.rows):,} rows have no 'small_answer', which --cascade judges"
        )


def _listed(error: OutcomesError) -> str:
    found = len(error.problems) + error.more
    return f"the data cannot be used, {found} problem{'s' if found > 1 else ''}:\n{error}"
