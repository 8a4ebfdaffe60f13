import logging
from pathlib import Path

import pytest

from gateway.cli.assumed_environment import assumed_environment
from gateway.policyfile.loader import load_with_items
from gateway.policyfile.review import review
from gateway.providers.price_map import PriceMap
from tests.unit.policyfile.folder import unknown_prices, write

POLICIES = Path(__file__).parents[3] / "policies"
PRICE = "{input_per_mtok_usd: 1, output_per_mtok_usd: 2}"
DEPLOYMENTS = f"""
deployments:
  - {{name: home, tier: small, provider: openai, model: s, context_window: 9, labels: {{at: home}}, price: {PRICE}}}
  - {{name: away, tier: large, provider: openai, model: l, context_window: 9, labels: {{at: away}}, price: {PRICE}}}
"""
ROUTES = """
routes:
  - {name: home-first, try: [home], then: [away]}
  - {name: home-only, try: [home]}
  - {name: away-only, try: [away]}
"""


def _policy(
    rules: str = "", constraints: str = "", default: str = "away-only", baseline: str = "baseline: away"
) -> str:
    return f"""
policies:
  - name: default
    serves: [auto]
    {baseline}
    constraints: [{constraints}]
    rules: [{rules}]
    default: {default}
  - name: uses-every-route
    serves: [every]
    baseline: away
    rules:
      - {{name: code, when: signals.code, route: home-only}}
      - {{name: maths, when: signals.maths, route: home-first}}
    default: away-only
"""


def _warnings(directory: Path, policies: str, deployments: str = DEPLOYMENTS, routes: str = ROUTES) -> list[str]:
    """What the review says, each warning from its place's line on."""
    write(directory, d=deployments, p=policies, r=routes)
    loaded = load_with_items(directory, unknown_prices, {})
    return [str(each).removeprefix(f"{directory}/") for each in review(loaded.policies, loaded.items)]


def test_a_set_without_oddities_has_no_warning(tmp_path: Path) -> None:
    rules = (
        "{name: vision, when: signals.images > 0, route: home-only}, {name: code, when: signals.code, route: home-only}"
    )

    assert _warnings(tmp_path, _policy(rules)) == []


def test_a_rule_that_never_matches_is_named_with_its_place(tmp_path: Path) -> None:
    (warning,) = _warnings(tmp_path, _policy('{name: never, when: "( false )", route: home-only}'))

    assert warning == (
        "p.yaml:7:33: policy 'default', rule 1: it never matches; write the condition it is for, or remove it"
    )


def test_a_rule_that_always_matches_hides_all_that_follow_in_one_warning(tmp_path: Path) -> None:
    rules = (
        '{name: all, when: "true", route: home-only}, {name: code, when: signals.code, route: home-only},'
        ' {name: never, when: "false", route: home-only}'
    )

    (warning,) = _warnings(tmp_path, _policy(rules))

    assert "rule 1: it always matches, so the 2 after it and the default are never reached" in warning
    assert warning.endswith("make 'home-only' the default")


def test_a_last_rule_that_always_matches_hides_the_default(tmp_path: Path) -> None:
    (warning,) = _warnings(tmp_path, _policy('{name: all, when: "true", route: home-only}'))

    assert "it always matches, so the default is never reached" in warning


def test_the_second_rule_with_a_condition_is_never_reached(tmp_path: Path) -> None:
    rules = "{name: code, when: signals.code, route: home-only}, {name: again, when: signals.code, route: away-only}"

    (warning,) = _warnings(tmp_path, _policy(rules))

    assert "policy 'default', rule 2: it is never reached: rule 1 has the same condition" in warning


def test_conditions_that_differ_inside_a_text_are_not_the_same(tmp_path: Path) -> None:
    rules = ", ".join(
        f"{{name: {name}, when: 'key.team == \"{team}\"', route: home-only}}"
        for name, team in (("one", "a b"), ("two", "a  b"))
    )

    assert _warnings(tmp_path, _policy(rules)) == []


def test_a_constraint_that_never_applies_is_named(tmp_path: Path) -> None:
    (warning,) = _warnings(
        tmp_path, _policy(constraints="""{name: c, when: "false", require: 'labels.at == "home"'}""")
    )

    assert "policy 'default', constraint 1: it never applies" in warning


def test_a_route_nobody_uses_is_named(tmp_path: Path) -> None:
    (warning,) = _warnings(tmp_path, _policy(), routes=f"{ROUTES}  - {{name: spare, try: [home]}}\n")

    assert warning == "r.yaml:6:12: route 'spare': no policy uses it; let a rule or a default name it, or remove it"


def test_a_deployment_that_is_only_a_baseline_is_used(tmp_path: Path) -> None:
    extra = "  - {name: NAME, tier: large, provider: openai, model: x, context_window: 9, price: PRICE}\n"
    deployments = DEPLOYMENTS + "".join(extra.replace("NAME", name) for name in ("yardstick", "spare"))

    warnings = _warnings(tmp_path, _policy(baseline="baseline: yardstick"), deployments.replace("PRICE", PRICE))

    assert warnings == ["d.yaml:6:12: deployment 'spare': no route tries it; add it to a route, or remove it"]


def test_a_deployment_without_price_and_window_has_a_warning_for_each(tmp_path: Path) -> None:
    deployments = DEPLOYMENTS.replace(f", context_window: 9, labels: {{at: home}}, price: {PRICE}", "")

    price, window = _warnings(tmp_path, _policy(), deployments)

    assert "deployment 'home': its cost will be unknown: the price map does not know openai/s" in price
    assert "deployment 'home': its context window is unknown" in window


def test_a_policy_without_a_baseline_is_named(tmp_path: Path) -> None:
    (warning,) = _warnings(tmp_path, _policy(baseline=""))

    assert "policy 'default': it has no baseline, so its savings will be unknown" in warning


STAY_HOME = """{name: stay, when: '"personal" in signals.sensitive', require: 'labels.at == "home"'}"""


def test_a_constraint_that_leaves_the_default_without_deployment_is_named(tmp_path: Path) -> None:
    (warning,) = _warnings(tmp_path, _policy(constraints=STAY_HOME))

    assert "constraint 1: where it applies, requests that the default sends to route 'away-only' are refused" in warning
    assert "none of its deployments meets 'labels.at == \"home\"'" in warning


def test_a_route_that_keeps_one_deployment_is_not_refused(tmp_path: Path) -> None:
    assert _warnings(tmp_path, _policy(constraints=STAY_HOME, default="home-first")) == []


@pytest.mark.parametrize(
    "condition",
    [
        '"personal" in signals.sensitive',
        'signals.sensitivity != "none"',
        'signals.sensitivity in ["secret", "personal"]',
        '!(signals.sensitivity == "none")',
    ],
)
def test_a_rule_that_catches_what_the_constraint_is_about_spares_the_default(tmp_path: Path, condition: str) -> None:
    rule = f"{{name: home, when: '{condition}', route: home-only}}"

    assert _warnings(tmp_path, _policy(rule, STAY_HOME)) == []


def test_a_rule_that_excludes_the_constraint_is_not_warned_about(tmp_path: Path) -> None:
    rules = (
        """{name: open, when: 'signals.sensitivity == "none"', route: away-only},"""
        """ {name: secrets, when: '"secret" in signals.sensitive && !("personal" in signals.sensitive)',"""
        """ route: away-only}"""
    )

    assert _warnings(tmp_path, _policy(rules, STAY_HOME, default="home-only")) == []


@pytest.mark.parametrize(
    "condition",
    [
        "signals.tokens > 5000",
        'key.team == "legal" && signals.turns >= 3',
        "classification.small_ok < quality.threshold",
        'classification.task in ["medical", "finance"]',
        'request.alias == "auto" && request.stream',
    ],
)
def test_a_rule_that_can_meet_the_constraint_is_found_by_the_values_it_names(tmp_path: Path, condition: str) -> None:
    rule = f"{{name: away, when: '{condition}', route: away-only}}"

    (warning,) = _warnings(tmp_path, _policy(rule, STAY_HOME, default="home-only"))

    assert "requests that rule 'away' sends to route 'away-only' are refused" in warning


@pytest.mark.parametrize(
    "rules",
    [
        "{name: away, when: signals.tokens < 9 + 0 && signals.ask_tokens > 9, route: away-only}",
        "{name: t, when: signals.tokens>9, route: home-only}, {name: a, when: signals.ask_tokens>9, route: away-only}",
        "{name: m, when: signals.messages > 0, route: home-only}, {name: a, when: signals.turns > 1, route: away-only}",
    ],
)
def test_requests_that_cannot_be_are_no_ground(tmp_path: Path, rules: str) -> None:
    assert _warnings(tmp_path, _policy(rules, STAY_HOME, default="home-only")) == []


def test_conditions_that_fail_on_a_request_are_no_ground_and_nothing_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rule = (
        "{name: odd, when: '100 / (signals.tokens - 7) > 90 && signals.images > 12345678901234567', route: away-only}"
    )

    with caplog.at_level(logging.DEBUG):
        warnings = _warnings(tmp_path, _policy(rule, STAY_HOME, default="home-only"))

    assert (warnings, caplog.records) == ([], [])


def test_a_constraint_that_says_what_to_do_then_is_not_warned_about(tmp_path: Path) -> None:
    for answer in ("refuse", "home-only"):
        constraint = STAY_HOME.replace("require:", f"on_unavailable: {answer}, require:")

        assert _warnings(tmp_path, _policy(constraints=constraint)) == []


BEHIND = """
routes:
  - {name: away-only, try: [away], then: [{after: [error], try: [home]}]}
  - {name: home-first, try: [home], then: [away]}
  - {name: home-only, try: [home]}
"""


def test_being_barred_is_no_failure_that_a_fallback_waits_for(tmp_path: Path) -> None:
    (warning,) = _warnings(tmp_path, _policy(constraints=STAY_HOME), routes=BEHIND)

    assert "requests that the default sends to route 'away-only' are refused" in warning
    assert "'home' only takes over after failures, and being barred is none" in warning


def test_a_route_to_take_instead_that_would_refuse_too_is_named(tmp_path: Path) -> None:
    constraint = STAY_HOME.replace("require:", "on_unavailable: away-only, require:")

    (warning,) = _warnings(tmp_path, _policy(constraints=constraint, default="home-only"), routes=BEHIND)

    assert "constraint 1: route 'away-only' would refuse too" in warning


def test_a_tier_nobody_is_of_is_named(tmp_path: Path) -> None:
    (warning,) = _warnings(tmp_path, _policy(), f"tiers: [small, medium, large]\n{DEPLOYMENTS}")

    assert warning.startswith("d.yaml:1:16: tiers: no deployment is of the tier 'medium'; remove it")


@pytest.mark.parametrize("strategy", ["least_latency", "weighted", "cheapest", "sticky"])
def test_a_strategy_without_a_choice_is_named(tmp_path: Path, strategy: str) -> None:
    weights = ", weights: {home: 1}" if strategy == "weighted" else ""
    routes = ROUTES.replace(
        "{name: home-only, try: [home]", f"{{name: home-only, try: [home], strategy: {strategy}{weights}"
    )

    (warning,) = _warnings(tmp_path, _policy(), routes=routes)

    assert f"route 'home-only', strategy: '{strategy}' has nothing to choose from" in warning


def test_a_route_that_only_a_constraint_names_is_used(tmp_path: Path) -> None:
    constraint = STAY_HOME.replace("require:", "on_unavailable: spare, require:")

    assert (
        _warnings(tmp_path, _policy(constraints=constraint), routes=f"{ROUTES}  - {{name: spare, try: [home]}}\n") == []
    )


def test_a_header_that_no_condition_reads_is_named(tmp_path: Path) -> None:
    rule = """{name: a, when: '"x-a" in request.headers', route: home-only}"""

    (warning,) = _warnings(tmp_path, _policy(rule, baseline="baseline: away\n    headers: [x-a, x-b]"))

    assert "p.yaml:6:20: policy 'default', headers, item 2: no condition reads the header 'x-b'" in warning


def test_where_headers_are_asked_as_a_whole_none_is_named(tmp_path: Path) -> None:
    rule = "{name: a, when: size(request.headers) > 1, route: home-only}"

    assert _warnings(tmp_path, _policy(rule, baseline="baseline: away\n    headers: [x-a, x-b]")) == []


def test_a_doubt_about_a_condition_stands_where_the_condition_raises_it(tmp_path: Path) -> None:
    rule = """{name: a, when: 'signals.code && classification.task == "legl"', route: home-only}"""

    (warning,) = _warnings(tmp_path, _policy(rule))

    assert warning == (
        "p.yaml:7:70: policy 'default', rule 1: 'classification.task' is never 'legl'; did you mean 'legal'?"
    )


SHIPPED = sorted(f"examples/{each.name}" for each in (POLICIES / "examples").iterdir())


@pytest.mark.parametrize("name", ["demo", *SHIPPED])
def test_shipped_policies_raise_no_warning(name: str) -> None:
    directory = POLICIES / name
    loaded = load_with_items(directory, PriceMap(), assumed_environment(directory))

    warnings = review(loaded.policies, loaded.items)

    assert [f"{each.path}: {each.message}" for each in warnings] == []
