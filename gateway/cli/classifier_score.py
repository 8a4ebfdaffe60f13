"""`sizewise classifier score`: the verdict on each row, and why."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from gateway.classifiers.outcomes import Row
from gateway.classifiers.scoring import Scored
from gateway.cli.classifier_data import check_answers, data_option, row_files, scored_file
from gateway.cli.classifier_model import model_option, scorer_of
from gateway.cli.options import json_option
from gateway.cli.tables import table

_HEADINGS = ("ROW", "SMALL_OK", "CONFIDENCE", "TASK", "WHY")
_REASONS_SHOWN = 3


@click.command()
@data_option
@model_option
@click.option("--cascade", is_flag=True, help="Judge the small model's answer too.")
@json_option
def score(*, data: tuple[Path, ...], more: tuple[Path, ...], model: Path | None, cascade: bool, as_json: bool) -> None:
    """Classify each row, and say why; rows need no labels."""
    scorer = scorer_of(model)
    files = row_files(data, more)
    if cascade:
        check_answers(files, scorer)
    for file in files:
        scored = scored_file(file, scorer, cascade=cascade)
        if as_json:
            for each in scored:
                click.echo(msgspec.json.encode(_document(file.path, each)).decode())
        else:
            click.echo("\n".join(_table(file.path, scored)))


def _document(path: str, scored: Scored[Row]) -> dict[str, Any]:
    verdict = scored.classification
    return {
        "file": path,
        "line": scored.row.line,
        "small_ok": verdict.small_ok,
        "task": verdict.task,
        "confidence": verdict.confidence,
        "has_evidence": verdict.has_evidence,
        "contributions": [
            {"feature": each.feature, "log_odds": round(each.log_odds, 4)} for each in verdict.contributions
        ],
        "history": verdict.history and {"right": verdict.history.right, "requests": verdict.history.requests},
        "model": verdict.model,
        "microseconds": round(scored.microseconds, 1),
    }


def _table(path: str, scored: Iterator[Scored[Row]]) -> Iterator[str]:
    return table(_HEADINGS, [_cells(path, each) for each in scored], right_from=len(_HEADINGS))


def _cells(path: str, scored: Scored[Row]) -> tuple[str, ...]:
    verdict = scored.classification
    reasons = [f"{each.feature} {each.log_odds:+.1f}" for each in verdict.contributions[:_REASONS_SHOWN]]
    return (
        f"{Path(path).name}:{scored.row.line}",
        f"{verdict.small_ok:.3f}",
        f"{verdict.confidence:.3f}",
        verdict.task,
        "; ".join(reasons) or "nothing spoke for either",
    )
