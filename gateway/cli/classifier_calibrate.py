"""`sizewise classifier calibrate`: the threshold for the policy file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from gateway.classifiers import calibration
from gateway.classifiers.equal_quality import Prices
from gateway.classifiers.evaluation import Evidence, evidence_of
from gateway.cli.classifier_data import check_answers, data_option, labelled_files, scored_file
from gateway.cli.classifier_model import label_of, model_option, scorer_of
from gateway.cli.classifier_prices import price_options
from gateway.domain.pricing import NANO_PER_USD, Price

_USUAL_CONFIDENCE = 0.9
_OPEN_SHARE = click.FloatRange(0, 1, min_open=True, max_open=True)


@click.command()
@data_option
@model_option
@click.option("--cascade", is_flag=True, help="Judge the small model's answer; it is then paid for in every row.")
@click.option("--keep", type=_OPEN_SHARE, help="Keep this share of the large model's accuracy.")
@click.option("--confidence", type=_OPEN_SHARE, help="How sure to be of --keep.  [0.9]")
@click.option("--large-share", type=click.FloatRange(0, 1), help="Send this share of the rows to the large model.")
@price_options
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the resampled rows.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def calibrate(
    *,
    data: tuple[Path, ...],
    more: tuple[Path, ...],
    model: Path | None,
    cascade: bool,
    keep: float | None,
    confidence: float | None,
    large_share: float | None,
    small_price: Price,
    large_price: Price,
    seed: int,
    as_json: bool,
) -> None:
    """Choose the threshold on small_ok from labelled rows that the model was not trained on.

    With --keep: the largest share for the small model whose quality, by a one-sided bound, is kept. With --cascade:
    the threshold is on small_ok of the small model's answer. Exits with 1 where there are too few labels, and says how
    many are missing, or where no threshold keeps the quality.
    """
    if (keep is None) == (large_share is None):
        raise click.UsageError("give --keep (with --confidence) or --large-share, and not both")
    if keep is None and confidence is not None:
        raise click.UsageError("--confidence says how sure to be of --keep; give --keep too")
    scorer = scorer_of(model)
    files = labelled_files(data, more).files
    if cascade:
        check_answers(files, scorer)
    scored = [each for file in files for each in scored_file(file, scorer, cascade=cascade)]
    evidence = evidence_of(scored, Prices(small=small_price, large=large_price))
    confidence = None if keep is None else confidence or _USUAL_CONFIDENCE
    found = _threshold(evidence, keep=keep, confidence=confidence, large_share=large_share, seed=seed)
    goes_small = evidence.small_ok >= found.threshold
    pays_small = goes_small | cascade
    document = {
        "model": label_of(scorer.card),
        "cascade": cascade,
        **msgspec.to_builtins(found),
        "keep": keep,
        "confidence": confidence,
        "cost_nano_usd": int(evidence.costs.small[pays_small].sum() + evidence.costs.large[~goes_small].sum()),
        "always_large_cost_nano_usd": int(evidence.costs.large.sum()),
        "small_without_evidence": sum(
            bool(small) and not each.classification.has_evidence for small, each in zip(goes_small, scored, strict=True)
        ),
    }
    click.echo(msgspec.json.encode(document).decode() if as_json else "\n".join(_lines(document)))


def _threshold(
    evidence: Evidence, *, keep: float | None, confidence: float | None, large_share: float | None, seed: int
) -> calibration.Threshold:
    """By `keep` and `confidence`, or by `large_share`. Raises click's errors."""
    columns = (evidence.small_ok, evidence.small_correct, evidence.large_correct)
    if keep is None or confidence is None:
        return calibration.threshold_for_share(*columns, large_share=large_share or 0.0)
    try:
        found = calibration.threshold_keeping(*columns, keep=keep, confidence=confidence, seed=seed)
    except calibration.TooFewLabelsError as error:
        raise click.ClickException(str(error)) from error
    if found is None:
        raise click.ClickException(
            f"no threshold is sure to keep {keep:g} of the quality on these {len(evidence.small_ok):,} rows: send all"
            " to the large model, or train on more rows of your own traffic"
        )
    return found


def _lines(found: dict[str, Any]) -> Iterator[str]:
    """The line for the policy file first; the rest are comments, so that all of it may be pasted."""
    large_nano_usd, cost = found["always_large_cost_nano_usd"], found["cost_nano_usd"]
    yield f"{'check: {min_score' if found['cascade'] else 'quality: {threshold'}: {found['threshold']}}}"
    if found["cascade"]:
        yield "# a key of routes, once routes have checks: the large model is asked where the small answer scores below"
    yield f"# by {found['model']} on {found['rows']:,} labelled rows; too hopeful if it was trained on them"
    yield f"# expected: {found['large_share']:.1%} to the large model, accuracy {found['accuracy']:.1%}"
    if (kept := found["quality_kept"]) is not None:
        bound = found["quality_bound"]
        sure = "" if bound is None else f"; at least {bound:.2%} with confidence {found['confidence']:g}"
        yield f"# quality kept: {kept:.2%} of the large model's{sure}"
    against = f" ({cost / large_nano_usd - 1.0:+.1%})" if large_nano_usd else ""
    yield f"# cost: ${cost / NANO_PER_USD:,.4f} against ${large_nano_usd / NANO_PER_USD:,.4f} always large{against}"
    if found["cascade"]:
        yield "# the small model is paid for in every row"
    elif without := found["small_without_evidence"]:
        yield f"# {without:,} rows go small by this threshold without evidence (too little is known of them);"
        yield "# to keep those at the default, the rule's condition is:"
        yield "#   classification.has_evidence && classification.small_ok >= quality.threshold"
