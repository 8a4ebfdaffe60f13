from decimal import Decimal
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from gateway.domain.decision import DEFAULT_RULE
from gateway.domain.facts import NO_BUDGET, WELL, Budget
from gateway.domain.policy import PolicySet
from gateway.domain.request import Caller
from gateway.domain.session import Session
from gateway.domain.signals import Signals
from gateway.policyfile.circumstances import Circumstances, RawMeasured, deciding, given_by, names_in
from gateway.policyfile.schema import keys_of
from gateway.policyfile.trial import Given
from tests.unit.policyfile.folder import GOOD, load

CALLER = Caller(key_id="k")


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> PolicySet:
    return load(tmp_path_factory.mktemp("policies"), p=GOOD)


def _given(policies: PolicySet, **raw: Any) -> Given:
    return given_by(Circumstances.model_validate(raw), CALLER, policies)


def _unknown(policies: PolicySet, alias: str | None = "auto", **raw: Any) -> list[tuple[str, str, tuple[Any, ...]]]:
    names = names_in(Circumstances.model_validate(raw), alias, ("alias",), policies)
    return [(each.noun, each.name, each.loc) for each in names if each.name not in each.known]


def test_every_signal_can_be_taken_to_be_otherwise() -> None:
    assert set(keys_of(RawMeasured)) == {field.name for field in msgspec.structs.fields(Signals)}


def test_nothing_said_is_a_new_conversation_with_all_well_and_no_budget(policies: PolicySet) -> None:
    assert _given(policies) == Given(caller=CALLER)
    assert (_given(policies).session, _given(policies).fleet, _given(policies).budget) == (None, WELL, NO_BUDGET)


def test_a_budget_that_is_said_exists(policies: PolicySet) -> None:
    assert _given(policies, budget={"used_ratio": Decimal("0.9")}).budget == Budget(exists=True, used_ratio=0.9)


def test_deployments_are_at_rest_or_slow_as_said(policies: PolicySet) -> None:
    fleet = _given(policies, resting=["small-a"], latency_ms={"large-a": Decimal(250)}).fleet

    assert fleet.cooling["small-a"] > 0
    assert fleet.latency_ms == {"large-a": 250.0}


@pytest.mark.parametrize(
    ("raw", "measured"),
    [
        ({"tokens": 9}, {"tokens": 9}),
        ({"sensitivity": "health"}, {"sensitivity": "health", "sensitive": ("health",)}),
        ({"sensitivity": "none"}, {"sensitivity": "none", "sensitive": ()}),
        ({"sensitive": ["legal", "secret"]}, {"sensitivity": "secret", "sensitive": ("secret", "legal")}),
        ({"sensitive": []}, {"sensitivity": "none", "sensitive": ()}),
        ({"sensitive": ["legal"], "sensitivity": "none"}, {"sensitivity": "none", "sensitive": ("legal",)}),
    ],
)
def test_of_sensitivity_and_its_kinds_either_gives_the_other(
    policies: PolicySet, raw: dict[str, Any], measured: dict[str, Any]
) -> None:
    assert _given(policies, signals=raw).measured == measured


def test_a_session_takes_its_tier_from_its_deployment_and_its_age_back_from_the_time(policies: PolicySet) -> None:
    past = {"route": "small-first", "deployment": "large-a", "sensitive": ["legal", "personal"], "age_s": Decimal(60)}

    session = given_by(Circumstances.model_validate({"session": past}), CALLER, policies, now_s=100.0).session

    assert session == Session(
        rule=DEFAULT_RULE,
        route="small-first",
        deployment="large-a",
        tier="large",
        rank=1,
        sensitive=("personal", "legal"),
        seen_at_s=40.0,
    )


def test_a_session_without_a_deployment_had_the_first_of_its_route(policies: PolicySet) -> None:
    session = _given(policies, session={"route": "small-first"}).session

    assert session is not None
    assert (session.deployment, session.tier, session.rank) == ("small-a", "small", 0)


@pytest.mark.parametrize(
    ("at", "at_s"),
    [
        ("2026-11-20 14:30", 1795185000.0),
        ("2026-11-20T15:30+01:00", 1795185000.0),
        ("2026-11-20", 1795132800.0),
    ],
)
def test_a_time_is_utc_unless_it_says_otherwise(policies: PolicySet, at: str, at_s: float) -> None:
    assert _given(policies, at=at).at_s == at_s


def test_without_a_time_it_is_now(policies: PolicySet) -> None:
    assert given_by(Circumstances(), CALLER, policies, now_s=7.0).at_s == 7.0


@pytest.mark.parametrize(
    "raw",
    [
        {"at": "noon"},
        {"at": 3},
        {"at": "9999-12-31"},
        {"at": "0001-01-01T00:00+23:59"},
        {"headers": {"X-Upper": "a"}},
        {"headers": {"authorization": "a"}},
        {"budget": {}},
        {"budget": {"used_ratio": Decimal(-1)}},
        {"signals": {"tokens": -1}},
        {"signals": {"tokens": True}},
        {"signals": {"script": "runes"}},
        {"session": {"route": "a", "sensitive": ["gossip"]}},
    ],
)
def test_what_cannot_be_so_is_refused(raw: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Circumstances.model_validate(raw)


@pytest.mark.parametrize(
    ("raw", "unknown"),
    [
        ({}, []),
        ({"policy": "p"}, [("policy", "p", ("policy",))]),
        ({"resting": ["small-a", "x"]}, [("deployment", "x", ("resting", 1))]),
        ({"latency_ms": {"x": Decimal(1)}}, [("deployment", "x", ("latency_ms", "x"))]),
        ({"headers": {"x-a": "b"}}, [("header of the policy", "x-a", ("headers", "x-a"))]),
        (
            {"session": {"route": "x", "rule": "y", "deployment": "z"}},
            [
                ("route", "x", ("session", "route")),
                ("rule", "y", ("session", "rule")),
                ("deployment", "z", ("session", "deployment")),
            ],
        ),
        ({"session": {"route": "small-first", "rule": "easy goes small", "deployment": "small-a"}}, []),
    ],
)
def test_every_name_must_be_known(
    policies: PolicySet, raw: dict[str, Any], unknown: list[tuple[str, str, tuple[Any, ...]]]
) -> None:
    assert _unknown(policies, **raw) == unknown


def test_an_alias_must_be_served_by_the_policy_that_is_to_decide(policies: PolicySet) -> None:
    assert _unknown(policies, "other") == [("model alias", "other", ("alias",))]
    assert _unknown(policies, "other", policy="default") == [("model alias", "other", ("alias",))]
    assert _unknown(policies, None, session={"route": "x"}) == [("route", "x", ("session", "route"))]


def test_the_policy_that_decides_is_the_named_one_or_the_aliass(policies: PolicySet) -> None:
    assert deciding(Circumstances(), "auto", policies) is policies.by_alias["auto"]
    assert deciding(Circumstances(policy="default"), None, policies) is policies.by_alias["auto"]
    assert deciding(Circumstances(policy="none"), "auto", policies) is None
