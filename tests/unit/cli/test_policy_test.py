import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result

from gateway.cli.policy_test import try_cases
from gateway.cli.policy_trial import policies_to_try, trial
from gateway.policyfile.case_runner import coverage_of, run_case
from gateway.policyfile.cases import read_cases
from tests.unit.policyfile.folder import GOOD, write

DEMO = Path(__file__).parents[3] / "policies" / "demo"
WHY = "rule 'easy goes small': classification.small_ok >= quality.threshold"
EASY = """
  - name: easy
    ask: hello
    classification: {small_ok: 0.9}
    expect: {rule: easy goes small, plan: [small-a, large-a]}
"""
WRONG = """
  - name: wrong
    ask: hello
    classification: {small_ok: 0.9}
    expect: {route: large-only, deployment: large-a, excluded: [small-a], reason: no such, refused: true}
"""


def _run(directory: Path, *arguments: str, cases: str = "") -> Result:
    write(directory, p=GOOD)
    if cases:
        (directory / "p.cases.yaml").write_text(f"cases:{cases}", encoding="utf-8")
    return CliRunner().invoke(try_cases, [str(directory), *arguments])


def test_cases_that_hold_are_ok_and_rules_no_case_reaches_are_named(tmp_path: Path) -> None:
    result = _run(tmp_path, cases=EASY)

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "ok      easy",
        "",
        "policy 'default': 1 of 2 rules reached",
        "  hit        easy goes small (1)",
        "  never hit  default",
        "",
        "1 case, 0 failed, coverage 50.0 %",
    ]


def test_a_case_that_fails_shows_expected_got_and_why(tmp_path: Path) -> None:
    result = _run(tmp_path, cases=WRONG)

    assert result.exit_code == 1
    assert result.stdout.splitlines()[:7] == [
        f"FAILED  wrong ({tmp_path / 'p.cases.yaml'}:2:5)",
        "          route: expected 'large-only', got 'small-first'",
        "          deployment: expected 'large-a', got 'small-a'",
        "          refused: expected yes, got no",
        "          excluded 'small-a': expected 'left out', got 'not left out'",
        f"          reason: expected 'no such', got [{WHY}]",
        f"          decided by {WHY}",
    ]
    assert result.stdout.endswith("1 case, 1 failed, coverage 50.0 %\n")


def test_a_request_the_gateway_would_not_accept_fails_its_case(tmp_path: Path) -> None:
    case = "\n  - {name: odd, request: {model: auto, messages: []}, expect: {refused: true}}\n"

    result = _run(tmp_path, cases=case)

    assert result.exit_code == 1
    assert "request: expected 'one the gateway accepts', got \"'messages' must have 1 to" in result.stdout
    assert "coverage 0.0 %" in result.stdout


def test_no_case_at_all_fails_and_shows_one_to_write(tmp_path: Path) -> None:
    result = _run(tmp_path)

    assert (result.exit_code, result.stdout) == (1, "")
    assert f"write {tmp_path / 'default.cases.yaml'}, such as" in result.stderr


@pytest.mark.parametrize(
    "policies", [GOOD, GOOD.replace("[auto]", "[support]"), GOOD.replace("easy goes small", "'easy: small'")]
)
def test_the_case_to_write_is_one_that_can_be_read(tmp_path: Path, policies: str) -> None:
    write(tmp_path, p=policies)
    shown = "cases:" + CliRunner().invoke(try_cases, [str(tmp_path)]).stderr.partition("\ncases:")[2]
    (tmp_path / "default.cases.yaml").write_text(shown, encoding="utf-8")

    cases = read_cases(tmp_path, policies_to_try(tmp_path, assume_env=False))

    assert len(cases) == 2


@pytest.mark.parametrize(("percent", "exit_code"), [("50", 0), ("50.1", 1), ("100", 1)])
def test_too_little_coverage_fails(tmp_path: Path, percent: str, exit_code: int) -> None:
    result = _run(tmp_path, "--min-coverage", percent, cases=EASY)

    assert result.exit_code == exit_code
    assert ("is below --min-coverage" in result.stderr) is (exit_code == 1)


def test_json_is_one_document(tmp_path: Path) -> None:
    result = _run(tmp_path, "--json", cases=EASY + WRONG)

    document = json.loads(result.stdout)
    assert result.exit_code == 1
    assert [case["ok"] for case in document["cases"]] == [True, False]
    assert document["cases"][1]["differences"][0] == {
        "what": "route",
        "expected": "large-only",
        "got": "small-first",
    }
    assert (document["failed"], document["coverage_percent"]) == (1, 50.0)
    assert document["coverage"] == {"default": {"easy goes small": 2, "default": 0}}


def test_junit_names_each_case_with_its_file_and_what_differs(tmp_path: Path) -> None:
    file = tmp_path / "report.xml"

    _run(tmp_path, "--junit", str(file), cases=EASY + WRONG)

    root = ET.parse(file).getroot()  # our own document
    assert (root.get("tests"), root.get("failures")) == ("2", "1")
    good, bad = root.iter("testcase")
    assert (good.get("name"), good.get("classname"), good.get("line")) == ("easy", "p.cases.yaml", "2")
    assert good.find("failure") is None
    failure = bad.find("failure")
    assert failure is not None
    assert (failure.get("message") or "").startswith("route: expected 'large-only', got 'small-first'; ")


def test_junit_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    result = _run(tmp_path, "--junit", str(tmp_path / "none" / "report.xml"), cases=EASY)

    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert "cannot write" in result.stderr


def test_mistakes_in_cases_are_reported_with_their_place(tmp_path: Path) -> None:
    result = _run(tmp_path, cases=EASY.replace("easy goes small", "easy goes smal"))

    assert result.exit_code == 1
    assert (
        f"{tmp_path / 'p.cases.yaml'}:5:20: case 'easy': unknown rule 'easy goes smal'; did you mean" in result.stderr
    )


def test_the_directory_comes_from_the_environment_where_none_is_given(tmp_path: Path) -> None:
    write(tmp_path, p=GOOD)

    result = CliRunner().invoke(try_cases, [], env={"SIZEWISE_POLICIES": str(tmp_path)})

    assert f"no case in {tmp_path}" in result.stderr


def test_the_demos_cases_hold_and_reach_every_rule() -> None:
    policies = policies_to_try(DEMO, assume_env=True)
    as_live = trial()

    results = [run_case(case, policies, as_live) for case in read_cases(DEMO, policies)]

    assert [str(each) for result in results for each in result.differences] == []
    assert coverage_of(results, policies).percent == 100.0
