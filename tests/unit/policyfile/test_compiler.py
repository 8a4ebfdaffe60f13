from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.domain.decision import decide
from gateway.domain.policy import Match, Timeouts
from tests.builders import a_classification, a_request, a_session, some_facts
from tests.unit.policyfile.folder import DEPLOYMENTS, GOOD, POLICIES, ROUTES, load, problems_of

CONSTRAINT = "constraints: [{name: home, when: signals.code, require: 'labels.residency == \"on_prem\"'}]\n    rules:"


def test_names_are_resolved_across_files(tmp_path: Path) -> None:
    loaded = load(tmp_path, c=DEPLOYMENTS, b=ROUTES, a=POLICIES)

    policy = loaded.by_alias["auto"]
    assert policy.default.first == (loaded.deployments["large-a"],)
    assert policy.routes["small-first"].then == (loaded.deployments["large-a"],)
    assert policy.baseline is loaded.deployments["large-a"]
    assert loaded.policies == (policy,)


def test_a_compiled_policy_decides(tmp_path: Path) -> None:
    policy = load(tmp_path, p=GOOD).by_alias["auto"]

    easy = decide(policy, some_facts(classification=a_classification(0.9)))
    hard = decide(policy, some_facts(classification=a_classification(0.2)))

    assert [each.name for each in easy.plan] == ["small-a", "large-a"]
    assert hard.rule == "default"
    assert [each.name for each in hard.plan] == ["large-a"]


def test_a_constraint_leaves_only_what_it_permits(tmp_path: Path) -> None:
    policy = load(tmp_path, p=GOOD.replace("rules:", CONSTRAINT)).by_alias["auto"]

    decision = decide(policy, some_facts(a_request("def f(): pass")))

    assert policy.constraints[0].permitted == {"small-a"}
    assert [each.name for each in decision.plan] == ["small-a"]
    assert decision.excluded == {"large-a": "constraint 'home'"}


@pytest.mark.parametrize(
    ("quality", "threshold"),
    [
        ("{threshold: 0.7}", 0.7),
        ("{keep: 0.97}", 0.97),
        ("{keep: 0.97, confidence: 0.9}", 0.97),
        ("{}", 0.5),
        ("{threshold: 1}", 1.0),
    ],
)
def test_the_threshold_is_given_or_is_keep_or_is_one_half(tmp_path: Path, quality: str, threshold: float) -> None:
    policy = load(tmp_path, p=GOOD.replace("rules:", f"quality: {quality}\n    rules:")).by_alias["auto"]

    assert policy.threshold == threshold


def test_timeouts_that_are_not_given_keep_their_defaults(tmp_path: Path) -> None:
    text = GOOD.replace("try: [large-a]", "try: [large-a], retries: 2, timeout: {connect_s: 1, idle_s: 0.5}")

    route = load(tmp_path, p=text).routes["large-only"]

    assert route.retries == 2
    assert route.timeouts == Timeouts(connect_s=1.0, idle_s=0.5)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "then: [large-a]",
            "then: [larg-a]",
            "route 'small-first': unknown deployment 'larg-a'; did you mean 'large-a'?",
        ),
        ("then: [large-a]", "then: [small-a]", "deployment 'small-a' is listed twice; use 'retries' to try one again"),
        ("then: [large-a]", "then: [zebra]", "unknown deployment 'zebra'; known deployments: small-a, large-a"),
        ("baseline: large-a", "baseline: larg-a", "policy 'default': unknown deployment 'larg-a'; did you mean"),
        ("route: small-first", "route: smal-first", "rule 1: unknown route 'smal-first'; did you mean 'small-first'?"),
        ("route: small-first", "route: large-a", "rule 1: 'large-a' is a deployment; write a route that tries it"),
        ("route: small-first", "route: stiky", "rule 1: unknown route 'stiky'; did you mean 'sticky'?"),
        (
            "serves: [auto]",
            "serves: [auto]\n    rollout: shadow",
            "no policy in force serves alias 'auto', so there is nothing to roll it out beside; leave 'rollout' out",
        ),
        ("deployments:", "tiers: [small, big]\ndeployments:", "the tier 'large' is not one of 'tiers'; known tiers"),
        ("routes:", "routes:\n  - {name: sticky, try: [large-a]}", "route 'sticky': the name 'sticky' is reserved"),
        ("default: large-only", "default: large-a", "policy 'default': 'large-a' is a deployment"),
        ("name: easy goes small", "name: default", "rule 1: the name 'default' is reserved for the policy's default"),
        ("serves: [auto]", "serves: [auto, auto]", "alias 'auto' is already served by policy 'default'"),
        (
            "quality.threshold,",
            "quality.treshold,",
            "p.yaml:15:66: policy 'default', rule 1: unknown name 'quality.treshold'",
        ),
        ("rules:", CONSTRAINT.replace("on_prem", "moon"), "constraint 1: no deployment meets"),
        ("rules:", CONSTRAINT.replace("signals.code", "signals.tokens"), "constraint 1: a condition is true or false"),
        ("rules:", CONSTRAINT.replace("labels.", "label."), "constraint 1: unknown name 'label.residency'"),
    ],
)
def test_what_does_not_fit_together_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in GOOD

    problems = problems_of(tmp_path, p=GOOD.replace(old, new, 1))

    assert len(problems) == 1
    assert message in problems[0]


def test_a_compiled_policy_matches_all_its_conditions_at_once(tmp_path: Path) -> None:
    policy = load(tmp_path, p=GOOD.replace("rules:", CONSTRAINT)).by_alias["auto"]

    match = policy.match(policy.bind(some_facts(classification=a_classification(1.0)), policy.threshold))

    assert match == Match(rule=policy.rules[0])


def test_an_alias_belongs_to_one_policy(tmp_path: Path) -> None:
    other = "policies: [{name: other, serves: [auto], default: large-only}]"

    problems = problems_of(tmp_path, a=GOOD, b=other)

    assert problems == [
        (
            "b.yaml:1:35: policy 'other': alias 'auto' is already served by policy 'default'; "
            "write 'rollout: shadow' for one to be tried beside it"
        )
    ]


def test_rule_names_are_unique_within_a_policy(tmp_path: Path) -> None:
    rule = "      - {name: easy goes small, when: signals.code, route: large-only}\n    default: large-only"

    problems = problems_of(tmp_path, p=GOOD.replace("    default: large-only", rule))

    assert problems == ["p.yaml:16:16: policy 'default', rule 2: the name 'easy goes small' is already taken"]


def test_a_policys_version_changes_with_what_it_says_and_with_nothing_else(tmp_path: Path) -> None:
    def version(text: str) -> str:
        return load(tmp_path, p=text).by_alias["auto"].version

    unused = "  - {name: spare, tier: large, provider: openai, model: x}\nroutes:"

    assert version(GOOD) == version(f"# a comment\n{GOOD}") == version(GOOD.replace("routes:", unused))
    changed = [
        GOOD.replace("model: s,", "model: t,"),
        GOOD.replace("then: [large-a]", "retries: 1"),
        GOOD.replace(">=", ">"),
    ]
    assert len({version(GOOD), *map(version, changed)}) == 4


def test_a_constraint_that_permits_one_more_deployment_is_another_version(tmp_path: Path) -> None:
    text = GOOD.replace("rules:", CONSTRAINT)
    spare = "  - {name: spare, tier: large, provider: openai, model: x, labels: {residency: on_prem}}\nroutes:"

    before = load(tmp_path, p=text).by_alias["auto"].version
    after = load(tmp_path, p=text.replace("routes:", spare)).by_alias["auto"].version

    assert before != after


def test_tiers_are_ranked_as_declared(tmp_path: Path) -> None:
    text = "tiers: [nano, small, large]\n" + GOOD

    assert {each.name: each.rank for each in load(tmp_path, p=text).deployments.values()} == {
        "small-a": 1,
        "large-a": 2,
    }
    assert load(tmp_path, p=text).tiers == ("nano", "small", "large")


def test_without_a_declaration_small_is_the_lowest_and_large_the_highest(tmp_path: Path) -> None:
    text = GOOD.replace("routes:", "  - {name: mid, tier: medium, provider: openai, model: m}\nroutes:", 1)

    assert load(tmp_path, p=text).tiers == ("small", "medium", "large")


def test_a_fallback_takes_over_on_any_failure_or_on_those_it_names(tmp_path: Path) -> None:
    text = GOOD.replace("then: [large-a]", "then: [{after: [timeout, rate_limit], try: [large-a]}]", 1)

    route = load(tmp_path, p=text).routes["small-first"]

    assert [each.name for each in route.then] == ["large-a"]
    assert (route.takes_over("large-a", "timeout"), route.takes_over("large-a", "error")) == (True, False)
    assert load(tmp_path, p=GOOD).routes["small-first"].takes_over("large-a", "error")


def test_weights_go_to_the_deployments_they_name(tmp_path: Path) -> None:
    text = GOOD.replace("try: [small-a]", "strategy: weighted, weights: {small-a: 3}, try: [small-a]", 1)

    route = load(tmp_path, p=text).routes["small-first"]

    assert (route.strategy, route.weights) == ("weighted", {"small-a": 3.0})


def test_a_constraint_may_say_where_to_go_instead(tmp_path: Path) -> None:
    constraint = CONSTRAINT.replace("}]", ", on_unavailable: small-first}]")
    policy = load(tmp_path, p=GOOD.replace("rules:", constraint)).by_alias["auto"]

    decision = decide(policy, some_facts(a_request("def f(): pass"), a_classification(0.2)))

    assert (decision.route.name, [each.name for each in decision.plan]) == ("small-first", ["small-a"])
    assert "constraint 'home' says where instead" in decision.reasons[-1]


def test_a_route_no_permitted_deployment_is_on_is_no_way_out(tmp_path: Path) -> None:
    constraint = CONSTRAINT.replace("}]", ", on_unavailable: large-only}]")

    (problem,) = problems_of(tmp_path, p=GOOD.replace("rules:", constraint))

    assert "no deployment of route 'large-only' meets" in problem


def test_a_rule_that_keeps_the_session_holds_only_where_there_is_one(tmp_path: Path) -> None:
    text = GOOD.replace("rules:", "rules:\n      - {name: keep, when: 'true', route: sticky}", 1)
    policy = load(tmp_path, p=text).by_alias["auto"]

    new = decide(policy, some_facts())
    known = decide(policy, some_facts(session=a_session("small-a", route="large-only")))

    assert (new.rule, known.rule, known.route.name) == ("easy goes small", "keep", "large-only")


@pytest.mark.parametrize(
    ("written", "mode", "share"), [("shadow", "shadow", 0.0), ("{canary: 12.5%}", "canary", 0.125)]
)
def test_a_policy_being_rolled_out_stands_beside_the_one_in_force(
    tmp_path: Path, written: str, mode: str, share: float
) -> None:
    candidate = f"policies: [{{name: next, rollout: {written}, serves: [auto], default: large-only}}]"

    loaded = load(tmp_path, a=GOOD, b=candidate)

    assert (loaded.by_alias["auto"].name, loaded.candidates["auto"].name) == ("default", "next")
    assert (loaded.candidates["auto"].rollout.mode, loaded.candidates["auto"].rollout.share) == (mode, share)


def test_an_alias_has_one_candidate_at_a_time(tmp_path: Path) -> None:
    one = "{name: one, rollout: shadow, serves: [auto], default: large-only}"

    (problem,) = problems_of(tmp_path, a=GOOD, b=f"policies: [{one}, {one.replace('one', 'two')}]")

    assert "alias 'auto' is already served by policy 'one'" in problem


def test_what_a_session_is_worth_is_said_by_the_policy(tmp_path: Path) -> None:
    text = GOOD.replace("baseline:", "session: {affinity: false, idle_s: 60, cache_s: 0}\n    baseline:", 1)

    affinity = load(tmp_path, p=text).by_alias["auto"].affinity

    assert (affinity.is_on, affinity.idle_s, affinity.cache_s) == (False, 60.0, 0.0)


def test_a_condition_reads_only_headers_the_policy_lists(tmp_path: Path) -> None:
    rule = "rules:\n      - {name: vip, when: '\"x-vip\" in request.headers', route: large-only}"
    listed = GOOD.replace("baseline:", "headers: [x-vip]\n    baseline:", 1)

    (problem,) = problems_of(tmp_path, p=GOOD.replace("rules:", rule, 1))
    policy = load(tmp_path, p=listed.replace("rules:", rule, 1)).by_alias["auto"]

    assert "the policy reads no header 'x-vip'; list it under the policy's 'headers'" in problem
    assert decide(policy, some_facts(headers={"x-vip": "1"})).rule == "vip"
    assert decide(policy, some_facts()).rule != "vip"


def test_time_is_told_in_the_policys_time_zone(tmp_path: Path) -> None:
    rule = "rules:\n      - {name: at night, when: time.hour < 6, route: large-only}"
    text = GOOD.replace("baseline:", "timezone: Asia/Tokyo\n    baseline:", 1).replace("rules:", rule, 1)
    policy = load(tmp_path, p=text).by_alias["auto"]
    evening_utc = datetime(2026, 11, 20, 20, 0, tzinfo=UTC).timestamp()

    assert decide(policy, some_facts(at_s=evening_utc)).rule == "at night"
    assert decide(policy, some_facts(at_s=evening_utc + 6 * 3600)).rule != "at night"
