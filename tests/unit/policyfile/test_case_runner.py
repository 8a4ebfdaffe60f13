from pathlib import Path

import pytest

from gateway.domain.policy import PolicySet
from gateway.policyfile.case_runner import Result, check_all, coverage_of, run_case
from gateway.policyfile.cases import read_cases
from gateway.policyfile.problems import PolicyError
from tests.unit.policyfile.folder import GOOD, load, trial

EASY = "{name: easy, ask: hello, classification: {small_ok: 0.9}, expect: {rule: easy goes small, tier: small}}"


def cases(directory: Path, *texts: str) -> PolicySet:
    """The good set, with these cases beside it."""
    (directory / "p.cases.yaml").write_text(f"cases: [{', '.join(texts)}]", encoding="utf-8")
    return load(directory, p=GOOD)


def results(directory: Path, *texts: str) -> list[Result]:
    policies = cases(directory, *texts)
    return [run_case(case, policies, trial()) for case in read_cases(directory, policies)]


def test_a_case_that_is_met_has_no_differences(tmp_path: Path) -> None:
    (result,) = results(tmp_path, EASY)

    assert result.differences == ()
    assert result.decision is not None
    assert result.decision.rule == "easy goes small"


@pytest.mark.parametrize(
    ("expected", "difference"),
    [
        ("route: large-only", "route: expected 'large-only', got 'small-first'"),
        ("rule: default", "rule: expected 'default', got 'easy goes small'"),
        ("deployment: large-a", "deployment: expected 'large-a', got 'small-a'"),
        ("tier: large", "tier: expected 'large', got 'small'"),
        ("plan: [large-a]", "plan: expected [large-a], got [small-a, large-a]"),
        ("refused: true", "refused: expected yes, got no"),
        ("excluded: [small-a]", "excluded 'small-a': expected 'left out', got 'not left out'"),
    ],
)
def test_an_expectation_that_is_not_met_is_told_with_what_was_got(
    tmp_path: Path, expected: str, difference: str
) -> None:
    (result,) = results(tmp_path, EASY.replace("rule: easy goes small, tier: small", expected))

    assert [str(each) for each in result.differences] == [difference]


def test_a_request_the_gateway_would_refuse_is_no_decision(tmp_path: Path) -> None:
    (result,) = results(tmp_path, "{name: odd, request: {model: auto, messages: []}, expect: {refused: true}}")

    assert result.decision is None
    assert str(result.differences[0]).startswith("request: expected 'one the gateway accepts', got")


def test_coverage_counts_the_rules_that_decided_and_the_defaults(tmp_path: Path) -> None:
    coverage = coverage_of(results(tmp_path, EASY), load(tmp_path, p=GOOD))

    assert coverage.hits == {"default": {"easy goes small": 1, "default": 0}}
    assert coverage.percent == 50.0


def test_every_case_that_fails_is_a_problem_at_its_place(tmp_path: Path) -> None:
    wrong = EASY.replace("easy,", "{name},").replace("tier: small", "tier: large")
    policies = cases(tmp_path, EASY, wrong.replace("{name}", "first"), wrong.replace("{name}", "second"))

    with pytest.raises(PolicyError) as caught:
        check_all(read_cases(tmp_path, policies), policies, trial())

    assert [problem.message for problem in caught.value.problems] == [
        f"case '{name}' fails: tier: expected 'large', got 'small'" for name in ("first", "second")
    ]
    assert {problem.line for problem in caught.value.problems} == {1}


def test_a_directory_without_cases_is_fine(tmp_path: Path) -> None:
    policies = load(tmp_path, p=GOOD)

    check_all(read_cases(tmp_path, policies), policies, trial())

    assert read_cases(tmp_path, policies) == ()


def test_cases_already_read_are_all_run(tmp_path: Path) -> None:
    wrong = EASY.replace("tier: small", "tier: large")
    policies = cases(tmp_path, EASY, wrong.replace("name: easy", "name: wrong"))

    with pytest.raises(PolicyError, match="case 'wrong' fails"):
        check_all(read_cases(tmp_path, policies), policies, trial())
