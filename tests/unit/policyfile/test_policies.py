from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.domain.decision import decide
from gateway.domain.policy import KeepText, Match
from tests.builders import a_classification, a_request, a_session, some_facts
from tests.unit.policyfile.folder import GOOD, load, problems_of

CONSTRAINT = "constraints: [{name: home, when: signals.code, require: 'labels.residency == \"on_prem\"'}]\n    rules:"


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


def test_a_compiled_policy_matches_all_its_conditions_at_once(tmp_path: Path) -> None:
    policy = load(tmp_path, p=GOOD.replace("rules:", CONSTRAINT)).by_alias["auto"]

    match = policy.match(policy.bind(some_facts(classification=a_classification(1.0)), policy.threshold))

    assert match == Match(rule=policy.rules[0])


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


@pytest.mark.parametrize(
    ("require", "said"),
    [
        ("labels.residncy == 'us'", "no deployment has the label 'residncy'; did you mean 'residency'?"),
        ("labels.residency == 'eu'", """the values of 'residency' are "on_prem", "us\""""),
        ("deployment.name == 'nobody'", "their labels are residency"),
    ],
)
def test_a_requirement_nobody_meets_comes_with_what_there_is(tmp_path: Path, require: str, said: str) -> None:
    constraint = f'constraints: [{{name: home, when: signals.code, require: "{require}"}}]\n    rules:'

    (problem,) = problems_of(tmp_path, p=GOOD.replace("rules:", constraint))

    assert problem.endswith(said)


def test_a_default_cannot_keep_what_a_session_has(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, p=GOOD.replace("default: large-only", "default: sticky"))

    assert "'sticky' is for rules" in problem


def test_the_metadata_that_conditions_name_is_known(tmp_path: Path) -> None:
    text = GOOD.replace("when: c", "when: has(request.metadata.tier) || c")

    assert load(tmp_path, p=text).by_alias["auto"].metadata == {"tier"}


def _keeping(directory: Path, keep: str) -> KeepText | None:
    return load(directory, p=GOOD.replace("rules:", f"keep_text: {keep}\n    rules:")).by_alias["auto"].keep_text


def test_no_text_is_kept_unless_the_policy_says_so(tmp_path: Path) -> None:
    assert load(tmp_path, p=GOOD).by_alias["auto"].keep_text is None


@pytest.mark.parametrize(
    ("keep", "compiled"),
    [
        ("{teams: all, days: 30}", KeepText(teams=None, days=30)),
        ("{teams: [hr, legal], days: 1}", KeepText(teams=frozenset({"hr", "legal"}), days=1)),
        (
            "{teams: all, days: 3650, answers: false, max_bytes: 256}",
            KeepText(teams=None, days=3650, answers=False, max_bytes=256),
        ),
    ],
)
def test_whose_text_is_kept_and_how_long(tmp_path: Path, keep: str, compiled: KeepText) -> None:
    assert _keeping(tmp_path, keep) == compiled


@pytest.mark.parametrize(
    ("keep", "problem"),
    [
        ("{days: 30}", "keep_text: 'teams' is missing"),
        ("{teams: all}", "keep_text: 'days' is missing"),
        ("{teams: hr, days: 1}", "keep_text, teams: must be all, or a list of teams such as [support, legal]"),
        ("{teams: [], days: 1}", "keep_text, teams: must be all, or a list of teams such as [support, legal]"),
        ("{teams: [''], days: 1}", "keep_text, teams: must be all, or a list of teams such as [support, legal]"),
        ("{teams: [3], days: 1}", "keep_text, teams: must be all, or a list of teams such as [support, legal]"),
        ("{teams: [all, hr], days: 1}", "keep_text, teams: write 'teams: all' for everybody, without a list"),
        ("{teams: all, days: 0}", "keep_text, days: must be greater than or equal to 1"),
        ("{teams: all, days: 1, max_bytes: 9}", "keep_text, max_bytes: must be greater than or equal to 256"),
        ("{teams: all, days: 1, answers: 1}", "keep_text, answers: must be a valid boolean"),
        ("{team: all, days: 1}", "keep_text: unknown key 'team'; did you mean 'teams'?"),
        ("all", "keep_text: must be a mapping"),
    ],
)
def test_a_mistake_in_what_is_kept_names_its_place(tmp_path: Path, keep: str, problem: str) -> None:
    problems = problems_of(tmp_path, p=GOOD.replace("rules:", f"keep_text: {keep}\n    rules:"))

    assert any(problem in each for each in problems), problems


def test_what_is_kept_is_of_the_policys_version(tmp_path: Path) -> None:
    without = load(tmp_path, p=GOOD).by_alias["auto"].version

    kept = load(tmp_path, p=GOOD.replace("rules:", "keep_text: {teams: all, days: 1}\n    rules:")).by_alias["auto"]

    assert kept.version != without
