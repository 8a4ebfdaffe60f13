import json
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from gateway.domain.decision import decide
from gateway.domain.facts import Fleet
from gateway.domain.policy import Affinity, Condition, Constraint, Policy, PolicySet, Rule
from gateway.domain.pricing import text_cost_nano_usd
from gateway.domain.rollout import Rollout
from gateway.domain.walkthrough import UnexplainableError, Walkthrough, as_document, walk_through
from gateway.domain.walkthrough_lines import lines
from tests.builders import (
    a_deployment,
    a_policy,
    a_price,
    a_request,
    a_route,
    a_session,
    always,
    never,
    some_facts,
)

SMALL = a_deployment("small-a")
LARGE = a_deployment("large-a", tier="large", rank=1, price=a_price(2500, 10_000))
FREE = a_deployment("free", price=a_price(0, 0))
BLIND = a_deployment("blind", capabilities=frozenset())
UNKNOWN = a_deployment("unknown", price=None, unpriced="the price map does not know it")
SMALL_FIRST = a_route("small-first", SMALL, then=(LARGE,))
HOME = Constraint(name="home", when=always("at.home"), requires="labels.home", permitted=frozenset({"small-a", "free"}))


def _rule(name: str, when: Condition) -> Rule:
    return Rule(name=name, when=when, route=SMALL_FIRST)


def _policy(**changes: Any) -> Policy:
    return a_policy(default=SMALL_FIRST, routes={"small-first": SMALL_FIRST}, **changes)


def _set(policy: Policy, candidate: Policy | None = None) -> PolicySet:
    deployments = {each.name: each for each in (LARGE, UNKNOWN, SMALL, FREE, BLIND)}
    return PolicySet(
        version="v",
        deployments=deployments,
        routes={"small-first": SMALL_FIRST},
        policies=(policy,) if candidate is None else (policy, candidate),
        by_alias={"auto": policy},
        candidates={} if candidate is None else {"auto": candidate},
    )


def _readings(condition: Condition, bound: Any) -> Mapping[str, Any]:
    facts, threshold = bound
    return {"source": condition.source, "turns": facts.signals.turns, "known": facts.has_session, "bar": threshold}


def _walked(policy: Policy, candidate: Policy | None = None, **changes: Any) -> Walkthrough:
    return walk_through(_set(policy, candidate), policy, some_facts(**changes), _readings)


def test_it_comes_to_what_decide_comes_to() -> None:
    policy = _policy(constraints=(HOME,), rules=(_rule("easy", always()),))

    assert _walked(policy).decision == decide(policy, some_facts())


def test_every_constraint_is_asked_with_the_values_it_went_by() -> None:
    far = Constraint(name="far", when=never("is.far"), requires="labels.far", permitted=frozenset())

    home, other = _walked(_policy(constraints=(HOME, far))).constraints

    assert (home.name, home.when, home.leads_to, home.holds) == ("home", "at.home", "labels.home", True)
    assert home.values == {"source": "at.home", "turns": 1, "known": False, "bar": 0.6}
    assert (other.name, other.holds) == ("far", False)


def test_rules_are_asked_in_order_until_one_is_true() -> None:
    rules = (_rule("a", never("a")), _rule("b", always("b")), _rule("c", always("c")))

    asked = _walked(_policy(rules=rules)).rules

    assert [(each.name, each.holds) for each in asked] == [("a", False), ("b", True), ("c", None)]
    assert asked[0].values["source"] == "a"
    assert asked[2].values == {}


def test_a_condition_that_could_not_be_told_says_why_and_what_it_is_taken_for() -> None:
    failing = replace(always("1 / 0 > 1"), failure=lambda bound: "divide by zero")
    walkthrough = _walked(_policy(constraints=(replace(HOME, when=failing),), rules=(_rule("one", never()),)))

    (constraint,), (rule,) = walkthrough.constraints, walkthrough.rules
    said = "\n".join(lines(walkthrough))

    assert (constraint.holds, constraint.failed, rule.failed) == (True, "divide by zero", "")
    assert "  failed     home: 1 / 0 > 1" in said
    assert "taken as true: divide by zero" in said


def test_a_rule_that_keeps_the_sessions_route_says_so() -> None:
    (asked,) = _walked(_policy(rules=(Rule(name="stay", when=always(), route=None),))).rules

    assert asked.leads_to == "sticky"


def test_candidates_are_the_plan_then_the_others_the_cheapest_first_and_the_unpriced_last() -> None:
    candidates = _walked(_policy()).candidates

    assert [(each.deployment, each.place) for each in candidates] == [
        ("small-a", 1),
        ("large-a", 2),
        ("free", None),
        ("blind", None),
        ("unknown", None),
    ]
    assert (candidates[-1].cost_nano_usd, candidates[-1].unpriced) == (None, UNKNOWN.unpriced)
    assert (candidates[2].cost_nano_usd, candidates[2].unpriced) == (0, None)


def test_what_a_constraint_bars_or_cannot_do_it_is_no_candidate() -> None:
    request = a_request(tools=1)

    assert [each.deployment for each in _walked(_policy(constraints=(HOME,))).candidates] == ["small-a", "free"]
    assert "blind" not in [each.deployment for each in _walked(_policy(), request=request).candidates]


def test_a_deployment_at_rest_is_a_candidate_without_a_place() -> None:
    walked = _walked(_policy(), fleet=Fleet(cooling={"small-a": 3.0}))

    assert {each.deployment: each.place for each in walked.candidates}["small-a"] is None
    assert walked.decision.excluded["small-a"].startswith("cooldown")


def test_what_the_sessions_deployment_has_in_its_cache_costs_less_while_it_is_warm() -> None:
    dear = a_deployment("small-a", price=a_price(1000, 0))
    cheaper = msgspec.structs.replace(dear, price=msgspec.structs.replace(a_price(1000, 0), cached_input_atto_usd=0))
    route = a_route("small-first", cheaper)
    policy = a_policy(default=route, routes={"small-first": route}, affinity=Affinity(cache_s=60))
    policies = msgspec.structs.replace(_set(policy), deployments={"small-a": cheaper})
    facts = some_facts(at_s=100.0)
    assert cheaper.price is not None

    costs = [
        walk_through(
            policies, policy, msgspec.structs.replace(facts, session=session), _readings
        ).candidates[0].cost_nano_usd
        for session in (
            None,
            a_session(seen_at_s=90.0, prefix_tokens=5),
            a_session(seen_at_s=30.0, prefix_tokens=5),
            a_session("other", seen_at_s=90.0, prefix_tokens=5),
        )
    ]  # fmt: skip

    full = text_cost_nano_usd(facts.signals.tokens, 0, cheaper.price)
    assert costs == [full, full - 5000, full, full]


def test_a_session_the_policy_has_forgotten_is_not_gone_by() -> None:
    policy = _policy(rules=(_rule("a", always()),), affinity=Affinity(idle_s=10))

    fresh = _walked(policy, session=a_session(seen_at_s=95.0), at_s=100.0)
    stale = _walked(policy, session=a_session(seen_at_s=80.0), at_s=100.0)

    assert (fresh.is_remembered, fresh.rules[0].values["known"]) == (True, True)
    assert (stale.is_remembered, stale.rules[0].values["known"]) == (False, False)


def test_what_is_rolled_out_is_asked_beside_and_the_other_way_round() -> None:
    live = _policy()
    candidate = a_policy(
        name="next", version="v2", default=a_route("large-only", LARGE), rollout=Rollout(mode="shadow")
    )

    forth = _walked(live, candidate).beside
    back = walk_through(_set(live, candidate), candidate, some_facts(), _readings).beside

    assert forth is not None
    assert (forth.policy, forth.was_candidate, forth.deployment, forth.differs) == ("next", True, "large-a", True)
    assert back is not None
    assert (back.policy, back.was_candidate) == ("default", False)


def test_without_a_roll_out_nothing_is_asked_beside() -> None:
    assert _walked(_policy()).beside is None


def test_the_document_is_plain_and_holds_no_text_url_or_key() -> None:
    request = a_request("my own words", payload={"model": "auto", "messages": "my own words"})

    document = as_document(_walked(_policy(rules=(_rule("a", never()),)), request=request, session=a_session()))

    encoded = json.dumps(document)  # which takes plain values only
    assert "my own words" not in encoded
    assert "http" not in encoded
    assert document["rules"] == [
        {
            "name": "a",
            "when": "false",
            "route": "small-first",
            "asked": True,
            "holds": False,
            "failed": None,
            "values": {"source": "false", "turns": 1, "known": True, "bar": 0.6},
        }
    ]
    assert document["session"]["is_remembered"] is True
    assert document["plan"][0]["estimated_cost_nano_usd"] > 0


def test_an_error_says_every_problem() -> None:
    error = UnexplainableError([{"message": "one"}, {"message": "two"}])

    assert (str(error), len(error.problems)) == ("one; two", 2)
