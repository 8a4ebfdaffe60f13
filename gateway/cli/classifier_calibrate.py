"""`sizewise classifier calibrate`: the threshold for the policy file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from gateway.cli.classifier_data import data_option, labelled_files, scored_file
from gateway.cli.classifier_model import label_of, model_option, scorer_of
from gateway.cli.classifier_prices import price_options
from gateway.cli.extras import needs_extra
from gateway.domain.pricing import NANO_PER_USD, Price

_USUAL_CONFIDENCE = 0.9
_OPEN_SHARE = click.FloatRange(0, 1, min_open=True, max_open=True)


@click.command()
@data_option
@model_option
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
    keep: float | None,
    confidence: float | None,
    large_share: float | None,
    small_price: Price,
    large_price: Price,
    seed: int,
    as_json: bool,
) -> None:
    """Choose the threshold on small_ok from labelled rows that the model was not trained on.

    With --keep: the largest share for the small model whose quality, by a one-sided bound, is kept. Exits with 1 where
    there are too few labels, and says how many are missing, or where no threshold keeps the quality.
    """
    if (keep is None) == (large_share is None):
        raise click.UsageError("give --keep (with --confidence) or --large-share, and not both")
    if keep is None and confidence is not None:
        raise click.UsageError("--confidence says how sure to be of --keep; give --keep too")
    with needs_extra("train", "numpy"):
        from gateway.classifiers import calibration  # noqa: PLC0415 (numpy: others need none)
        from gateway.classifiers.equal_quality import Prices  # noqa: PLC0415
        from gateway.classifiers.evaluation import evidence_of  # noqa: PLC0415
    scorer = scorer_of(model)
    scored = [each for file in labelled_files(data, more).files for each in scored_file(file, scorer)]
    evidence = evidence_of(scored, Prices(small=small_price, large=large_price))
    columns = (evidence.small_ok, evidence.small_correct, evidence.large_correct)
    try:
        if keep is None:
            found: calibration.Threshold | None = calibration.threshold_for_share(
                *columns, large_share=large_share or 0.0
            )
        else:
            confidence = confidence or _USUAL_CONFIDENCE
            found = calibration.threshold_keeping(*columns, keep=keep, confidence=confidence, seed=seed)
    except calibration.TooFewLabelsError as error:
        raise click.ClickException(str(error)) from error
    if found is None:
        raise click.ClickException(
            f"no threshold is sure to keep {keep:g} of the quality on these {len(scored):,} rows: send all to the large"
            " model, or train on more rows of your own traffic"
        )
    goes_small = evidence.small_ok >= found.threshold
    cost = int(evidence.costs.small[goes_small].sum() + evidence.costs.large[~goes_small].sum())
    document = {
        "model": label_of(scorer.card),
        **msgspec.to_builtins(found),
        "keep": keep,
        "confidence": confidence,
        "cost_nano_usd": cost,
        "always_large_cost_nano_usd": int(evidence.costs.large.sum()),
        "small_without_evidence": sum(
            bool(small) and not each.classification.has_evidence for small, each in zip(goes_small, scored, strict=True)
        ),
    }
    click.echo(msgspec.json.encode(document).decode() if as_json else "\n".join(_lines(document)))


def _lines(found: dict[str, Any]) -> Iterator[str]:
    """The line for the policy file first; the rest are comments, so that all of it may be pasted."""
    large_nano_usd, cost = found["always_large_cost_nano_usd"], found["cost_nano_usd"]
    yield f"quality: {{threshold: {found['threshold']}}}"
    yield f"# by {found['model']} on {found['rows']:,} labelled rows; too hopeful if it was trained on them"
    yield f"# expected: {found['large_share']:.1%} to the large model, accuracy {found['accuracy']:.1%}"
    if (kept := found["quality_kept"]) is not None:
        bound = found["quality_bound"]
        sure = "" if bound is None else f"; at least {bound:.2%} with confidence {found['confidence']:g}"
        yield f"# quality kept: {kept:.2%} of the large model's{sure}"
    against = f" ({cost / large_nano_usd - 1.0:+.1%})" if large_nano_usd else ""
    yield f"# cost: ${cost / NANO_PER_USD:,.4f} against ${large_nano_usd / NANO_PER_USD:,.4f} always large{against}"
    if without := found["small_without_evidence"]:
        yield f"# {without:,} rows go small by this threshold though nothing in them spoke for it;"
        yield "# to keep those at the default, the rule's condition is:"
        yield "#   classification.has_evidence && classification.small_ok >= quality.threshold"
