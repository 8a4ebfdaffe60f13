import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.api.openai_chat import parse_chat
from gateway.attempts import Attempts
from gateway.classifiers.model_file import load_prior
from gateway.cli.policy_explain import as_document
from gateway.cli.policy_trial import policies_to_try, tried
from gateway.deadlines import Deadlines
from gateway.domain.classification import Classification
from gateway.domain.errors import GatewayError, InvalidRequestError, UnknownModelError
from gateway.domain.policy import PolicySet
from gateway.domain.record import RequestRecord
from gateway.domain.request import Caller
from gateway.pipeline import Gateway
from gateway.policyfile.cases import read_cases
from gateway.policyfile.problems import PolicyError
from gateway.store.static_keys import StaticKeys
from tests.builders import a_classification
from tests.fakes import (
    Answers,
    FakeAdmission,
    FakeClassifier,
    FakeExchange,
    FakeHealthBoard,
    FakePolicies,
    FakeProvider,
    FakeRecorder,
)
from tests.virtual_time import LoopClock, run

DEMO = Path(__file__).parents[3] / "policies" / "demo"


@pytest.fixture(scope="module")
def policies() -> PolicySet:
    return policies_to_try(DEMO, assume_env=True)


def _bodies() -> Sequence[dict[str, Any]]:
    """Every request the demo's cases make."""
    return [dict(case.request) for case in read_cases(DEMO, policies_to_try(DEMO, assume_env=True))]


def _body(text: str = "hello", model: str = "auto") -> bytes:
    return msgspec.json.encode({"model": model, "messages": [{"role": "user", "content": text}]})


def _gateway(policies: PolicySet, recorder: FakeRecorder) -> Gateway:
    health, clock, provider = FakeHealthBoard(), LoopClock(), FakeProvider(Answers(body=b"{}"))
    return Gateway(
        keys=StaticKeys(["client-key"]),
        policies=FakePolicies(policies),
        admission=FakeAdmission(),
        classifier=load_prior(),
        health=health,
        attempts=Attempts(provider_of=lambda _: provider, health=health, clock=clock, deadlines=Deadlines()),
        recorder=recorder,
        clock=clock,
    )


def _live(policies: PolicySet, body: bytes) -> RequestRecord:
    """The record the whole pipeline leaves of the body."""
    recorder = FakeRecorder()
    run(_gateway(policies, recorder).chat(FakeExchange(request=parse_chat(body))))
    (record,) = recorder.records
    return record


@pytest.mark.parametrize("request_body", _bodies(), ids=lambda body: str(body["messages"][0]["content"])[:30])
def test_a_trial_decides_as_live_traffic_does(policies: PolicySet, request_body: dict[str, Any]) -> None:
    body = msgspec.json.encode(request_body)

    live = _live(policies, body)
    facts, decision = tried(policies, body, load_prior())

    assert (facts.signals, facts.classification) == (live.signals, live.classification)
    assert (decision.policy, decision.policy_version) == (live.policy, live.policy_version)
    assert (decision.rule, decision.route.name, decision.threshold) == (live.rule, live.route, live.threshold)
    assert (decision.reasons, decision.excluded) == (live.reasons, live.excluded)
    assert (decision.plan[0].name if decision.plan else None) == live.deployment


def test_explain_shows_the_very_decision(policies: PolicySet) -> None:
    facts, decision = tried(policies, _body(), load_prior())

    document = as_document(facts, decision)

    assert (document["rule"], document["route"]) == (decision.rule, decision.route.name)
    assert [each["deployment"] for each in document["plan"]] == [each.name for each in decision.plan]


def test_what_a_case_says_takes_the_place_of_what_the_classifier_says(policies: PolicySet) -> None:
    said = {"task": "legal", "small_ok": 0.9}

    facts, decision = tried(policies, _body(), FakeClassifier(a_classification(0.1)), said=said)

    assert (facts.classification.task, facts.classification.small_ok) == ("legal", 0.9)
    assert isinstance(facts.classification, Classification)
    assert facts.classification.model == a_classification().model
    assert decision.rule == "legal and medical go large"


def test_conditions_see_the_caller_that_was_given(policies: PolicySet) -> None:
    caller = Caller(key_id="k", team="legal")

    facts, _ = tried(policies, _body(), load_prior(), caller=caller)

    assert facts.caller == caller


def test_an_unknown_model_is_refused_in_the_words_of_live_traffic(policies: PolicySet) -> None:
    body = _body(model="aut")
    with pytest.raises(GatewayError) as live:
        run(_gateway(policies, FakeRecorder()).chat(FakeExchange(request=parse_chat(body))))

    with pytest.raises(UnknownModelError) as trial:
        tried(policies, body, load_prior())

    assert str(trial.value) == str(live.value)


def test_a_body_the_gateway_would_not_accept_is_not_tried(policies: PolicySet) -> None:
    with pytest.raises(InvalidRequestError, match="not valid JSON"):
        tried(policies, b"{", load_prior())


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
