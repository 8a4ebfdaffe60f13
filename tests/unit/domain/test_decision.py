import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain.decision import DEFAULT_RULE, Decision, decide
from gateway.domain.facts import Fleet
from gateway.domain.policy import Constraint, Deployment, Match, Policy, Rule
from gateway.domain.request import Message
from tests.builders import a_deployment, a_policy, a_request, a_route, always, never, some_facts

_NAMES = ("a", "b", "c", "d", "e")
_names = st.sets(st.sampled_from(_NAMES))


def _keeps(name: str, *permitted: str, holds: bool = True) -> Constraint:
    return Constraint(
        name=name,
        when=always() if holds else never(),
        requires='labels.residency == "on_prem"',
        permitted=frozenset(permitted),
    )


def _rule(name: str, route: str, *, holds: bool = True) -> Rule:
    return Rule(name=name, when=always() if holds else never(), route=a_route(route, a_deployment(route)))


def _over(*deployments: Deployment, constraints: tuple[Constraint, ...] = ()) -> Policy:
    return a_policy(default=a_route("all", *deployments), constraints=constraints)


def _planned(decision: Decision) -> list[str]:
    return [deployment.name for deployment in decision.plan]


@st.composite
def _policies(draw: st.DrawFn) -> Policy:
    order = draw(st.permutations(_NAMES))
    windows = st.none() | st.integers(1, 100)
    deployments = [a_deployment(name, context_window=draw(windows)) for name in order]
    cut = draw(st.integers(0, len(deployments)))
    route = a_route("r", *deployments[:cut], first=tuple(deployments[:cut]), then=tuple(deployments[cut:]))
    constraints = tuple(
        _keeps(f"constraint {number}", *draw(_names), holds=draw(st.booleans()))
        for number in range(draw(st.integers(0, 3)))
    )
    rules = (Rule(name="rule", when=always(), route=route),) if draw(st.booleans()) else ()
    return a_policy(default=route, rules=rules, constraints=constraints)


_coolings = st.dictionaries(st.sampled_from(_NAMES), st.floats(0.1, 300))


@settings(deadline=None)
@given(_policies(), _coolings)
def test_a_constraint_is_never_overruled(policy: Policy, cooling: dict[str, float]) -> None:
    decision = decide(policy, some_facts(fleet=Fleet(cooling=cooling)))

    active = [each.permitted for each in policy.constraints if each.when.holds(None)]
    assert all(name in permitted for name in _planned(decision) for permitted in active)


@settings(deadline=None)
@given(_policies(), _coolings)
def test_every_deployment_of_the_route_is_either_planned_in_order_or_excluded_with_a_reason(
    policy: Policy, cooling: dict[str, float]
) -> None:
    decision = decide(policy, some_facts(fleet=Fleet(cooling=cooling)))

    route = [deployment.name for deployment in (*decision.route.first, *decision.route.then)]
    assert _planned(decision) == [name for name in route if name not in decision.excluded]
    assert set(decision.excluded) <= set(route)
    assert all(decision.excluded.values())


@settings(deadline=None)
@given(_policies(), _coolings)
def test_the_same_facts_give_the_same_decision(policy: Policy, cooling: dict[str, float]) -> None:
    facts = some_facts(fleet=Fleet(cooling=cooling))
    again = replace(facts, fleet=Fleet(cooling=dict(reversed(cooling.items()))))

    assert decide(policy, facts) == decide(policy, again)


@settings(deadline=None)
@given(_policies(), _coolings)
def test_cooling_never_empties_a_plan(policy: Policy, cooling: dict[str, float]) -> None:
    rested = decide(policy, some_facts())

    decision = decide(policy, some_facts(fleet=Fleet(cooling=cooling)))

    assert bool(decision.plan) == bool(rested.plan)


def test_the_first_rule_that_holds_chooses_the_route() -> None:
    policy = a_policy(rules=(_rule("one", "r1", holds=False), _rule("two", "r2"), _rule("three", "r3")))

    decision = decide(policy, some_facts())

    assert (decision.rule, decision.route.name, _planned(decision)) == ("two", "r2", ["r2"])
    assert "rule 'two': true" in decision.reasons


def test_without_a_rule_that_holds_the_default_applies() -> None:
    policy = a_policy(rules=(_rule("one", "r1", holds=False),))

    decision = decide(policy, some_facts())

    assert (decision.rule, decision.route) == (DEFAULT_RULE, policy.default)
    assert decision.reasons == ("no rule matched: the policy's default",)


def test_a_decision_carries_the_policy_its_threshold_and_its_baseline() -> None:
    policy = a_policy(name="support", version="v7", threshold=0.75, baseline=a_deployment("large-a"))

    decision = decide(policy, some_facts())

    assert (decision.policy, decision.policy_version, decision.threshold) == ("support", "v7", 0.75)
    assert decision.baseline == policy.baseline


def test_conditions_see_what_the_policy_binds_with_its_own_threshold() -> None:
    seen: list[object] = []

    def holds(bound: object) -> bool:
        seen.append(bound)
        return True

    rule = Rule(name="spy", when=replace(always(), holds=holds), route=a_route())
    facts = some_facts()

    decide(a_policy(rules=(rule,), threshold=0.42), facts)

    assert seen == [(facts, 0.42)]


def test_what_the_policy_matches_at_once_is_not_asked_again() -> None:
    barred, kept = _keeps("unasked", holds=False), _keeps("stays home", "r2")
    rules = (_rule("one", "r1"), _rule("two", "r2"))
    match = Match(constraints=(kept,), rule=rules[1])

    decision = decide(a_policy(rules=rules, constraints=(barred, kept), match=lambda bound: match), some_facts())

    assert (decision.rule, _planned(decision), decision.excluded) == ("two", ["r2"], {})
    assert decision.reasons == ("constraint 'stays home': only labels.residency == \"on_prem\"", "rule 'two': true")


def test_a_policy_that_cannot_be_matched_at_once_is_asked_rule_by_rule() -> None:
    policy = a_policy(rules=(_rule("one", "r1", holds=False), _rule("two", "r2")), match=lambda bound: None)

    assert decide(policy, some_facts()).rule == "two"


def test_what_a_constraint_bars_is_excluded_in_its_name() -> None:
    policy = _over(a_deployment("a"), a_deployment("b"), constraints=(_keeps("stays home", "b"),))

    decision = decide(policy, some_facts())

    assert _planned(decision) == ["b"]
    assert decision.excluded == {"a": "constraint 'stays home'"}
    assert decision.reasons[0] == "constraint 'stays home': only labels.residency == \"on_prem\""


def test_a_constraint_that_does_not_hold_bars_nothing_and_gives_no_reason() -> None:
    policy = _over(a_deployment("a"), constraints=(_keeps("stays home", holds=False),))

    decision = decide(policy, some_facts())

    assert _planned(decision) == ["a"]
    assert not any("stays home" in reason for reason in decision.reasons)


def test_a_constraint_bars_from_the_fallbacks_too() -> None:
    route = a_route("r", a_deployment("a"), then=(a_deployment("b"),))
    policy = a_policy(default=route, constraints=(_keeps("stays home", "a"),))

    assert _planned(decide(policy, some_facts())) == ["a"]


def test_a_barred_deployment_stays_barred_when_all_others_are_cooling() -> None:
    policy = _over(a_deployment("a"), a_deployment("b"), constraints=(_keeps("stays home", "a"),))

    decision = decide(policy, some_facts(fleet=Fleet(cooling={"a": 5.0})))

    assert _planned(decision) == ["a"]
    assert decision.excluded == {"b": "constraint 'stays home'"}


def test_when_everything_is_barred_the_plan_is_empty() -> None:
    decision = decide(
        _over(a_deployment("a"), constraints=(_keeps("nobody"),)), some_facts(fleet=Fleet(cooling={"a": 5.0}))
    )

    assert decision.plan == ()
    assert not any("cooling" in reason for reason in decision.reasons)


def test_a_window_smaller_than_prompt_and_answer_together_excludes() -> None:
    facts = some_facts(a_request(max_output_tokens=100))
    needed = facts.signals.tokens + 100
    policy = _over(
        a_deployment("tight", context_window=needed - 1),
        a_deployment("fits", context_window=needed),
        a_deployment("undeclared"),
    )

    decision = decide(policy, facts)

    assert _planned(decision) == ["fits", "undeclared"]
    assert decision.excluded == {"tight": f"context window {needed - 1} < {needed} tokens"}


def test_a_declared_lack_of_a_capability_excludes_an_undeclared_one_does_not() -> None:
    picture = Message(role="user", text="what is this?", images=1)
    for capability, request in (
        ("tools", a_request(tools=1)),
        ("json_schema", a_request(structured=True)),
        ("vision", a_request(messages=(picture,))),
    ):
        policy = _over(
            a_deployment("without", capabilities=frozenset({"other"})),
            a_deployment("with", capabilities=frozenset({capability})),
            a_deployment("undeclared", capabilities=None),
        )

        decision = decide(policy, some_facts(request))

        assert _planned(decision) == ["with", "undeclared"]
        assert decision.excluded == {"without": f"no capability {capability!r}"}


def test_a_plain_request_needs_no_capability() -> None:
    assert _planned(decide(_over(a_deployment("a", capabilities=frozenset())), some_facts())) == ["a"]


def test_a_cooling_deployment_is_left_out_with_the_time_it_has_left() -> None:
    decision = decide(
        _over(a_deployment("a"), a_deployment("b")), some_facts(fleet=Fleet(cooling={"a": 2.96, "elsewhere": 9.0}))
    )

    assert _planned(decision) == ["b"]
    assert decision.excluded == {"a": "cooldown for 3.0 s more"}


def test_when_all_are_cooling_all_are_tried() -> None:
    decision = decide(
        _over(a_deployment("a"), a_deployment("b")), some_facts(fleet=Fleet(cooling={"a": 2.0, "b": 3.0}))
    )

    assert _planned(decision) == ["a", "b"]
    assert decision.excluded == {}
    assert decision.reasons[-1] == "every deployment is cooling down: trying them all the same"


@pytest.mark.parametrize(
    ("windows", "permitted", "is_too_long"),
    [
        ((10, 20), {"small-a", "large-a"}, True),
        ((10, 99_999), {"small-a", "large-a"}, False),
        ((10, 99_999), {"small-a"}, False),
    ],
)
def test_a_prompt_is_too_long_only_where_its_length_alone_leaves_nothing(
    windows: tuple[int, int], permitted: set[str], is_too_long: bool
) -> None:
    small, large = (
        a_deployment("small-a", context_window=windows[0]),
        a_deployment("large-a", context_window=windows[1]),
    )
    constraint = Constraint(name="home", when=always(), requires="it", permitted=frozenset(permitted))
    policy = a_policy(default=a_route("r", small, large), constraints=(constraint,))

    decision = decide(policy, some_facts(a_request("word " * 1_000)))

    assert decision.is_too_long is is_too_long
