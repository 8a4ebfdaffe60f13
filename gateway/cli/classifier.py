"""`sizewise classifier`: train, measure and calibrate what says whether the small model is good enough."""

from typing import Final

import click

from gateway.cli.lazy_group import LazyCommand, LazyGroup

COMMANDS: Final = {
    "calibrate": LazyCommand("Choose the policy's threshold.", "gateway.cli.classifier_calibrate:calibrate"),
    "evaluate": LazyCommand("Measure a model on labelled rows.", "gateway.cli.classifier_evaluate:evaluate"),
    "score": LazyCommand("Classify each row, and say why.", "gateway.cli.classifier_score:score"),
    "show": LazyCommand("Show what a model has learned.", "gateway.cli.classifier_show:show"),
    "train": LazyCommand("Train a model on labelled rows.", "gateway.cli.classifier_train:train"),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def classifier() -> None:
    """Measure, train, calibrate and explain the classifier; no model is called."""
