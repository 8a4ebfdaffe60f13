"""Policy directories for tests: small files, written to a temporary directory."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from gateway.api.dialects import parse_any
from gateway.domain.policy import PolicySet
from gateway.domain.pricing import Price
from gateway.policyfile.loader import load_policies
from gateway.policyfile.problems import PolicyError
from gateway.policyfile.trial import Trial
from tests.fakes import FakeClassifier

DEPLOYMENTS = """
deployments:
  - {name: small-a, tier: small, provider: openai, model: s, labels: {residency: on_prem}}
  - {name: large-a, tier: large, provider: openai, model: l, labels: {residency: us}}
"""
ROUTES = """
routes:
  - {name: small-first, try: [small-a], then: [large-a]}
  - {name: large-only, try: [large-a]}
"""
POLICIES = """
policies:
  - name: default
    serves: [auto]
    baseline: large-a
    rules:
      - {name: easy goes small, when: classification.small_ok >= quality.threshold, route: small-first}
    default: large-only
"""
GOOD = DEPLOYMENTS + ROUTES + POLICIES


def unknown_prices(provider: str, model: str) -> Price | None:
    return None


def write(directory: Path, **files: str) -> Path:
    """Write NAME.yaml for each keyword."""
    for name, text in files.items():
        (directory / f"{name}.yaml").write_text(text, encoding="utf-8")
    return directory


def load(directory: Path, environment: Mapping[str, str] | None = None, **files: str) -> PolicySet:
    return load_policies(write(directory, **files), unknown_prices, environment or {})


def problems_of(directory: Path, environment: Mapping[str, str] | None = None, **files: str) -> list[str]:
    """What loading complains of, each problem less the directory's name."""
    with pytest.raises(PolicyError) as caught:
        load(directory, environment, **files)
    return [str(problem).removeprefix(f"{directory}/") for problem in caught.value.problems]


def trial() -> Trial:
    """Runs cases; a request whose case does not say what the classifier says is easy."""
    return Trial(parse_any, FakeClassifier())
