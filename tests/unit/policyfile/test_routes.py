from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.domain.answer import EVERY_CHECK, Checks
from gateway.domain.policy import Check, Concurrency, Timeouts
from gateway.policyfile.loader import FilePolicySource
from gateway.policyfile.problems import PolicyError
from tests.unit.policyfile.folder import GOOD, load, problems_of, trial, unknown_prices, write


def test_timeouts_that_are_not_given_keep_their_defaults(tmp_path: Path) -> None:
    text = GOOD.replace("try: [large-a]", "try: [large-a], retries: 2, timeout: {connect_s: 1, idle_s: 0.5}")

    route = load(tmp_path, p=text).routes["large-only"]

    assert route.retries == 2
    assert route.timeouts == Timeouts(connect_s=1.0, idle_s=0.5)


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


def test_a_check_makes_the_tests_it_names_and_no_others(tmp_path: Path) -> None:
    text = GOOD.replace(
        "try: [small-a]", "try: [small-a], check: {not_empty: true, json_schema: true, buffer_kb: 2}", 1
    )

    check = load(tmp_path, p=text).routes["small-first"].check

    assert check == Check(wanted=Checks(not_empty=True, json_schema=True), buffer_bytes=2_048)


def test_a_least_score_turns_every_test_on_that_is_not_turned_off(tmp_path: Path) -> None:
    text = GOOD.replace("try: [small-a]", "try: [small-a], check: {min_score: 0.6, same_language: false}", 1)

    check = load(tmp_path, p=text).routes["small-first"].check

    assert check is not None
    assert check.min_score == 0.6
    assert check.wanted == replace(EVERY_CHECK, same_language=False)


@pytest.mark.parametrize(
    ("then", "is_missing"),
    [
        ("then: []", True),
        ("then: [{after: [timeout], try: [large-a]}]", True),
        ("then: [{after: [failed_check], try: [large-a]}]", False),
        ("then: [large-a]", False),
    ],
)
def test_a_check_needs_someone_to_answer_what_fails_it(tmp_path: Path, then: str, is_missing: bool) -> None:
    text = GOOD.replace("try: [small-a], then: [large-a]", f"try: [small-a], check: {{not_empty: true}}, {then}", 1)

    if is_missing:
        (problem,) = problems_of(tmp_path, p=text)
        assert "route 'small-first': nobody answers where an answer fails the check" in problem
    else:
        assert load(tmp_path, p=text).routes["small-first"].check is not None


def test_a_check_that_checks_nothing_is_a_mistake(tmp_path: Path) -> None:
    text = GOOD.replace("try: [small-a]", "try: [small-a], check: {not_empty: false}", 1)

    (problem,) = problems_of(tmp_path, p=text)

    assert "checks nothing" in problem


def test_a_least_score_needs_a_classifier_that_judges_answers(tmp_path: Path) -> None:
    text = GOOD.replace("try: [small-a]", "try: [small-a], check: {min_score: 0.6}", 1)
    write(tmp_path, p=text)

    with pytest.raises(PolicyError, match="min_score needs a classifier that judges answers"):
        FilePolicySource(tmp_path, unknown_prices, {}, trial())


def test_what_is_said_of_rests_and_latency_is_kept(tmp_path: Path) -> None:
    text = GOOD.replace("try: [small-a]", "try: [small-a], max_latency_ms: 400, when_all_rest: refuse", 1)

    routes = load(tmp_path, p=text).routes

    assert (routes["small-first"].max_latency_ms, routes["small-first"].insists) == (400.0, False)
    assert (routes["large-only"].max_latency_ms, routes["large-only"].insists) == (None, True)


def test_a_limit_of_calls_is_the_deployments(tmp_path: Path) -> None:
    text = GOOD.replace("model: s,", "model: s, concurrency: {calls: 4, queue: 8, queue_s: 0.5},", 1)

    policies = load(tmp_path, p=text)

    assert policies.deployments["small-a"].concurrency == Concurrency(calls=4, queue=8, queue_s=0.5)
    assert policies.deployments["large-a"].concurrency is None
