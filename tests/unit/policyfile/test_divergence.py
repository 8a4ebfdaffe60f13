import logging
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.decision import decide
from gateway.domain.policy import PolicySet
from gateway.policyfile.divergence import MOST_EXAMPLES, MOST_TRIED, Divergence, divergences
from tests.unit.policyfile.folder import load

SET = """
tiers: [small, large]
deployments:
  - {name: home, tier: small, provider: openai, model: s, context_window: 4000, labels: {at: home}}
  - {name: away, tier: large, provider: openai, model: l, capabilities: [tools], labels: {at: away}}
routes:
  - {name: home-first, try: [home], then: [away]}
  - {name: away-first, try: [away], then: [home]}
policies:
  - name: default
    serves: [auto, too]
    timezone: UTC
    quality: {threshold: 0.6}
    constraints:
      - {name: stay, when: '"personal" in signals.sensitive', require: labels.at == "home"}
    rules:
      - {name: long, when: signals.tokens > 1200, route: home-first}
      - {name: legal, when: classification.task == "legal", route: home-first}
      - name: easy
        when: classification.has_evidence && classification.small_ok >= quality.threshold
        route: home-first
      - {name: night, when: time.hour >= 22, route: home-first}
      - {name: odd, when: signals.asked_tokens % 2 == 1, route: home-first}
    default: away-first
"""


def _between(directory: Path, changed: str) -> tuple[PolicySet, PolicySet]:
    for name in ("a", "b"):
        (directory / name).mkdir()
    return load(directory / "a", p=SET), load(directory / "b", p=changed)


def _found(directory: Path, changed: str) -> Divergence:
    (divergence,) = divergences(*_between(directory, changed))
    return divergence


@pytest.mark.parametrize(
    ("old", "new", "given", "rules"),
    [
        ("> 1200", "> 1300", "signals.tokens = 1201", ("long", "default")),
        ('"legal"', '"medical"', "classification.task = legal", ("legal", "default")),
        ("0.6}", "0.7}", "classification.has_evidence = true, classification.small_ok = 0.6", ("easy", "default")),
        (
            '"personal"',
            '"secret"',
            "signals.sensitive = [personal], signals.sensitivity = personal",
            ("default", "default"),
        ),
        ("UTC", "Asia/Tokyo", "time = Wed 2026-01-14 13:00 UTC", ("default", "night")),
        ("tokens % 2 == 1", "tokens % 2 == 0", "", ("default", "odd")),
        ("window: 4000", "window: 900", "signals.tokens = 901", ("default", "default")),
        ("[tools]", "[tools, vision]", "signals.images = 1", ("default", "default")),
        ("home-first, try: [home], then: [away]", "home-first, try: [home]", "signals.tokens = 1201", ("long", "long")),
        ("default: away-first", "default: home-first", "", ("default", "default")),
    ],
)
def test_a_request_that_is_decided_differently_is_found_and_told_simply(
    tmp_path: Path, old: str, new: str, given: str, rules: tuple[str, str]
) -> None:
    divergence = _found(tmp_path, SET.replace(old, new))

    found = {", ".join(each.given): (each.before.rule, each.after.rule) for each in divergence.examples}
    assert found[given] == rules
    assert 1 <= len(found) <= MOST_EXAMPLES


def test_no_two_examples_are_decided_by_the_same_two_rules(tmp_path: Path) -> None:
    divergence = _found(tmp_path, SET.replace("home-first, try: [home], then: [away]", "home-first, try: [home]"))

    rules = [(each.before.rule, each.after.rule) for each in divergence.examples]
    assert len(rules) == len(set(rules)) >= 2


def test_aliases_of_the_same_policies_are_searched_together(tmp_path: Path) -> None:
    assert _found(tmp_path, SET.replace("1200", "9")).aliases == ("auto", "too")


def test_a_policy_of_the_same_version_is_not_searched(tmp_path: Path) -> None:
    before, after = _between(tmp_path, f"# the same\n{SET}")

    assert divergences(before, after) == ()


def test_an_alias_that_only_one_set_serves_is_not_searched(tmp_path: Path) -> None:
    before, after = _between(tmp_path, SET.replace("[auto, too]", "[other]"))

    assert divergences(before, after) == ()


def test_where_nothing_is_found_it_is_told_how_many_were_tried(tmp_path: Path) -> None:
    divergence = _found(tmp_path, SET.replace("model: l", "model: l2"))

    assert divergence.examples == ()
    assert 50 < divergence.tried <= MOST_TRIED


def test_policies_being_rolled_out_are_compared_with_each_other(tmp_path: Path) -> None:
    beside = SET[SET.index("  - name: default") :].replace("name: default", "name: next\n    rollout: shadow")
    before = load(tmp_path, p=SET + beside)
    after = load(tmp_path, p=SET + beside.replace("1200", "9"))

    (divergence,) = divergences(before, after)

    assert divergence.is_candidate
    assert divergence.examples[0].given == ("signals.tokens = 1200",)


def test_requests_that_a_condition_fails_on_are_passed_over_and_nothing_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        divergence = _found(
            tmp_path, SET.replace("signals.asked_tokens % 2 == 1", "100 / (signals.asked_tokens - 7) > 90")
        )

    assert divergence.examples != ()
    assert caplog.records == []


CHANGES = ((" > 1200", " > 7"), ("legal", "medical"), ("0.6}", "0.9}"), ("personal", "health"), (">= 22", ">= 3"))


@settings(max_examples=15, deadline=None)
@given(st.sets(st.sampled_from(CHANGES), min_size=1), st.sampled_from([["home"], ["away", "home"]]))
def test_every_example_is_really_decided_differently(
    tmp_path_factory: pytest.TempPathFactory, changes: set[tuple[str, str]], tried: list[str]
) -> None:
    changed = SET.replace("try: [home], then: [away]", f"try: [{', '.join(tried)}]")
    for old, new in changes:
        changed = changed.replace(old, new)

    divergence = _found(tmp_path_factory.mktemp("sets"), changed)

    assert divergence.examples != ()
    for each in divergence.examples:
        before, after = decide(divergence.before, each.facts), decide(divergence.after, each.facts)
        assert (before, after) == (each.before, each.after)
        assert [one.name for one in before.plan] != [one.name for one in after.plan]
