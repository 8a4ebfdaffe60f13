from pathlib import Path

import pytest

from gateway.policyfile.doubts import doubts
from tests.unit.policyfile.folder import DEPLOYMENTS, ROUTES, load

Entry = tuple[str, str]
"""A rule: its condition and its route."""


def _said(directory: Path, *rules: Entry, constraints: tuple[str, ...] = (), more: str = "") -> list[str]:
    """What is doubted of a policy: "rule 2: …". Each constraint is a condition that keeps to the on-premises model."""
    lines = ["policies:", "  - name: default", "    serves: [auto]", "    default: large-only", *more.splitlines()]
    lines += ["    constraints:"] if constraints else []
    for number, when in enumerate(constraints):
        lines += [
            f"      - name: c{number}",
            "        require: labels.residency == 'on_prem'",
            f"        when: |-\n          {when}",
        ]
    lines += ["    rules:"] if rules else []
    for number, (when, route) in enumerate(rules):
        lines += [f"      - name: r{number}", f"        route: {route}", f"        when: |-\n          {when}"]
    policies = load(directory, p=DEPLOYMENTS + ROUTES + "\n".join(lines) + "\n")
    found = doubts(policies.policies[0], policies)
    return [
        f"{each.section.removesuffix('s')} {each.position + 1}: {each.message}; {each.suggestion}" for each in found
    ]


def _small(*conditions: str) -> list[Entry]:
    return [(condition, "small-first") for condition in conditions]


@pytest.mark.parametrize(
    "condition",
    [
        "false",
        "signals.code && !signals.code",
        'classification.task == "legal" && classification.task == "medical"',
        "signals.tokens > 10 && signals.tokens < 5",
        "signals.tokens < 9 && signals.ask_tokens > 9",
        "classification.small_ok > 0.9 && classification.small_ok < 0.5",
        'key.team == "a" && key.team == "b"',
        "time.hour > 23",
        'time.date == "2026-12-25" && time.weekday == "mon"',
        'signals.code_language == "rust" && !signals.code',
        'signals.sensitivity == "none" && "legal" in signals.sensitive',
        "!budget.exists && budget.used_ratio > 0.5",
    ],
)
def test_a_rule_that_can_never_match_is_named(tmp_path: Path, condition: str) -> None:
    (doubt,) = _said(tmp_path, *_small(condition))

    assert doubt == "rule 1: it never matches; write the condition it is for, or remove it"


@pytest.mark.parametrize(
    "condition",
    [
        "signals.code || !signals.maths",
        "signals.tokens > 5 && signals.tokens < 7",
        "classification.small_ok > 0.6 && classification.small_ok < 0.61",
        "signals.turns > signals.messages - 1",
        "signals.tokens % 1000 == 999",
        'key.team.startsWith("a") && key.team != "a"',
        'time.date >= "2026-12-24" && time.date < "2026-12-27" && time.weekday == "fri"',
        "time.hour >= 22 || time.hour < 6",
        "time.minute == 59",
        '"a" in key.tags && "b" in key.tags && !("c" in key.tags)',
        '"legal" in signals.sensitive && "health" in signals.sensitive',
        "budget.used_ratio > 1.5",
        "session.known && signals.tool_loop",
        'session.tier == "large"',
        '"large-a" in health.resting',
        '"large-a" in health.latency_ms && health.latency_ms["large-a"] > 900.0',
        '"team" in request.metadata && request.metadata["team"] == "x"',
        '"search" in request.tools && signals.tools > 3',
        'signals.language in ["de", "fr"]',
        'signals.sensitivity in ["secret", "personal"]',
        'signals.sensitivity == "secret"',
        'signals.sensitivity != "none"',
        'signals.sensitivity in ["none", "legal"]',
        "request.stream && signals.images >= 2",
    ],
)
def test_a_rule_that_can_match_raises_no_doubt(tmp_path: Path, condition: str) -> None:
    assert _said(tmp_path, *_small(condition)) == []


@pytest.mark.parametrize(
    ("condition", "doubt"),
    [
        ('classification.task == "legl"', "'classification.task' is never 'legl'; did you mean 'legal'?"),
        ('signals.sensitivity != "privat"', "'signals.sensitivity' is never 'privat'; known are"),
        ('"helth" in signals.sensitive', "'signals.sensitive' is never 'helth'; did you mean 'health'?"),
        ('signals.script in ["latin", "cyrilic"]', "'signals.script' is never 'cyrilic'; did you mean 'cyrillic'?"),
        ('signals.language == "eng"', "'signals.language' is never 'eng'; did you mean 'en'?"),
        ('signals.code_language == "pyhton"', "'signals.code_language' is never 'pyhton'; did you mean 'python'?"),
        ('time.weekday == "sunday"', "'time.weekday' is never 'sunday'; did you mean 'sun'?"),
        ('time.date == "24.12.2026"', "'time.date' is never '24.12.2026'; write a date such as 2026-12-24"),
        ('request.alias == "atuo"', "'request.alias' is never 'atuo'; did you mean 'auto'?"),
        ('session.tier == "lareg"', "'session.tier' is never 'lareg'; did you mean 'large'?"),
        ('"lareg-a" in health.resting', "'health.resting' is never 'lareg-a'; did you mean 'large-a'?"),
        (
            '"smal-a" in health.latency_ms && health.latency_ms["smal-a"] > 5.0',
            "'health.latency_ms' is never 'smal-a'; did you mean 'small-a'?",
        ),
    ],
)
def test_what_a_variable_never_is_has_one_doubt(tmp_path: Path, condition: str, doubt: str) -> None:
    (said,) = _said(tmp_path, *_small(condition))

    assert said.startswith(f"rule 1: {doubt}")


@pytest.mark.parametrize(
    "condition", ['session.deployment == ""', 'signals.code_language == ""', 'key.team == "any"', 'key.id != "x"']
)
def test_what_a_variable_may_be_raises_no_doubt(tmp_path: Path, condition: str) -> None:
    assert _said(tmp_path, *_small(condition)) == []


def test_a_rule_that_an_earlier_one_covers_is_never_reached(tmp_path: Path) -> None:
    doubts = _said(tmp_path, *_small("signals.maths", "signals.code", "signals.code && signals.images > 2"))

    assert doubts == ["rule 3: it is never reached: rule 2 holds wherever it does; move it before them, or remove it"]


def test_a_rule_that_earlier_ones_cover_between_them_is_never_reached(tmp_path: Path) -> None:
    conditions = ("signals.tokens > 100", "signals.tokens < 101 && signals.code", "signals.code && signals.tokens > 5")

    (doubt,) = _said(tmp_path, *_small(*conditions))

    assert doubt.startswith("rule 3: it is never reached: rules 1 and 2 between them hold wherever it does")


def test_the_same_condition_in_other_words_of_layout_is_the_same(tmp_path: Path) -> None:
    (doubt,) = _said(tmp_path, *_small("signals.tokens % 2 == 0", "(signals.tokens%2 == 0)"))

    assert doubt.startswith("rule 2: it is never reached: rule 1 has the same condition")


def test_a_rule_after_one_that_keeps_to_sessions_is_reached_by_new_ones(tmp_path: Path) -> None:
    assert _said(tmp_path, ("signals.code", "sticky"), ("signals.code", "small-first")) == []
    assert _said(tmp_path, ("true", "sticky"), ("signals.code", "small-first")) == []


def test_a_rule_that_keeps_to_sessions_after_the_same_for_all_is_never_reached(tmp_path: Path) -> None:
    (doubt,) = _said(tmp_path, ("signals.code", "small-first"), ("signals.code", "sticky"))

    assert doubt.startswith("rule 2: it is never reached")


def test_where_no_session_is_remembered_nothing_keeps_to_one(tmp_path: Path) -> None:
    rules = (("signals.code", "sticky"), ("session.known", "small-first"))

    sticky, known = _said(tmp_path, *rules, more="    session: {affinity: false}")

    assert sticky.startswith("rule 1: it never matches: the policy remembers no session that it could keep to")
    assert known.startswith("rule 2: it never matches;")


@pytest.mark.parametrize("condition", ['signals.sensitivity == "personal"', 'signals.sensitivity in ["health"]'])
def test_a_constraint_on_one_kind_lets_graver_texts_go(tmp_path: Path, condition: str) -> None:
    (doubt,) = _said(tmp_path, constraints=(condition,))

    assert doubt.startswith("constraint 1: it is about ")
    assert "a text that also holds something 'secret' is 'secret'; write '\"" in doubt


def test_constraints_that_also_see_to_graver_texts_raise_no_doubt(tmp_path: Path) -> None:
    conditions = ('signals.sensitivity == "personal"', 'signals.sensitivity == "secret"')

    assert _said(tmp_path, constraints=conditions) == []
    assert _said(tmp_path, constraints=(" || ".join(conditions),)) == []


@pytest.mark.parametrize("operator", ["==", "!="])
def test_a_rule_on_one_kind_lets_graver_texts_go(tmp_path: Path, operator: str) -> None:
    (doubt,) = _said(tmp_path, *_small(f'signals.sensitivity {operator} "personal"'))

    assert "rule 1: it is about 'personal' alone: a text that also holds something 'secret' is 'secret'" in doubt


@pytest.mark.parametrize("at", [0, 1])
def test_a_rule_beside_one_for_graver_texts_raises_no_doubt(tmp_path: Path, at: int) -> None:
    rules = _small('signals.sensitivity == "personal"')
    rules.insert(at, ('signals.sensitivity == "secret"', "large-only"))

    assert _said(tmp_path, *rules) == []


def test_a_constraint_that_never_applies_is_named(tmp_path: Path) -> None:
    (doubt,) = _said(tmp_path, constraints=("signals.code && !signals.code",))

    assert doubt == "constraint 1: it never applies; write the condition it is for, or remove it"
