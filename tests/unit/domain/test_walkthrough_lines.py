from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.facts import Budget, Fleet
from gateway.domain.policy import Constraint, Policy, PolicySet, Rule
from gateway.domain.request import Caller
from gateway.domain.rollout import Rollout
from gateway.domain.walkthrough import walk_through
from gateway.domain.walkthrough_lines import lines
from tests.builders import a_deployment, a_policy, a_request, a_route, a_session, always, never, some_facts

SMALL, LARGE = a_deployment("small-a"), a_deployment("large-a", tier="large", price=None, unpriced="nobody knows")
ROUTE = a_route("small-first", SMALL)
RULES = (
    Rule(name="agents", when=never("signals.tool_loop"), route=ROUTE),
    Rule(name="easy", when=always("a\n  > b"), route=ROUTE),
    Rule(name="rest", when=always(), route=ROUTE),
)


def _told(
    policy: Policy, values: Mapping[str, Any] | None = None, candidate: Policy | None = None, **facts: Any
) -> str:
    policies = PolicySet(
        version="v",
        deployments={"small-a": SMALL, "large-a": LARGE},
        routes={},
        policies=(policy,),
        by_alias={"auto": policy},
        candidates={} if candidate is None else {"auto": candidate},
    )
    return "\n".join(lines(walk_through(policies, policy, some_facts(**facts), lambda *_: values or {})))


def _policy(**changes: Any) -> Policy:
    return a_policy(default=ROUTE, routes={ROUTE.name: ROUTE}, **changes)


def test_each_step_has_its_heading_in_the_order_it_is_taken() -> None:
    told = _told(_policy(rules=RULES), caller=Caller(key_id="k", team="claims", tags=("eu",)))

    headings = [line.split(":")[0] for line in told.splitlines() if not line.startswith(" ")]
    assert headings == [
        "Asked",
        "Measured",
        "Classified",
        "Constraints",
        "Rules",
        "Decided",
        "Plan",
        "Could serve it too",
    ]
    assert told.startswith("Asked: model alias 'auto', team 'claims', tags 'eu'\n")


def test_each_condition_is_true_false_or_not_asked_with_why() -> None:
    told = _told(_policy(rules=RULES), {"signals.tokens": 1200, "classification.small_ok": 0.123456})

    assert (
        "Rules: in this order\n"
        "  false      agents: signals.tool_loop -> route small-first\n"
        "             signals.tokens = 1200\n"
        "             classification.small_ok = 0.1235\n"
        "  true       easy: a > b -> route small-first\n"
    ) in told
    assert "  not asked  rest: true -> route small-first\nDecided" in told


def test_a_policy_without_conditions_says_so() -> None:
    told = _told(_policy())

    assert "Constraints: the policy has none\nRules: the policy has none\n" in told


def test_costs_stand_in_the_plan_and_want_of_a_price_is_said() -> None:
    told = _told(_policy())

    assert "Plan: in this order; costs are for about 300 tokens of answer\n  1. small-a (tier small, model" in told
    assert "about $0.000" in told
    assert "Could serve it too:\n  large-a (tier large, model large-a-model), unpriced: nobody knows" in told


def test_a_refusal_is_a_plan_of_nothing() -> None:
    nowhere = Constraint(name="nowhere", when=always(), requires="false", permitted=frozenset())

    told = _told(_policy(constraints=(nowhere,)))

    assert told.endswith("Plan: none, it would be refused: no deployment may serve it")


def test_what_was_taken_to_be_so_is_told() -> None:
    told = _told(
        _policy(),
        budget=Budget(exists=True, used_ratio=0.9),
        fleet=Fleet(cooling={"large-a": 1.0}, latency_ms={"small-a": 12.4}),
        session=a_session(),
    )

    assert "Given: 90.0% of the budget used; at rest: large-a; first bytes lately: small-a 12 ms\n" in told
    assert "Session: served by small-a (tier small), route 'small-first' by rule 'easy goes small'\n" in told


def test_a_session_that_does_not_count_is_told_as_such() -> None:
    told = _told(_policy(), session=a_session("", tier="", route="gone"))

    assert "Session: served by nobody yet, route 'gone' by rule 'easy goes small'; the policy does not go by it" in told


def test_what_a_policy_on_its_way_would_do_comes_last() -> None:
    candidate = a_policy(name="next", default=a_route("big", LARGE), rollout=Rollout(mode="shadow"))

    assert _told(_policy(), candidate=candidate).splitlines()[-1].startswith("Roll-out: policy next@v1, which is being")


@given(text=st.text())
def test_every_fact_keeps_to_its_line(text: str) -> None:
    told = _told(_policy(rules=RULES), {"request.metadata": {text: text}}, request=a_request(alias=text))

    assert all(line.isprintable() for line in told.split("\n"))
    assert len(told.split("\n")) == len(_told(_policy(rules=RULES), {"request.metadata": {}}).split("\n"))
