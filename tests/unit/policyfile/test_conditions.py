import logging

import pytest
from msgspec.structs import replace

from gateway.domain.policy import Facts
from gateway.domain.request import Caller
from gateway.policyfile.conditions import (
    FACT_TYPES,
    THRESHOLD,
    ConditionError,
    FactConditions,
    PolicyConditions,
    Requirements,
)
from tests.builders import a_classification, a_deployment, a_request, some_facts

FACTS = FactConditions()


def holds(source: str, facts: Facts | None = None, *, threshold: float = 0.6, on_error: bool = False) -> bool:
    conditions = PolicyConditions(FACTS)
    condition = conditions.compile(source, on_error=on_error)
    return condition.holds(conditions.binder()(facts or some_facts(), threshold))


@pytest.mark.parametrize("name", FACT_TYPES)
def test_every_declared_variable_is_bound(name: str) -> None:
    assert holds(f"{name} == {name}")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("true", True),
        ("classification.small_ok >= quality.threshold", True),
        ("classification.small_ok > quality.threshold + 0.5", False),
        ("signals . turns == 1", True),
        ('key.team in ["legal", "risk"]', True),
        ('request.alias.startsWith("au") && !request.stream', True),
        ('signals.sensitivity == "personal"', False),
        ('"signals.tokens" != key.id', True),
    ],
)
def test_a_condition_asks_about_the_facts_of_the_request(source: str, expected: bool) -> None:
    facts = replace(some_facts(), caller=Caller(key_id="k", team="legal", app="a"))

    assert holds(source, facts) is expected


def test_the_threshold_is_that_of_the_request() -> None:
    conditions = PolicyConditions(FACTS)
    condition = conditions.compile(f"classification.small_ok >= {THRESHOLD}", on_error=False)
    bind = conditions.binder()
    facts = some_facts(classification=a_classification(0.7))

    assert condition.holds(bind(facts, 0.7))
    assert not condition.holds(bind(facts, 0.71))


@pytest.mark.parametrize("source", ["signals.tokens", "key.team", "signals.code ? 1 : 2", "dyn(true)"])
def test_a_condition_that_is_not_true_or_false_is_refused(source: str) -> None:
    with pytest.raises(ConditionError, match="a condition is true or false"):
        holds(source)


@pytest.mark.parametrize(
    "source",
    ["1 / signals.tools == 1", 'signals.code && key.team.matches("(")', "signals.tokens + 9223372036854775807 > 0"],
)
def test_a_condition_that_fails_on_either_sample_is_refused(source: str) -> None:
    with pytest.raises(ConditionError, match="fails on sample facts"):
        holds(source)


@pytest.mark.parametrize("on_error", [True, False])
def test_a_failed_evaluation_is_what_the_condition_was_compiled_for(
    on_error: bool, caplog: pytest.LogCaptureFixture
) -> None:
    facts = replace(some_facts(), signals=replace(some_facts().signals, tokens=7))

    with caplog.at_level(logging.WARNING):
        outcome = holds("1 / (signals.tokens - 7) < 5", facts, on_error=on_error)

    assert outcome is on_error
    assert f"taken as {on_error}" in caplog.text


def test_a_number_beyond_64_bits_fails_the_evaluation_and_not_the_request() -> None:
    facts = replace(some_facts(), signals=replace(some_facts().signals, max_output_tokens=2**70))

    assert holds("signals.max_output_tokens > 3", facts, on_error=True) is True


def test_a_long_request_binds_like_a_short_one() -> None:
    assert holds("signals.tokens > 10000", some_facts(a_request("word " * 20_000)))


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ('labels.residency == "on_prem"', {"home"}),
        ('labels["residency"] != "on_prem"', {"abroad"}),
        ('!(labels.residency == "us")', {"home"}),
        ("labels.indemnified == true", {"abroad"}),
        ("labels.cores >= 8", {"home"}),
        ('deployment.tier == "small" && deployment.provider == "openai"', {"home", "abroad", "bare"}),
        ('deployment.name == "bare" || deployment.model == "abroad-model"', {"abroad", "bare"}),
        ('has(labels.residency) ? labels.residency == "us" : true', {"abroad", "bare"}),
        ("labels.residency > 3", set()),
    ],
)
def test_a_deployment_is_permitted_only_where_it_plainly_meets_the_requirement(source: str, names: set[str]) -> None:
    deployments = [
        a_deployment("home", labels={"residency": "on_prem", "cores": 8}),
        a_deployment("abroad", labels={"residency": "us", "indemnified": True}),
        a_deployment("bare"),
    ]

    assert Requirements().permitted(source, deployments) == names


def test_a_requirement_may_not_ask_about_the_request() -> None:
    with pytest.raises(ConditionError, match=r"unknown name 'signals\.tokens'"):
        Requirements().permitted("signals.tokens > 3", [])
