"""The model that a classifier command is about."""

from pathlib import Path
from typing import Final

import click

from gateway.classifiers.linear import LinearClassifier
from gateway.classifiers.model_file import load_classifier
from gateway.classifiers.scoring import ModelCard, ModelScorer, Scorer
from gateway.classifiers.tensors import ModelFileError

MODEL_VARIABLE: Final = "SIZEWISE_MODEL"

model_option = click.option(
    "--model",
    type=click.Path(path_type=Path),
    envvar=MODEL_VARIABLE,
    metavar="MODEL",
    help=f"A model file.  [{MODEL_VARIABLE}, or the shipped model]",
)


def scorer_of(model: Path | None) -> Scorer:
    """The scorer of a model file, or of the shipped model. Raises click's errors for a file that cannot be used."""
    return ModelScorer(classifier_from(model))


def classifier_from(model: Path | None) -> LinearClassifier:
    """Raises click's errors, as `scorer_of`."""
    try:
        return load_classifier(model)
    except ModelFileError as error:
        raise click.ClickException(str(error)) from error


def label_of(card: ModelCard) -> str:
    return f"{card.name}@{card.version}+{card.digest}"
