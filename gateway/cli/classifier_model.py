"""The model that a classifier command is about."""

from pathlib import Path

import click

from gateway.classifiers.features import FeatureExtractor
from gateway.classifiers.lexicon import load_lexicon
from gateway.classifiers.linear import LinearClassifier
from gateway.classifiers.model_file import ModelFileError, load_prior, parse_model
from gateway.classifiers.scoring import ModelCard, PromptScorer, Scorer

model_option = click.option(
    "--model", type=click.Path(path_type=Path), metavar="MODEL", help="A model file.  [the shipped model]"
)


def scorer_of(model: Path | None) -> Scorer:
    """The scorer of a model file, or of the shipped model. Raises click's errors for a file that cannot be used."""
    if model is None:
        return PromptScorer(load_prior())
    try:
        parsed = parse_model(model.read_text("utf-8"), str(model))
    except ModelFileError as error:
        raise click.ClickException(str(error)) from error
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{model}: not a model file: it is not UTF-8 text") from error
    except OSError as error:
        raise click.ClickException(f"{model}: cannot be read: {error.strerror}") from error
    return PromptScorer(LinearClassifier(parsed, FeatureExtractor(load_lexicon())))


def label_of(card: ModelCard) -> str:
    return f"{card.name}@{card.version}"
