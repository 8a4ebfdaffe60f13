from pathlib import Path

import pytest

from tests.unit.policyfile.folder import DEPLOYMENTS, GOOD, POLICIES, ROUTES, problems_of


@pytest.mark.parametrize(
    ("old", "new", "at", "problem"),
    [
        ("try: [large-a]", "tri: [large-a]", "tri:", "route 'large-only': unknown key 'tri'; did you mean 'try'?"),
        ("tier: small, ", "", "{name: small-a", "deployment 'small-a': 'tier' is missing"),
        ("model: s", "model: 4", "4,", "deployment 'small-a', model: must be text; put it in quotes"),
        ("[auto]", "[]", "[]", "policy 'default', serves: must not be empty"),
        ("[auto]", "auto", "auto", "policy 'default', serves: must be a list"),
        ("then: [large-a]", "retries: 1.5", "1.5", "route 'small-first', retries: must be a whole number"),
        ("then: [large-a]", "retries: -1", "-1", "route 'small-first', retries: must be greater than or equal to 0"),
        ("then: [large-a]", "then: ~", "~", "route 'small-first', then: has no value"),
        ("then: [large-a]", "hedge: {}", "hedge:", "route 'small-first': 'hedge' is not supported yet"),
        ("baseline: large-a", "rollout: x", "x\n", "policy 'default', rollout: unknown value 'x', not 'on' or"),
        (
            "baseline: large-a",
            "canary: 5%",
            "canary:",
            "policy 'default': 'canary' is not supported yet; write 'rollout: {canary: 10%}'",
        ),
        (
            "baseline: large-a",
            "rollout: {canary: 5}",
            "5}",
            "policy 'default', rollout, canary: must be a share of the sessions above 0% and below 100%",
        ),
        (
            "baseline: large-a",
            "headers: [X-Team]",
            "X-Team",
            "policy 'default', headers, item 1: 'X-Team' is not a header name",
        ),
        (
            "baseline: large-a",
            "headers: [cookie]",
            "cookie",
            "policy 'default', headers, item 1: 'cookie' carries a credential",
        ),
        (
            "baseline: large-a",
            "timezone: Paris",
            "Paris",
            "policy 'default', timezone: unknown time zone 'Paris'; write",
        ),
        (
            "then: [large-a]",
            "strategy: random",
            "random",
            "route 'small-first', strategy: unknown value 'random', not 'priority',",
        ),
        (
            "then: [large-a]",
            "strategy: weighted",
            "{name: small-first",
            "route 'small-first': 'strategy: weighted' and 'weights' go together",
        ),
        (
            "then: [large-a]",
            "then: [{after: [flood], try: [large-a]}]",
            "flood",
            "route 'small-first', then, item 1, after, item 1: unknown value",
        ),
        ("then: [large-a]", "then: [{try: []}]", "[]", "route 'small-first', then, item 1, try: must not be empty"),
        ("baseline: large-a", "quality: 3", "3\n", "policy 'default', quality: must be a mapping"),
        ("name: small-first,", "name: a b,", "a b,", "route 'a b', name: 'a b' is not a name"),
        ("when: ", "wenn: ", "wenn:", "policy 'default', rule 1: unknown key 'wenn'; did you mean 'when'?"),
        ("when: ", "wenn: ", "{name: easy", "policy 'default', rule 1: 'when' is missing"),
        (
            "residency: on_prem",
            "residency: [a]",
            "[a]",
            "deployment 'small-a', labels, residency: a label is text, a number, true or false",
        ),
        (
            "model: s",
            "model: s, capabilities: [vison]",
            "vison",
            "deployment 'small-a', capabilities, item 1: unknown value 'vison', not 'tools', 'json_schema' or 'vision'",
        ),
        (
            "model: s",
            "model: s, price: {gpu_hour_usd: '2', tokens_per_second: 9}",
            "'2'",
            "deployment 'small-a', price, gpu_hour_usd: must be a number; write it without quotes",
        ),
    ],
)
def test_a_mistake_is_reported_at_its_place_with_the_next_step(
    tmp_path: Path, old: str, new: str, at: str, problem: str
) -> None:
    text = GOOD.replace(old, new, 1)
    before = text[: text.index(at)]
    place = f"p.yaml:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"

    problems = problems_of(tmp_path, p=text)

    assert any(each.startswith(f"{place}: {problem}") for each in problems), problems


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("- a", "p.yaml:1:1: a policy file is a mapping with any of 'deployments', 'routes', 'policies', 'tiers'"),
        ("route: []", "p.yaml:1:1: unknown key 'route'; did you mean 'routes'?"),
        ("settings: {}", "p.yaml:1:1: 'settings' is not supported yet"),
        ("tiers: [3]", "p.yaml:1:9: tiers: a tier is a name"),
        ("tiers: [a, a]", "p.yaml:1:12: tiers: the tier 'a' is listed twice"),
        ("routes: 3", "p.yaml:1:9: routes: must be a list; write it as '[…]' or as lines that begin with '- '"),
        ("routes: [3]", "p.yaml:1:10: route 1: must be a mapping of keys to values"),
    ],
)
def test_a_file_holds_sections_of_items(tmp_path: Path, text: str, problem: str) -> None:
    assert problem in problems_of(tmp_path, p=text)


def test_one_mistake_does_not_hide_another_nor_invent_one(tmp_path: Path) -> None:
    routes = ROUTES.replace("try: [large-a]", "try: [large-a], hedge: {}")
    policies = POLICIES.replace("name: default", "name: default\n    xyz: red").replace("large-only", "larg-only")

    problems = problems_of(tmp_path, a=DEPLOYMENTS, b=routes, c=policies)

    assert problems == [
        "b.yaml:4:40: route 'large-only': 'hedge' is not supported yet",
        (
            "c.yaml:4:5: policy 'default': unknown key 'xyz'; "
            "known are name, serves, rollout, headers, timezone, on_unrecordable, keep_text, session, "
            "baseline, quality, constraints, rules, default"
        ),
        "c.yaml:9:14: policy 'default': unknown route 'larg-only'; did you mean 'large-only'?",
    ]


def test_rules_keep_their_number_where_an_earlier_one_is_invalid(tmp_path: Path) -> None:
    rules = "rules:\n      - {name: broken}\n      - {name: far, when: 'true', route: nowhere}"

    problems = problems_of(tmp_path, a=DEPLOYMENTS, b=ROUTES, c=POLICIES.replace("rules:", rules))

    assert problems[-1].startswith("c.yaml:8:42: policy 'default', rule 2: unknown route 'nowhere'")


def test_a_name_is_taken_once_whichever_the_file(tmp_path: Path) -> None:
    problems = problems_of(tmp_path, a=GOOD, b=ROUTES)

    assert problems[0].startswith("b.yaml:3:12: route 'small-first': this name is already taken; it is first used in")
    assert problems[0].endswith("a.yaml:7")
    assert len(problems) == 2


def test_a_value_that_may_be_secret_is_never_shown(tmp_path: Path) -> None:
    text = GOOD.replace("model: s,", "model: s, api_key: {hush: hush-hush}, api_base: [hush-hush],")

    assert "hush-hush" not in "\n".join(problems_of(tmp_path, p=text))


@pytest.mark.parametrize(
    "bad", ["default: 3", "quality: red\n    default: large-only", "timezone: Mars\n    default: x"]
)
def test_a_mistake_in_a_policys_keys_hides_none_in_its_conditions(tmp_path: Path, bad: str) -> None:
    text = GOOD.replace("default: large-only", bad).replace("small_ok >=", "small_okay >=")

    problems = problems_of(tmp_path, p=text.replace("route: small-first", "route: smal-first"))

    assert any("unknown name 'classification.small_okay'" in each for each in problems)
    assert any("unknown route 'smal-first'" in each for each in problems)


@pytest.mark.parametrize("key", ["name", "serves", "default"])
def test_a_policy_without_a_key_it_needs_is_checked_all_the_same(tmp_path: Path, key: str) -> None:
    lines = [line for line in GOOD.splitlines() if not line.strip().lstrip("- ").startswith(f"{key}: ") or "{" in line]
    text = "\n".join(lines).replace("    serves", "  - serves", 1) if key == "name" else "\n".join(lines)

    problems = problems_of(tmp_path, p=text.replace("small_ok >=", "small_okay >="))

    assert len(problems) == 2
    assert any(f"'{key}' is missing" in each for each in problems)
    assert any("unknown name 'classification.small_okay'" in each for each in problems)


def test_a_rule_without_a_route_has_its_condition_checked(tmp_path: Path) -> None:
    rules = "rules:\n      - {name: broken, when: signals.cod}\n      - {when: signals.mats, route: nowhere}"

    problems = problems_of(tmp_path, p=GOOD.replace("rules:", rules))

    assert [problem.partition(": ")[2].partition(";")[0] for problem in problems] == [
        "policy 'default', rule 1: 'route' is missing",
        "policy 'default', rule 1: unknown name 'signals.cod'",
        "policy 'default', rule 2: 'name' is missing",
        "policy 'default', rule 2: unknown name 'signals.mats'",
        "policy 'default', rule 2: unknown route 'nowhere'",
    ]
