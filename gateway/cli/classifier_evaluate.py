"""`sizewise classifier evaluate`: how good a model's verdicts are, on labelled rows."""

from pathlib import Path

import click
import msgspec

from gateway.classifiers.equal_quality import Prices
from gateway.classifiers.evaluation import evaluate as evaluation_of
from gateway.classifiers.evaluation import evidence_of
from gateway.cli.classifier_data import check_answers, data_option, labelled_files, scored_file
from gateway.cli.classifier_model import label_of, model_option, scorer_of
from gateway.cli.classifier_prices import price_options
from gateway.cli.classifier_report import evaluation_lines
from gateway.cli.extras import needs_extra
from gateway.domain.pricing import Price


@click.command()
@data_option
@model_option
@click.option("--cascade", is_flag=True, help="Judge the small model's answer too; it is then paid for in every row.")
@click.option(
    "--keep",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.97,
    show_default=True,
    help="Compare costs where this share of the large model's accuracy is kept.",
)
@price_options
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the resampled rows and folds.")
@click.option("--plot", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Draw figures there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def evaluate(
    *,
    data: tuple[Path, ...],
    more: tuple[Path, ...],
    model: Path | None,
    cascade: bool,
    keep: float,
    small_price: Price,
    large_price: Price,
    seed: int,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Measure a model on rows that say whose answer was right.

    Rows that the model was trained on flatter it: keep some aside. APGR and CPT as in RouteLLM (arXiv 2406.18665), by
    1 - small_ok; calibration by small_ok against 'small_correct'.
    """
    if plot is not None:
        with needs_extra("train", "matplotlib"):
            from gateway.cli.classifier_plots import draw  # noqa: PLC0415 (seconds to load)
    scorer = scorer_of(model)
    prices = Prices(small=small_price, large=large_price)
    files = labelled_files(data, more).files
    if cascade:
        check_answers(files, scorer)
    documents = []
    for number, file in enumerate(files):
        scored = list(scored_file(file, scorer, cascade=cascade))
        found = evaluation_of(scored, prices=prices, keep=keep, cascade=cascade, seed=seed)
        documents.append({"file": file.path, **msgspec.to_builtins(found)})
        if not as_json:
            click.echo("\n".join([*([""] if number else []), *evaluation_lines(file.path, found)]))
        if plot is not None:
            for drawn in draw(plot, file.path, evidence_of(scored, prices), found):
                click.echo(f"drawn: {drawn}", err=True)
    if as_json:
        click.echo(msgspec.json.encode({"model": label_of(scorer.card), "files": documents}).decode())
