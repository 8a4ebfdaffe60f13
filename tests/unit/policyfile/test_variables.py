from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from gateway.domain.facts import Budget, Facts, Fleet
from gateway.domain.request import Caller
from gateway.policyfile.conditions import FactConditions
from gateway.policyfile.variables import FACT_TYPES, FACTS, THRESHOLD, binder, sample_facts
from tests.builders import a_request, a_session, some_facts

ENV = FactConditions().env
FRIDAY = datetime(2026, 11, 20, 23, 30, tzinfo=UTC).timestamp()
PAYLOAD = {"metadata": {"tier": "gold"}, "tools": [{"type": "function", "function": {"name": "search"}}]}


def _says(source: str, facts: Facts, zone: ZoneInfo | None = None) -> object:
    bind = binder(ENV, FACTS, zone or UTC)
    return ENV.compile(source).eval(bind(facts, 0.5)).value()


def test_every_variable_is_qualified_and_the_threshold_is_one_of_them() -> None:
    assert all(name.count(".") == 1 for name in FACT_TYPES)
    assert {*FACT_TYPES} - {*FACTS} == {THRESHOLD}


@pytest.mark.parametrize(
    "source",
    [
        '"search" in request.tools',
        'request.metadata == {"tier": "gold"}',
        'request.headers == {"x-team": "claims"}',
        '"vip" in key.tags',
        'session.known && session.deployment == "small-b" && session.tier == "small"',
        "budget.exists && budget.used_ratio > 0.9",
        'health.resting == ["large-a"]',
        'health.latency_ms["small-a"] < 100.0',
        '"health" in signals.sensitive && !("legal" in signals.sensitive)',
    ],
)
def test_conditions_see_all_that_a_decision_rests_on(source: str) -> None:
    facts = some_facts(
        a_request("patient has diabetes", payload=PAYLOAD, tools=1),
        caller=Caller(key_id="k", tags=("vip",)),
        headers={"x-team": "claims"},
        session=a_session("small-b"),
        budget=Budget(exists=True, used_ratio=0.95),
        fleet=Fleet(cooling={"large-a": 3.0}, latency_ms={"small-a": 80.0}),
    )

    assert _says(source, replace(facts, signals=replace(facts.signals, sensitive=("health",)))) is True


@pytest.mark.parametrize(
    "source",
    [
        "request.tools == []",
        "request.metadata == {}",
        "key.tags == []",
        "!session.known",
        'session.tier == ""',
        "!budget.exists && budget.used_ratio == 0.0",
        "health.resting == []",
        "health.latency_ms == {}",
    ],
)
def test_what_is_not_there_is_empty_and_never_an_error(source: str) -> None:
    assert _says(source, some_facts()) is True


@pytest.mark.parametrize(
    ("zone", "source"),
    [
        ("UTC", 'time.hour == 23 && time.minute == 30 && time.weekday == "fri" && time.date == "2026-11-20"'),
        ("Asia/Tokyo", 'time.hour == 8 && time.weekday == "sat" && time.date == "2026-11-21"'),
    ],
)
def test_time_is_that_of_the_zone(zone: str, source: str) -> None:
    assert _says(source, some_facts(at_s=FRIDAY), ZoneInfo(zone)) is True


def test_the_two_samples_differ_in_every_number_and_flag_of_the_signals() -> None:
    nothing, something = sample_facts()

    alike = [
        name
        for name in nothing.signals.__struct_fields__
        if getattr(nothing.signals, name) == getattr(something.signals, name)
    ]

    assert alike == []
