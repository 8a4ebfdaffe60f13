import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.policy_check import check
from tests.unit.policyfile.folder import write

POLICIES = Path(__file__).parents[3] / "policies"
POLICY = """
deployments:
  - name: large
    tier: large
    provider: openai
    model: gpt-4o
    api_base: KEYED
    api_key: ${CHECK_TEST_KEY}
    context_window: 128000
    price: {input_per_mtok_usd: 2.5, output_per_mtok_usd: 10}
routes:
  - {name: large-only, try: [large]}
policies:
  - {name: default, serves: [auto, gpt-4o], baseline: large, default: large-only}
"""
SET = POLICY.replace("    api_base: KEYED\n", "").replace("    api_key: ${CHECK_TEST_KEY}\n", "")
ODD = SET.replace(" baseline: large,", "")


def _check(*arguments: str | Path) -> Result:
    return CliRunner().invoke(check, [str(each) for each in arguments])


def test_a_good_directory_is_one_line_and_exits_with_0(tmp_path: Path) -> None:
    result = _check(write(tmp_path, p=SET), "--strict")

    assert (result.exit_code, result.stdout) == (0, "read 1 file, 1 deployment, 1 route, 1 policy, 2 aliases\n")


def test_errors_are_one_a_line_with_their_count_and_exit_with_1(tmp_path: Path) -> None:
    result = _check(write(tmp_path, p=SET.replace("try: [large]", "try: [larg]").replace("tier:", "tear:")))

    *errors, count = result.stdout.splitlines()
    assert result.exit_code == 1
    assert all(error.startswith(f"{tmp_path}/p.yaml:") for error in errors)
    assert count == f"{len(errors)} errors, 0 warnings"
    assert len(errors) >= 2


def test_warnings_exit_with_0_unless_strict(tmp_path: Path) -> None:
    write(tmp_path, p=ODD)

    lenient, strict = _check(tmp_path), _check(tmp_path, "--strict")

    warning, read, count = lenient.stdout.splitlines()
    assert warning.startswith(f"{tmp_path}/p.yaml:12:12: warning: policy 'default': it has no baseline")
    assert (read.split()[0], count) == ("read", "0 errors, 1 warning")
    assert (lenient.exit_code, strict.exit_code) == (0, 1)
    assert strict.stdout == lenient.stdout


def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    result = _check(tmp_path / "nowhere")

    assert result.exit_code == 1
    assert "cannot read the policy directory" in result.stdout
    assert result.stdout.endswith("\n1 error, 0 warnings\n")


def test_without_a_directory_the_settings_name_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIZEWISE_POLICIES", str(write(tmp_path, p=SET)))

    assert _check().stdout.startswith("read 1 file, ")


@pytest.mark.parametrize(
    "api_base",
    [
        "${CHECK_TEST_BASE}",
        "'${CHECK_TEST_BASE}/v1'",
        "https://${CHECK_TEST_HOST}/v1",
        "http://${CHECK_TEST_HOST}:${CHECK_TEST_PORT}/v1",
        "${CHECK_TEST_SCHEME}://localhost/v1",
    ],
)
def test_variables_that_are_not_set_are_errors_unless_assumed(tmp_path: Path, api_base: str) -> None:
    write(tmp_path, p=POLICY.replace("KEYED", api_base))

    as_it_is, assumed = _check(tmp_path), _check(tmp_path, "--assume-env")

    assert as_it_is.exit_code == 1
    assert "environment variable 'CHECK_TEST_KEY' is not set" in as_it_is.stdout
    assert (assumed.exit_code, assumed.stdout.split()[0]) == (0, "read")


def test_a_variable_that_is_set_is_checked_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHECK_TEST_BASE", "no URL")
    write(tmp_path, p=POLICY.replace("KEYED", "${CHECK_TEST_BASE}"))

    result = _check(tmp_path, "--assume-env")

    assert result.exit_code == 1
    assert "the value of its variables is not an http:// or https:// URL" in result.stdout


def test_json_is_one_document(tmp_path: Path) -> None:
    odd = json.loads(_check(write(tmp_path, p=ODD), "--json").stdout)
    wrong = json.loads(_check(write(tmp_path, p=ODD.replace("tier:", "tear:")), "--json").stdout)

    assert odd["errors"] == []
    assert odd["warnings"] == [
        {
            "file": f"{tmp_path}/p.yaml",
            "line": 12,
            "column": 12,
            "path": "policy 'default'",
            "message": "it has no baseline, so its savings will be unknown",
            "suggestion": "write the deployment you would have used as 'baseline'",
        }
    ]
    assert odd["summary"] == {
        "errors": 0,
        "warnings": 1,
        "files": 1,
        "deployments": 1,
        "routes": 1,
        "policies": 1,
        "aliases": 2,
    }
    assert wrong["summary"] == {"errors": len(wrong["errors"]), "warnings": 0}


@pytest.mark.parametrize(
    "directory", [POLICIES / "demo", *sorted((POLICIES / "examples").iterdir())], ids=lambda path: path.name
)
def test_shipped_policies_have_no_error_where_nothing_is_set(directory: Path) -> None:
    assert _check(directory, "--assume-env").exit_code == 0


def test_a_file_in_place_of_its_directory_is_told_so(tmp_path: Path) -> None:
    result = _check(write(tmp_path, p=SET) / "p.yaml")

    assert result.exit_code == 1
    assert f"not a directory; name its directory, {tmp_path}" in result.stdout


def test_a_file_that_nobody_reads_for_its_capitals_is_warned_of(tmp_path: Path) -> None:
    (write(tmp_path, p=SET) / "more.YAML").write_text("")

    result = _check(tmp_path, "--strict")

    assert result.exit_code == 1
    assert f"{tmp_path}/more.YAML: warning: nobody reads it; rename it to more.yaml" in result.stdout
