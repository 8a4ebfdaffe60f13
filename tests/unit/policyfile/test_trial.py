from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.api.dialects import parse_any
from gateway.domain.errors import InvalidRequestError, UnknownModelError
from gateway.domain.facts import Budget
from gateway.domain.policy import PolicySet
from gateway.domain.request import Caller
from gateway.domain.session import session_key
from gateway.policyfile.trial import Given, Trial, named
from tests.builders import a_classification, a_session
from tests.fakes import FakeClassifier
from tests.unit.policyfile.folder import GOOD, load

CANDIDATE = """
policies:
  - {name: next, serves: [auto], rollout: shadow, headers: [x-team], default: small-first}
"""
TRIAL = Trial(parse_any, FakeClassifier(a_classification(0.9)))


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> PolicySet:
    return load(tmp_path_factory.mktemp("policies"), p=GOOD, q=CANDIDATE)


def _body(text: str = "hello", **more: Any) -> bytes:
    return msgspec.json.encode({"model": "auto", "messages": [{"role": "user", "content": text}], **more})


def test_what_is_said_takes_the_place_of_what_the_classifier_says(policies: PolicySet) -> None:
    facts, decision = TRIAL.decide(policies, _body(), Given(said={"task": "legal", "small_ok": 0.1}))

    assert (facts.classification.task, facts.classification.small_ok) == ("legal", 0.1)
    assert facts.classification.model == a_classification().model
    assert decision.rule == "default"


def test_what_is_said_of_a_signal_takes_the_place_of_what_was_measured(policies: PolicySet) -> None:
    facts, _ = TRIAL.decide(policies, _body(), Given(measured={"tokens": 9_000}))

    assert (facts.signals.tokens, facts.signals.turns) == (9_000, 1)


def test_conditions_see_what_was_given(policies: PolicySet) -> None:
    given = Given(caller=Caller(key_id="k", team="legal"), budget=Budget(exists=True, used_ratio=2.0), at_s=5.0)

    facts, _ = TRIAL.decide(policies, _body(), given)

    assert (facts.caller, facts.budget, facts.at_s) == (given.caller, given.budget, 5.0)


def test_only_headers_that_the_policy_reads_are_seen(policies: PolicySet) -> None:
    headers = {"x-team": "a", "x-other": "b"}

    in_force, _ = TRIAL.decide(policies, _body(), Given(headers=headers))
    rolled_out, _ = TRIAL.decide(policies, _body(), Given(headers=headers, policy="next"))

    assert (in_force.headers, rolled_out.headers) == ({}, {"x-team": "a"})


def test_a_policy_on_its_way_decides_only_where_it_is_named(policies: PolicySet) -> None:
    assert TRIAL.decide(policies, _body(), Given()).decision.policy == "default"
    assert TRIAL.decide(policies, _body(), Given(policy="next")).decision.policy == "next"


def test_what_the_session_held_is_carried_as_live_traffic_carries_it(policies: PolicySet) -> None:
    session = a_session(sensitive=("personal",))

    facts, _ = TRIAL.decide(policies, _body(), Given(session=session))

    assert facts.signals.sensitive == ("personal",)


def test_a_session_that_the_body_names_has_the_key_live_traffic_gives_it(policies: PolicySet) -> None:
    body = _body(metadata={"session_id": "s-1"})

    facts, _ = TRIAL.decide(policies, body, Given())

    assert facts.session_key == session_key(TRIAL.read(body), facts.caller, "s-1")


def test_a_walk_comes_to_the_same_decision(policies: PolicySet) -> None:
    walked = TRIAL.walk(policies, _body(), Given())

    assert (walked.facts, walked.decision) == TRIAL.decide(policies, _body(), Given())
    assert walked.rules[0].values == {"classification.small_ok": 0.9, "quality.threshold": 0.5}
    assert walked.beside is not None
    assert walked.beside.policy == "next"


def test_a_body_of_either_dialect_is_read(policies: PolicySet) -> None:
    body = msgspec.json.encode(
        {"model": "auto", "max_tokens": 9, "system": "be brief", "messages": [{"role": "user", "content": "hello"}]}
    )

    facts, _ = TRIAL.decide(policies, body, Given())

    assert [message.role for message in facts.request.messages] == ["system", "user"]


def test_what_the_gateway_would_not_take_is_not_tried(policies: PolicySet) -> None:
    with pytest.raises(InvalidRequestError, match="not valid JSON"):
        TRIAL.decide(policies, b"{", Given())
    with pytest.raises(UnknownModelError, match="did you mean 'auto'"):
        TRIAL.decide(policies, _body().replace(b'"auto"', b'"aut"'), Given())


def test_a_policy_is_found_by_its_name_in_force_or_not(policies: PolicySet, tmp_path: Path) -> None:
    assert named(policies, "default") is policies.by_alias["auto"]
    assert named(policies, "next") is policies.candidates["auto"]
    assert named(policies, "none") is None
