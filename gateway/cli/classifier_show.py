"""`sizewise classifier show`: what a model has learned."""

import math
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from gateway.classifiers.scoring import ModelCard
from gateway.cli.classifier_model import label_of, model_option, scorer_of
from gateway.cli.tables import table


@click.command()
@model_option
@click.option("--top", type=click.IntRange(1), default=20, show_default=True, help="So many features each way.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, with every feature.")
def show(*, model: Path | None, top: int, as_json: bool) -> None:
    """Show what the shipped model, or MODEL, has learned: the features that speak loudest each way."""
    card = scorer_of(model).card
    click.echo(msgspec.json.encode(card).decode() if as_json else "\n".join(_lines(card, top)))


def _lines(card: ModelCard, top: int) -> Iterator[str]:
    yield f"{label_of(card)}: {card.provenance}"
    yield f"Where nothing is present it starts at {card.bias:+.2f} log-odds: small_ok {_logistic(card.bias):.2f}."
    if not card.reads_answers:
        yield "It judges requests, not answers."
    for what, sign in (("the small model", 1.0), ("the large model", -1.0)):
        speaking = [(name, weight) for name, weight in card.weights.items() if sign * weight > 0.0]
        speaking.sort(key=lambda each: -abs(each[1]))
        yield ""
        yield f"Speaks for {what}" + (f" (the first {top} of {len(speaking):,})" if len(speaking) > top else "")
        yield from _table(card, speaking[:top])
    if silent := [name for name, weight in card.weights.items() if weight == 0.0]:
        yield ""
        yield f"Says nothing: {', '.join(silent[:top])}" + (f" and {len(silent) - top:,} more" * (len(silent) > top))


def _table(card: ModelCard, weights: list[tuple[str, float]]) -> Iterator[str]:
    rows = [(name, f"{weight:+.2f}", f"{_logistic(card.bias + weight):.2f}") for name, weight in weights]
    return table(("FEATURE", "LOG-ODDS", "SMALL_OK, IT ALONE"), rows, right_from=1)


def _logistic(log_odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-max(-700.0, log_odds)))
