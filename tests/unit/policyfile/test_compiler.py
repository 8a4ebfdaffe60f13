from pathlib import Path

import pytest

from gateway.domain.decision import decide
from gateway.domain.policy import Match, Timeouts
from tests.builders import a_classification, a_request, some_facts
from tests.unit.policyfile.folder import DEPLOYMENTS, GOOD, POLICIES, ROUTES, load, problems_of

CONSTRAINT = "constraints: [{name: home, when: signals.code, require: 'labels.residency == \"on_prem\"'}]\n    rules:"


def test_names_are_resolved_across_files(tmp_path: Path) -> None:
    loaded = load(tmp_path, c=DEPLOYMENTS, b=ROUTES, a=POLICIES)

    policy = loaded.by_alias["auto"]
    assert policy.default.first == (loaded.deployments["large-a"],)
    assert policy.rules[0].route.then == (loaded.deployments["large-a"],)
    assert policy.baseline is loaded.deployments["large-a"]
    assert loaded.policies == (policy,)


def test_a_compiled_policy_decides(tmp_path: Path) -> None:
    policy = load(tmp_path, p=GOOD).by_alias["auto"]

    easy = decide(policy, some_facts(classification=a_classification(0.9)), {})
    hard = decide(policy, some_facts(classification=a_classification(0.2)), {})

    assert [each.name for each in easy.plan] == ["small-a", "large-a"]
    assert hard.rule == "default"
    assert [each.name for each in hard.plan] == ["large-a"]


def test_a_constraint_leaves_only_what_it_permits(tmp_path: Path) -> None:
    policy = load(tmp_path, p=GOOD.replace("rules:", CONSTRAINT)).by_alias["auto"]

    decision = decide(policy, some_facts(a_request("def f(): pass")), {})

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
        (
            "route: small-first",
            "route: sticky",
            "rule 1: unknown route 'sticky'; session affinity is not supported yet",
        ),
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

    assert problems == ["b.yaml:1:35: policy 'other': alias 'auto' is already served by policy 'default'"]


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
