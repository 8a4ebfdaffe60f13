"""Live traffic, `policy test`, `policy explain` and `decide` come to the same decision on every case that ships."""

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.api.dialects import parse_any
from gateway.classifiers.model_file import load_prior
from gateway.cli.policy_explain import explain
from gateway.cli.policy_trial import policies_to_try
from gateway.domain.classification import Classification
from gateway.domain.decision import Decision, decide
from gateway.domain.errors import GatewayError
from gateway.domain.facts import Budget, Fleet
from gateway.domain.policy import Policy, PolicySet
from gateway.domain.record import RequestRecord
from gateway.domain.request import NOBODY, Caller, ChatRequest
from gateway.domain.sensitivity import Kind
from gateway.domain.session import Session
from gateway.domain.signals import Signals
from gateway.domain.walkthrough import Walkthrough, as_document
from gateway.pipeline import Gateway
from gateway.policyfile.case_runner import run_case
from gateway.policyfile.cases import Case, read_cases
from gateway.policyfile.explainer import AdminExplainer, Explainer
from gateway.policyfile.trial import Given, Trial
from gateway.providers.price_map import PriceMap
from tests.attempts import attempts_over
from tests.fakes import (
    Fails,
    FakeClassifier,
    FakeExchange,
    FakeHealthBoard,
    FakeHold,
    FakePolicies,
    FakeProvider,
    FakeRecorder,
)
from tests.virtual_time import LoopClock, run

POLICIES = Path(__file__).parents[2] / "policies"
DIRECTORIES = [POLICIES / "demo", *sorted(each for each in (POLICIES / "examples").iterdir() if each.is_dir())]
CLASSIFIER = load_prior()
TRIAL = Trial(parse_any, CLASSIFIER)
REQUEST_ID = "trial"


class Said(FakeClassifier):
    """`Classifier` that says what a case says it said; asked, as the shipped one, for the rest."""

    def __init__(self, given: Given) -> None:
        super().__init__()
        self._given = given

    def classify(self, request: ChatRequest, signals: Signals, caller: Caller = NOBODY) -> Classification:
        return replace(CLASSIFIER.classify(request, signals, caller), **self._given.said)


class Known:
    """The ports that live traffic asks for what a case gives."""

    def __init__(self, given: Given) -> None:
        self._given = given

    def authenticate(self, credential: str | None) -> Caller:
        return self._given.caller

    async def admit(self, caller: Caller, request: ChatRequest, policy: Policy) -> FakeHold:
        return FakeHold(self._given.budget)

    def find(self, key: str) -> Session | None:
        return self._given.session

    def keep(self, key: str, session: Session) -> None: ...
    def restrict(self, key: str, kinds: tuple[Kind, ...], at_s: float) -> None: ...


class Resting(FakeHealthBoard):
    def __init__(self, fleet: Fleet) -> None:
        super().__init__()
        self._fleet = fleet

    def fleet(self, now_s: float) -> Fleet:
        return self._fleet


class At(LoopClock):
    def __init__(self, now_s: float) -> None:
        super().__init__()
        self._now_s = now_s

    def now(self) -> float:
        return self._now_s


class Shipped(NamedTuple):
    policies: PolicySet
    case: Case


def _shipped_cases() -> Iterator[Any]:
    for directory in DIRECTORIES:
        policies = policies_to_try(directory, assume_env=True)
        for case in read_cases(directory, policies):
            yield pytest.param(Shipped(policies, case), id=f"{directory.name}: {case.name}")


def _could_be_live(case: Case) -> bool:
    """Signals that are said, and a policy that is only on its way, are nothing that live traffic could meet."""
    is_begun = any(message.get("role") in {"assistant", "tool"} for message in case.request["messages"])
    return not case.given.measured and not case.given.policy and (case.given.session is None or is_begun)


SHIPPED = [*_shipped_cases()]
LIKE_LIVE = [each for each in SHIPPED if _could_be_live(each.values[0].case)]


def _live(policies: PolicySet, body: bytes, given: Given) -> RequestRecord:
    """The record the whole pipeline leaves where every upstream is down."""
    recorder, health, clock = FakeRecorder(), Resting(given.fleet), At(given.at_s)
    down = FakeProvider(*[Fails(error=GatewayError("down"))] * 20)
    known = Known(given)
    gateway = Gateway(
        keys=known,
        policies=FakePolicies(policies),
        admission=known,
        sessions=known,
        classifier=Said(given),
        health=health,
        attempts=attempts_over(lambda _: down, health=health, clock=clock),
        recorder=recorder,
        clock=clock,
    )
    exchange = FakeExchange(request=parse_any(body), request_id=REQUEST_ID, sent_headers=given.headers)
    run(gateway.chat(exchange))
    (record,) = recorder.records
    return record


def _said(decision: Decision) -> tuple[Any, ...]:
    return (
        decision.policy,
        decision.policy_version,
        decision.rule,
        decision.route.name,
        decision.reasons,
        decision.excluded,
        decision.threshold,
    )


def _agree(walked: Walkthrough, decision: Decision) -> None:
    document = as_document(walked)
    assert walked.decision == decision
    assert document["rule"] == decision.rule
    assert [each["deployment"] for each in document["plan"]] == [each.name for each in decision.plan]
    true = [each.name for each in walked.rules if each.holds]
    assert true in ([], [decision.rule]) or walked.facts.session is not None
    kept = {each.name for each in walked.constraints if each.holds}
    assert all(f"constraint {name!r}" in " ".join(decision.reasons) for name in kept)


@pytest.mark.parametrize("shipped", SHIPPED)
def test_every_case_is_decided_alike_wherever_it_is_asked(shipped: Shipped) -> None:
    policies, case = shipped
    body = msgspec.json.encode(case.request)

    facts, decision = TRIAL.decide(policies, body, case.given)
    result = run_case(case, policies, TRIAL)
    walked = TRIAL.walk(policies, body, case.given)

    assert result.decision == decision
    assert result.differences == ()
    assert decide(walked.policy, facts) == decision
    _agree(walked, decision)


@pytest.mark.parametrize("shipped", LIKE_LIVE)
def test_live_traffic_decides_as_the_case_says(shipped: Shipped) -> None:
    policies, case = shipped
    body = msgspec.json.encode(case.request)

    live = _live(policies, body, case.given)
    decided_by = dataclasses.replace(case.given, policy=live.policy or "")  # a canary takes some sessions
    facts, decision = TRIAL.decide(policies, body, decided_by)

    assert (live.signals, live.classification) == (facts.signals, facts.classification)
    recorded = (live.policy, live.policy_version, live.rule, live.route, live.reasons, live.excluded, live.threshold)
    assert recorded == _said(decision)


SETS = [policies_to_try(directory, assume_env=True) for directory in DIRECTORIES]


@st.composite
def _circumstances(draw: st.DrawFn) -> tuple[PolicySet, Given]:
    policies = draw(st.sampled_from(SETS))
    policy = draw(st.sampled_from(policies.policies))
    names = st.sampled_from(sorted(policies.deployments))
    route = draw(st.sampled_from(sorted(policy.routes)))
    session = Session(
        rule=draw(st.sampled_from([rule.name for rule in policy.rules] or ["default"])),
        route=route,
        deployment=policies.routes[route].first[0].name,
        tier=policies.routes[route].first[0].tier,
        rank=policies.routes[route].first[0].rank,
        prefix_tokens=draw(st.integers(0, 100_000)),
    )
    so_far = Given(
        policy=policy.name,
        caller=Caller(key_id="k", team=draw(st.sampled_from(["", "legal", "support", "finance"]))),
        measured={
            "tokens": draw(st.integers(0, 300_000)),
            "tool_loop": draw(st.booleans()),
            "tools": draw(st.integers(0, 3)),
            "sensitive": draw(st.sampled_from([(), ("personal",), ("secret", "health"), ("legal",)])),
        },
        said={"small_ok": draw(st.floats(0, 1)), "has_evidence": draw(st.booleans())},
        session=draw(st.sampled_from([None, session])),
        budget=draw(st.sampled_from([Budget(), Budget(exists=True, used_ratio=0.95)])),
        fleet=Fleet(cooling=dict.fromkeys(draw(st.sets(names)), 30.0)),
        at_s=draw(st.floats(0, 4e9)),
    )
    sensitive = so_far.measured["sensitive"]
    measured = {**so_far.measured, "sensitivity": sensitive[0] if sensitive else "none"}
    return policies, dataclasses.replace(so_far, measured=measured)


@settings(deadline=None)
@given(_circumstances(), st.text(min_size=1, max_size=200).filter(lambda text: text.isprintable()))
def test_whatever_is_given_explain_comes_to_what_is_decided(chosen: tuple[PolicySet, Given], text: str) -> None:
    policies, circumstances = chosen
    body = msgspec.json.encode({"model": "any", "messages": [{"role": "user", "content": text}]})

    tried = TRIAL.decide(policies, body, circumstances)
    walked = TRIAL.walk(policies, body, circumstances)

    assert tried == TRIAL.decide(policies, body, circumstances)
    _agree(walked, tried.decision)
    barred = {
        name
        for constraint, asked in zip(walked.policy.constraints, walked.constraints, strict=True)
        for name in policies.deployments
        if asked.holds and name not in constraint.permitted
    }
    assert not barred & {each.name for each in tried.decision.plan}


@pytest.mark.parametrize("directory", DIRECTORIES, ids=lambda directory: directory.name)
def test_the_command_line_the_admin_plane_and_a_draft_of_the_same_files_give_one_document(directory: Path) -> None:
    policies = policies_to_try(directory, assume_env=True)
    prices = PriceMap()
    explainer = AdminExplainer(Explainer(TRIAL, now=lambda: 0.0), FakePolicies(policies), prices)
    question = {"ask": "Write to jane.doe@example.com", "team": "legal", "at": "2026-11-20 14:30"}
    files = {file.name: file.read_text(encoding="utf-8") for file in directory.glob("*.yaml")}

    in_force = explainer(question)
    draft = explainer({**question, "policies": files})
    printed = CliRunner().invoke(
        explain,
        [str(directory), "--assume-env", "--json", "--ask", question["ask"], "--team", "legal", "--at", question["at"]],
    )

    assert msgspec.json.decode(printed.stdout) == msgspec.json.decode(msgspec.json.encode(in_force))
    assert draft == in_force


def test_nothing_of_the_environment_is_in_an_explanation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "SIZEWISE_DEMO_UPSTREAM", "http://internal.invalid/v1")
    policies = policies_to_try(POLICIES / "demo", assume_env=True)
    body = msgspec.json.encode({"model": "auto", "messages": [{"role": "user", "content": "my words"}]})

    encoded = msgspec.json.encode(as_document(TRIAL.walk(policies, body, Given())))

    assert b"internal.invalid" not in encoded
    assert b"my words" not in encoded
