"""One request decided as live traffic is, but not sent: what `policy test` and `policy explain` share."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from gateway.api.openai_chat import parse_chat
from gateway.cli.assumed_environment import assumed_environment
from gateway.domain.decision import Decision, decide
from gateway.domain.policy import Facts, PolicySet
from gateway.domain.pricing import Price
from gateway.domain.request import Caller
from gateway.domain.signals import measure
from gateway.policyfile.loader import load_policies
from gateway.ports import Classifier

NOBODY: Final = Caller(key_id="trial")


def tried(
    policies: PolicySet,
    body: bytes,
    classifier: Classifier,
    *,
    caller: Caller = NOBODY,
    said: Mapping[str, Any] | None = None,
) -> tuple[Facts, Decision]:
    """What the gateway would decide on a request body, with every deployment well.

    said  fields of the classification to take in place of the classifier's
    Raises InvalidRequestError for a body the gateway would refuse, UnknownModelError where no policy serves its model.
    """
    request = parse_chat(body)
    policy = policies.serving(request.alias)
    signals = measure(request)
    classification = replace(classifier.classify(request, signals), **said or {})
    facts = Facts(request=request, caller=caller, signals=signals, classification=classification)
    return facts, decide(policy, facts, {})


def policies_to_try(directory: Path, *, assume_env: bool) -> PolicySet:
    """The directory's policies; no decision asks for a price, so the price map is left alone. Raises PolicyError."""
    return load_policies(directory, _no_price, assumed_environment(directory) if assume_env else os.environ)


def _no_price(provider: str, model: str) -> Price | None:  # noqa: ARG001 (PriceBook's signature)
    return None
