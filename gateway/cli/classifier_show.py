"""`sizewise classifier show`: what a model has learned."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import msgspec

from gateway.classifiers.heads import LARGEST_LOG_ODDS
from gateway.classifiers.linear import Band, logistic
from gateway.classifiers.scoring import ModelCard
from gateway.cli.classifier_model import label_of, model_option, scorer_of
from gateway.cli.tables import printable, table

_LONGEST_NAME = 60
_LONGEST_LABEL = 200
_LONGEST_PROVENANCE = 2_000


@click.command()
@model_option
@click.option("--top", type=click.IntRange(1), default=10, show_default=True, help="So many of each kind each way.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, with all of them.")
def show(*, model: Path | None, top: int, as_json: bool) -> None:
    """Show what the shipped model, or MODEL, has learned: what speaks loudest each way."""
    card = scorer_of(model).card
    click.echo(msgspec.json.encode(_document(card)).decode() if as_json else "\n".join(_lines(card, top)))


def _document(card: ModelCard) -> dict[str, Any]:
    bands = [
        {"small_ok_max": logistic(each.log_odds_max), "requests": each.rows, "right": each.right}
        for each in card.history
    ]
    return {**msgspec.to_builtins(card), "history": bands}


def _lines(card: ModelCard, top: int) -> Iterator[str]:
    yield f"{printable(label_of(card), _LONGEST_LABEL)}: {printable(card.provenance, _LONGEST_PROVENANCE)}"
    yield f"It judges requests{', and answers of the small model' if card.reads_answers else ', not answers'}."
    yield f"Tasks: {', '.join(card.tasks) or 'told as the shipped model does'}."
    yield (
        f"Log-odds, above 0 for the small model: {card.bias:+.2f} where nothing is known, and in a verdict each of the"
        f" following adds at most {LARGEST_LOG_ODDS:g}; {card.ngrams:,} n-grams have a weight, most of them no name."
    )
    for kind, unit, weights in (
        ("Named features", "AT VALUE 1", card.weights),
        ("Words and pairs of words", "ALONE", {repr(word): weight for word, weight in card.words.items()}),
        ("Amounts", "A DEVIATION", card.amounts),
    ):
        for sign, model in ((1.0, "small"), (-1.0, "large")):
            yield from _ranked(f"{kind} for the {model} model", unit, weights, sign, top)
    if card.history:
        yield ""
        yield "What became of its training rows, by small_ok of a fit that left them out"
        yield from _history(card.history)


def _ranked(what: str, unit: str, weights: Mapping[str, float], sign: float, top: int) -> Iterator[str]:
    """The weightiest of one sign; nothing where there are none."""
    speaking = [(name, weight) for name, weight in weights.items() if sign * weight > 0.0]
    if not speaking:
        return
    speaking.sort(key=lambda each: -abs(each[1]))
    rows = [(printable(name, _LONGEST_NAME), f"{weight:+.2f}") for name, weight in speaking[:top]]
    yield ""
    yield what + (f" (the first {top} of {len(speaking):,})" if len(speaking) > top else "")
    yield from table(("NAME", unit), rows, right_from=1)


def _history(bands: tuple[Band, ...]) -> Iterator[str]:
    tops = [logistic(band.log_odds_max) for band in bands]
    ranges = [f"to {tops[0]:.2f}", *(f"{low:.2f} to {high:.2f}" for low, high in pairwise(tops))]
    ranges[-1] = f"from {tops[-2]:.2f}" if len(tops) > 1 else "all"
    rows = [
        (spread, f"{band.rows:,}", f"{band.right / band.rows:.1%}" if band.rows else "-")
        for spread, band in zip(ranges, bands, strict=True)
    ]
    return table(("SMALL_OK", "ROWS", "RIGHT ON SMALL"), rows, right_from=1)
