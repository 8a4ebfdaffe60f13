"""A conversation over its turns, decided by `decide`: what its past may and may not do."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain.decision import Decision, decide
from gateway.domain.facts import Facts, Fleet
from gateway.domain.policy import Affinity, Constraint, Deployment, Policy, Route, Rule
from gateway.domain.pricing import Price
from tests.builders import a_deployment, a_policy, a_route, a_session, always, some_facts

_PRICE = Price(input_atto_usd=150 * 10**9, output_atto_usd=600 * 10**9)
_LARGE_PRICE = Price(input_atto_usd=2_500 * 10**9, output_atto_usd=10_000 * 10**9, cached_input_atto_usd=250 * 10**9)
_SMALL = a_deployment("small-a", price=_PRICE)
_LARGE = a_deployment("large-a", tier="large", rank=1, price=_LARGE_PRICE)
_SMALL_FIRST = a_route("small-first", _SMALL, then=(_LARGE,))
_LARGE_FIRST = a_route("large-first", _LARGE, then=(_SMALL,))
_ON_LARGE = a_session(
    "large-a", tier="large", rank=1, route="large-first", rule="hard goes large", prefix_tokens=20_000
)


def _policy(default: Route = _SMALL_FIRST, **changes: Any) -> Policy:
    return a_policy(default=default, routes={"small-first": _SMALL_FIRST, "large-first": _LARGE_FIRST}, **changes)


def _facts(*, in_loop: bool = False, tokens: int = 20_100, **changes: Any) -> Facts:
    facts = some_facts(**changes)
    return replace(facts, signals=replace(facts.signals, tool_loop=in_loop, tokens=tokens))


def _planned(decision: Decision) -> list[str]:
    return [each.name for each in decision.plan]


def _stays_home(*permitted: str) -> Constraint:
    return Constraint(name="stays home", when=always(), requires="at home", permitted=frozenset(permitted))


def test_inside_a_tool_loop_the_choice_of_the_last_human_turn_stands() -> None:
    decision = decide(_policy(), _facts(in_loop=True, session=_ON_LARGE))

    assert (decision.rule, decision.route.name, _planned(decision)) == ("hard goes large", "large-first", ["large-a"])
    assert decision.reasons == (
        "session: nothing new was asked since rule 'hard goes large' chose route 'large-first'",
    )


def test_inside_a_tool_loop_nothing_below_the_sessions_tier_is_left_even_as_a_fallback() -> None:
    decision = decide(_policy(), _facts(in_loop=True, session=_ON_LARGE))

    assert decision.excluded == {"small-a": "tool loop: never below tier 'large'"}


def test_a_new_human_turn_is_decided_by_the_rules_again() -> None:
    decision = decide(_policy(_LARGE_FIRST), _facts(session=a_session("small-a")))

    assert (decision.rule, _planned(decision)) == ("default", ["large-a", "small-a"])
    assert decision.reasons[-1] == "session: moves up from 'small-a' to 'large-a'"


def test_a_rule_about_tool_loops_is_asked_inside_one_and_may_move_up() -> None:
    about_loops = Rule(
        name="agents go large", when=replace(always(), reads=frozenset({"signals.tool_loop"})), route=_LARGE_FIRST
    )

    decision = decide(_policy(rules=(about_loops,)), _facts(in_loop=True, session=a_session("small-a")))

    assert (decision.rule, _planned(decision)) == ("agents go large", ["large-a", "small-a"])


def test_but_such_a_rule_that_would_move_a_loop_down_is_not_listened_to() -> None:
    about_loops = Rule(
        name="agents go small",
        when=replace(always(), reads=frozenset({"signals.tool_loop"})),
        route=a_route("small-only", _SMALL),
    )

    decision = decide(_policy(rules=(about_loops,)), _facts(in_loop=True, session=_ON_LARGE))

    assert (decision.rule, _planned(decision)) == ("hard goes large", ["large-a"])


def test_a_constraint_ends_what_a_session_has_also_inside_a_tool_loop() -> None:
    policy = _policy(constraints=(_stays_home("small-a"),))

    decision = decide(policy, _facts(in_loop=True, session=_ON_LARGE))

    assert _planned(decision) == ["small-a"]
    assert decision.excluded["large-a"] == "constraint 'stays home'"


def test_a_conversation_stays_while_its_prompt_cache_is_worth_more_than_the_cheaper_price() -> None:
    warm = replace(_ON_LARGE, prefix_tokens=100_000)
    dear_small = a_route(
        "small-first", replace(_SMALL, price=Price(input_atto_usd=400 * 10**9, output_atto_usd=0)), then=(_LARGE,)
    )

    decision = decide(_policy(dear_small), _facts(tokens=100_100, session=warm))

    assert _planned(decision) == ["large-a", "small-a"]
    assert "session: stays with 'large-a'" in decision.reasons[-1]
    assert "prompt cache lost" in decision.reasons[-1]


def test_it_moves_where_the_move_pays_for_the_cache_and_says_both_prices() -> None:
    decision = decide(_policy(), _facts(session=replace(_ON_LARGE, prefix_tokens=100), tokens=500))

    assert _planned(decision) == ["small-a", "large-a"]
    assert decision.reasons[-1].startswith("session: moves from 'large-a' to 'small-a', about $0.000")


def test_a_cache_that_has_gone_cold_is_worth_nothing() -> None:
    route = a_route(
        "small-first", replace(_SMALL, price=Price(input_atto_usd=400 * 10**9, output_atto_usd=0)), then=(_LARGE,)
    )
    policy = _policy(route, affinity=Affinity(cache_s=300.0))

    def planned_after(seconds: float) -> list[str]:
        return _planned(decide(policy, _facts(tokens=20_000, session=_ON_LARGE, at_s=seconds)))

    assert planned_after(300.0) == ["large-a", "small-a"]
    assert planned_after(301.0) == ["small-a", "large-a"]


@pytest.mark.parametrize("unpriced", ["small-a", "large-a"])
def test_without_both_prices_nothing_shows_that_a_move_pays(unpriced: str) -> None:
    first, then = (replace(each, price=None) if each.name == unpriced else each for each in (_SMALL, _LARGE))

    decision = decide(_policy(a_route("small-first", first, then=(then,))), _facts(session=_ON_LARGE))

    assert _planned(decision) == ["large-a", "small-a"]


def test_a_deployment_the_route_does_not_have_is_not_added_to_it() -> None:
    decision = decide(_policy(a_route("small-only", _SMALL)), _facts(session=_ON_LARGE))

    assert _planned(decision) == ["small-a"]


def test_a_rule_that_keeps_the_session_keeps_its_route_and_its_deployment_whatever_the_price() -> None:
    keeps = Rule(name="keep", when=always(), route=None)

    decision = decide(_policy(rules=(keeps,)), _facts(session=replace(_ON_LARGE, prefix_tokens=0, route="small-first")))

    assert (decision.rule, decision.route.name, _planned(decision)) == ("keep", "small-first", ["large-a", "small-a"])


@pytest.mark.parametrize(
    ("policy", "session", "at_s"),
    [
        (_policy(affinity=Affinity(is_on=False)), _ON_LARGE, 0.0),
        (_policy(affinity=Affinity(idle_s=60.0)), _ON_LARGE, 61.0),
        (_policy(), replace(_ON_LARGE, route="gone"), 0.0),
    ],
    ids=["affinity is off", "idle for too long", "its route is no more"],
)
def test_a_session_that_does_not_count_is_as_none(policy: Policy, session: object, at_s: float) -> None:
    decision = decide(policy, _facts(in_loop=True, session=session, at_s=at_s))

    assert decision == decide(policy, _facts(in_loop=True, at_s=at_s))


def test_a_resting_deployment_is_not_kept() -> None:
    decision = decide(_policy(_LARGE_FIRST), _facts(session=_ON_LARGE, fleet=Fleet(cooling={"large-a": 5.0})))

    assert _planned(decision) == ["small-a"]


_deployments = st.builds(
    lambda name, rank: a_deployment(name, rank=rank, tier=str(rank)), st.sampled_from("abcd"), st.integers(0, 2)
)


@given(
    st.lists(_deployments, min_size=1, max_size=4, unique_by=lambda each: each.name),
    st.sampled_from("abcd"),
    st.integers(0, 2),
    st.booleans(),
    st.sets(st.sampled_from("abcd")),
)
def test_no_past_brings_back_what_a_constraint_bars(
    listed: list[Deployment], kept: str, rank: int, in_loop: bool, permitted: set[str]
) -> None:
    route = a_route("r", *listed)
    policy = a_policy(default=route, routes={"r": route}, constraints=(_stays_home(*permitted),))
    session = a_session(kept, route="r", rank=rank, tier=str(rank))

    decision = decide(policy, _facts(in_loop=in_loop, session=session))

    assert {*_planned(decision)} <= permitted
    if in_loop and kept in permitted:
        assert all(each.rank >= rank for each in decision.plan)
