import os
from pathlib import Path

import msgspec
import pytest

from gateway.classifiers.model_file import load_prior
from gateway.cli.policy_trial import policies_to_try, trial
from gateway.domain.signals import measure
from gateway.policyfile.problems import PolicyError
from gateway.policyfile.trial import Given

DEMO = Path(__file__).parents[3] / "policies" / "demo"


def test_a_trial_asks_the_classifier_that_ships() -> None:
    body = msgspec.json.encode({"model": "auto", "messages": [{"role": "user", "content": "Translate: good morning"}]})

    facts, _ = trial().decide(policies_to_try(DEMO, assume_env=True), body, Given())

    assert facts.classification == load_prior().classify(facts.request, measure(facts.request))


def test_variables_are_assumed_only_where_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIZEWISE_DEMO_UPSTREAM", raising=False)

    assumed = policies_to_try(DEMO, assume_env=True)

    assert {each.api_base for each in assumed.deployments.values()} == {"https://assumed.invalid/v1"}
    with pytest.raises(PolicyError, match="'SIZEWISE_DEMO_UPSTREAM' is not set"):
        policies_to_try(DEMO, assume_env=False)


def test_a_variable_that_is_set_wins_over_the_placeholder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "SIZEWISE_DEMO_UPSTREAM", "http://127.0.0.1:9/v1")

    policies = policies_to_try(DEMO, assume_env=True)

    assert {each.api_base for each in policies.deployments.values()} == {"http://127.0.0.1:9/v1"}
