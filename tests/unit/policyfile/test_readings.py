from collections.abc import Mapping
from typing import Any

import pytest

from gateway.domain.facts import Facts, Fleet
from gateway.domain.request import Caller
from gateway.policyfile.conditions import FactConditions, PolicyConditions
from gateway.policyfile.readings import CelReadings, variables_of
from gateway.policyfile.variables import FACT_TYPES
from tests.builders import a_request, some_facts

FACTS = FactConditions()
READINGS = CelReadings()


def _read(source: str, facts: Facts | None = None, *, zone: str = "UTC", in_session: bool = False) -> dict[str, Any]:
    conditions = PolicyConditions(FACTS, headers=["x-team"], timezone=zone)
    condition = conditions.compile(source, on_error=False, in_session=in_session)
    return READINGS(condition, conditions.binder()(facts or some_facts(), 0.6))


@pytest.mark.parametrize("name", FACT_TYPES)
def test_every_variable_can_be_read(name: str) -> None:
    assert list(_read(f"{name} == {name}")) == [name]


@pytest.mark.parametrize(
    ("source", "values"),
    [
        ("signals.turns > 3 && !signals.code", {"signals.turns": 1, "signals.code": False}),
        ("quality.threshold < classification.small_ok", {"quality.threshold": 0.6, "classification.small_ok": 0.9}),
        ('"eu" in key.tags', {"key.tags": ["eu"]}),
        ('"project" in request.metadata', {"request.metadata": {"project": "x"}}),
        ('"x-team" in request.headers', {"request.headers": {"x-team": "claims"}}),
        ('"look_up" in request.tools', {"request.tools": ["look_up"]}),
        ('"a" in health.resting', {"health.resting": ["a"]}),
        ('"a" in health.latency_ms', {"health.latency_ms": {"a": 2.5}}),
        ("true", {}),
    ],
)
def test_values_are_plain_and_in_the_order_they_are_named(source: str, values: Mapping[str, Any]) -> None:
    payload = {"metadata": {"project": "x"}, "tools": [{"name": "look_up"}]}
    facts = some_facts(
        a_request(payload=payload, tools=1),
        caller=Caller(key_id="k", tags=("eu",)),
        headers={"x-team": "claims"},
        fleet=Fleet(cooling={"a": 1.0}, latency_ms={"a": 2.5}),
    )

    read = _read(source, facts)

    assert read == values
    assert list(read) == list(values)


def test_a_time_is_read_in_the_policys_zone() -> None:
    facts = some_facts(at_s=1795185000.0)  # 14:30 in London

    assert _read("time.hour > 3", facts, zone="Asia/Tokyo") == {"time.hour": 23}


def test_a_name_that_only_begins_another_is_not_read() -> None:
    assert list(_read('signals.code_language == "rust"')) == ["signals.code_language"]
    assert list(_read('signals.code && signals.code_language == "rust"')) == ["signals.code", "signals.code_language"]


def test_what_a_rule_adds_to_its_condition_comes_last() -> None:
    conditions = PolicyConditions(FACTS)

    condition = conditions.compile("signals.tool_loop", on_error=False, in_session=True)

    assert variables_of(condition) == ["signals.tool_loop", "session.known"]
