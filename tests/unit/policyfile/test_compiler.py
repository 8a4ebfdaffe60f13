from pathlib import Path

import pytest

from gateway.domain.decision import decide
from tests.builders import a_classification, some_facts
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


def test_an_alias_belongs_to_one_policy(tmp_path: Path) -> None:
    other = "policies: [{name: other, serves: [auto], default: large-only}]"

    problems = problems_of(tmp_path, a=GOOD, b=other)

    assert problems == [
        (
            "b.yaml:1:35: policy 'other': alias 'auto' is already served by policy 'default'; "
            "write 'rollout: shadow' for one to be tried beside it"
        )
    ]


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

    assert "alias 'auto' is already rolled out by policy 'one'; one candidate per alias" in problem


def test_a_roll_out_that_cannot_be_read_is_not_taken_for_a_policy_in_force(tmp_path: Path) -> None:
    candidate = "policies: [{name: one, rollout: shadwo, serves: [auto], default: large-only}]"

    (problem,) = problems_of(tmp_path, a=GOOD, b=candidate)

    assert "unknown value 'shadwo'" in problem
