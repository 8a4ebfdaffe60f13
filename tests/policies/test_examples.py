"""The shipped policy directories: no warning, cases that hold and reach every rule, promises kept on any facts.

What a single request is decided to be stands in the directories' own cases.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cli.assumed_environment import assumed_environment
from gateway.cli.policy_check import check
from gateway.cli.policy_test import try_cases
from gateway.cli.policy_trial import trial
from gateway.domain.affinity import remembers
from gateway.domain.classification import Classification, Task
from gateway.domain.decision import Decision, decide
from gateway.domain.facts import Budget, Facts, Fleet
from gateway.domain.policy import Deployment, Label, Policy, PolicySet
from gateway.domain.request import Caller, ChatRequest
from gateway.domain.sensitivity import highest
from gateway.domain.session import KINDS, Session
from gateway.domain.signals import Signals
from gateway.policyfile.cases import Case, read_cases
from gateway.policyfile.loader import load_policies
from gateway.providers.price_map import PriceMap
from tests.cpu_time import cpu_s

POLICIES = Path(__file__).parents[2] / "policies"
EXAMPLES = sorted(each.name for each in (POLICIES / "examples").iterdir())
SITUATIONS = {
    "default", "cost-first", "quality-first", "data-residency", "regulated", "support-desk", "coding-agents",
    "budget-aware", "checked-answers",
}  # fmt: skip
DIRECTORIES = ["demo", *(f"examples/{name}" for name in EXAMPLES)]
DECIDE_US = 120
"""Three times what is meant, for machines that are shared."""

Labels = Mapping[str, Label]
REQUIREMENTS: Mapping[str, Callable[[Labels], bool]] = {
    'labels.residency == "on_prem"': lambda labels: labels["residency"] == "on_prem",
    'labels.residency in ["eu", "on_prem"]': lambda labels: labels["residency"] in ("eu", "on_prem"),
    'labels.residency in ["on_prem", "eu"]': lambda labels: labels["residency"] in ("eu", "on_prem"),
    "labels.processing_agreement == true": lambda labels: labels["processing_agreement"] is True,
    "labels.keeps_prompts == false": lambda labels: labels["keeps_prompts"] is False,
    'labels.owner == "platform"': lambda labels: labels["owner"] == "platform",
    'labels.owner == "group"': lambda labels: labels["owner"] == "group",
    'labels.owner == "group" && labels.indemnified == true': lambda labels: (
        labels["owner"] == "group" and labels["indemnified"] is True
    ),
    "labels.indemnified == true": lambda labels: labels["indemnified"] is True,
    'labels.training_data == "disclosed"': lambda labels: labels["training_data"] == "disclosed",
    'labels.training_data == "none"': lambda labels: labels["training_data"] == "none",
    'labels.paid == "already"': lambda labels: labels["paid"] == "already",
    "labels.cards == true": lambda labels: labels["cards"] is True,
}
"""What the shipped constraints require, said once more, without CEL."""


@cache
def loaded(name: str) -> PolicySet:
    return load_policies(POLICIES / name, PriceMap(), assumed_environment(POLICIES / name))


@cache
def tried(name: str) -> Sequence[tuple[Case, Facts, Decision]]:
    """Each case of the directory, with what was known and decided."""
    as_live, policies = trial(), loaded(name)
    return [
        (case, *as_live.decide(policies, msgspec.json.encode(case.request), case.given))
        for case in read_cases(POLICIES / name, policies)
    ]


def policy_of(name: str, policy: str) -> Policy:
    return next(each for each in loaded(name).policies if each.name == policy)


def required(policy: Policy, facts: Facts) -> list[Callable[[Labels], bool]]:
    """What the constraints that hold require of a deployment's labels; each constraint is asked by itself."""
    if facts.session is not None and not remembers(policy, facts, facts.session):
        facts = msgspec.structs.replace(facts, session=None)
    bound = policy.bind(facts, policy.threshold)
    return [REQUIREMENTS[each.requires] for each in policy.constraints if each.when.holds(bound)]


def words_of(policy: Policy) -> list[str]:
    """The texts that its conditions compare with."""
    conditions = [each.when.source for each in policy.constraints] + [each.when.source for each in policy.rules]
    return sorted({"", "other", *re.findall(r'"([^"]*)"', "\n".join(conditions))})


@cache
def facts_for_any_policy(name: str) -> st.SearchStrategy[tuple[Policy, Facts]]:
    policies = loaded(name).policies
    return st.one_of(*(st.tuples(st.just(policy), some_facts_for(name, policy.name)) for policy in policies))


@cache
def some_facts_for(name: str, policy_name: str) -> st.SearchStrategy[Facts]:
    """Any facts, made of the words the policy asks about, around the numbers it compares with."""
    policy = policy_of(name, policy_name)
    words = words_of(policy)
    word, flag = st.sampled_from(words), st.booleans()
    small, size = (
        st.integers(0, 50),
        st.sampled_from((1, 500, 6_000, 30_000, 70_000, 140_000, 190_000, 300_000, 2_000_000)),
    )
    share = st.sampled_from((0.0, 0.2, 0.36, 0.5, 0.61, 0.8, 0.98, 1.0))
    deployments = sorted(loaded(name).deployments.values(), key=lambda each: each.name)
    names = [each.name for each in deployments]
    some_words = st.lists(word, max_size=3, unique=True)
    kinds = st.lists(st.sampled_from(KINDS), max_size=3, unique=True)
    requests = st.builds(
        lambda metadata, stream: ChatRequest(
            alias=policy.serves[0], messages=(), payload={"metadata": metadata}, size_bytes=0, stream=stream
        ),
        st.dictionaries(word, word, max_size=2),
        flag,
    )
    signals = st.builds(
        Signals,
        tokens=size,
        ask_tokens=small,
        turns=small,
        messages=small,
        tools=small,
        tool_loop=flag,
        images=st.integers(0, 1),
        structured=flag,
        code=flag,
        maths=flag,
        max_output_tokens=st.sampled_from((0, 32, 5_000)),
        script=st.just("latin"),
        sensitivity=st.just("none"),
        code_language=word,
        language=word,
        asked_tokens=st.sampled_from((0, 2_000)),
        trivial=flag,
        sensitive=kinds.map(lambda found: tuple(each for each in KINDS if each in found)),
    ).map(lambda each: msgspec.structs.replace(each, sensitivity=highest(each.sensitive)))
    return st.builds(
        Facts,
        request=requests,
        caller=st.builds(Caller, key_id=word, team=word, app=word, tags=some_words.map(tuple)),
        signals=signals,
        classification=st.builds(
            Classification,
            task=st.sampled_from(get_args(Task)),
            small_ok=share,
            confidence=share,
            has_evidence=flag,
            model=st.just(""),
        ),
        headers=st.dictionaries(st.sampled_from(sorted(policy.headers)), word) if policy.headers else st.just({}),
        request_id=st.text(max_size=3),
        session_key=st.text(max_size=3),
        session=st.none() | sessions(policy, deployments),
        budget=st.builds(Budget, exists=flag, used_ratio=st.sampled_from((0.0, 0.72, 0.95, 1.0, 1.4))),
        fleet=st.builds(
            Fleet,
            cooling=st.dictionaries(st.sampled_from(names), st.just(9.0)),
            latency_ms=st.dictionaries(st.sampled_from(names), st.sampled_from((50.0, 2_000.0))),
        ),
        at_s=st.integers(1_790_000_000, 1_800_000_000).map(float),
    )


def sessions(policy: Policy, deployments: Sequence[Deployment]) -> st.SearchStrategy[Session]:
    served = st.sampled_from(deployments)
    return st.builds(
        lambda rule, route, by, seen_at_s: Session(
            rule=rule,
            route=route,
            deployment=by.name,
            tier=by.tier,
            rank=by.rank,
            prefix_tokens=900,
            seen_at_s=seen_at_s,
        ),
        st.sampled_from(["default", *(rule.name for rule in policy.rules)]),
        st.sampled_from(sorted(policy.routes)),
        served,
        st.integers(1_790_000_000, 1_800_000_000).map(float) | st.just(1e12),
    )


def test_each_situation_has_its_example() -> None:
    assert set(EXAMPLES) >= SITUATIONS


@pytest.mark.parametrize("name", DIRECTORIES)
def test_every_directory_serves_auto_and_measures_savings(name: str) -> None:
    policies = loaded(name)

    assert "auto" in policies.by_alias
    assert all(policy.baseline is not None for policy in policies.policies)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_strict_check_has_nothing_to_say_of_an_example(name: str) -> None:
    result = CliRunner().invoke(check, ["--strict", "--assume-env", str(POLICIES / "examples" / name)])

    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("name", DIRECTORIES)
def test_the_cases_of_a_directory_hold_and_reach_every_rule(name: str) -> None:
    result = CliRunner().invoke(try_cases, ["--min-coverage", "100", "--assume-env", str(POLICIES / name)])

    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("name", EXAMPLES)
def test_no_constraint_is_shipped_without_a_case_it_holds_in(name: str) -> None:
    reasons = [reason for _, _, decision in tried(f"examples/{name}") for reason in decision.reasons]

    for policy in loaded(f"examples/{name}").policies:
        for each in policy.constraints:
            assert any(reason.startswith(f"constraint {each.name!r}") for reason in reasons), each.name


@pytest.mark.parametrize("name", sorted(SITUATIONS))
def test_each_situation_has_cases_for_a_refusal_and_for_restricted_deployments_at_rest(name: str) -> None:
    directory = f"examples/{name}"

    restricted = [
        (facts, decision)
        for _, facts, decision in tried(directory)
        if required(policy_of(directory, decision.policy), facts)
    ]

    assert any(not decision.plan for _, decision in restricted)
    assert any(
        decision.plan and all(each.name in facts.fleet.cooling for each in decision.plan)
        for facts, decision in restricted
    )


@pytest.mark.parametrize("name", DIRECTORIES)
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_restricted_request_has_an_excluded_deployment_anywhere_in_its_plan(name: str, data: st.DataObject) -> None:
    policy, facts = data.draw(facts_for_any_policy(name))

    decision = decide(policy, facts)

    wanted = required(policy, facts)
    assert all(meets(deployment.labels) for deployment in decision.plan for meets in wanted)


@pytest.mark.parametrize("name", DIRECTORIES)
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_the_same_facts_are_decided_the_same(name: str, data: st.DataObject) -> None:
    policy, facts = data.draw(facts_for_any_policy(name))
    anew = next(each for each in loaded_anew(name).policies if each.name == policy.name)

    decision = decide(policy, facts)

    assert decide(policy, facts) == decision
    assert in_words(decide(anew, facts)) == in_words(decision)


@cache
def loaded_anew(name: str) -> PolicySet:
    return load_policies(POLICIES / name, PriceMap(), assumed_environment(POLICIES / name))


def in_words(decision: Decision) -> tuple[Any, ...]:
    plan = [deployment.name for deployment in decision.plan]
    return decision.rule, decision.route.name, plan, decision.reasons, decision.excluded, decision.policy_version


def test_thirty_rules_are_decided_in_no_time() -> None:
    policy = loaded("examples/regulated").by_alias["auto"]
    facts = next(
        facts for case, facts, _ in tried("examples/regulated") if case.name == "the rest is for the medium model"
    )

    decide_us = cpu_s(lambda: [decide(policy, facts) for _ in range(100)]) / 100 * 1e6

    assert len(policy.rules) >= 30
    assert decide_us < DECIDE_US


@pytest.mark.parametrize(("alias", "plan"), [("small", ["scripted-small"]), ("large", ["scripted-large"])])
def test_in_the_demo_a_tier_can_be_asked_for(alias: str, plan: list[str]) -> None:
    decided = [decision for case, _, decision in tried("demo") if case.request["model"] == alias and decision.plan]

    assert [[deployment.name for deployment in decision.plan] for decision in decided] == [plan]


def test_the_demo_is_priced_without_a_price_map() -> None:
    policies = load_policies(POLICIES / "demo", lambda provider, model: None, assumed_environment(POLICIES / "demo"))

    assert all(deployment.price is not None for deployment in policies.deployments.values())
