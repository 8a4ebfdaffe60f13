"""The policies that `policy test` and `policy explain` try requests on, and what tries them."""

import os
from pathlib import Path

import click

from gateway.api.dialects import parse_any
from gateway.cli.assumed_environment import assumed_environment
from gateway.cli.classifier_model import MODEL_VARIABLE, classifier_from
from gateway.domain.policy import PolicySet
from gateway.policyfile.loader import load_policies
from gateway.policyfile.trial import Trial
from gateway.providers.price_map import PriceMap


def policies_to_try(directory: Path, *, assume_env: bool) -> PolicySet:
    """The directory's policies, priced as live ones are. Raises PolicyError."""
    return load_policies(directory, PriceMap(), assumed_environment(directory) if assume_env else os.environ)


def trial() -> Trial:
    """As live traffic is decided, with the classifier that `serve` would use. Raises click's errors for its file."""
    model = os.environ.get(MODEL_VARIABLE)
    try:
        return Trial(parse_any, classifier_from(Path(model) if model else None))
    except click.ClickException as error:
        raise click.ClickException(f"{MODEL_VARIABLE}: {error.message}") from error
