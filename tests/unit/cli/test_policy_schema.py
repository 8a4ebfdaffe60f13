from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.policy_schema import schema, schema_document

POLICIES = Path(__file__).parents[3] / "policies"


@pytest.mark.parametrize(
    ("arguments", "name"), [((), "policy.schema.json"), (("--cases",), "cases.schema.json")], ids=["policies", "cases"]
)
def test_the_schema_in_the_repository_is_the_one_that_is_printed(arguments: tuple[str, ...], name: str) -> None:
    result = CliRunner().invoke(schema, arguments)

    assert result.exit_code == 0
    assert result.stdout == (POLICIES / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("of_cases", [False, True])
def test_the_schema_is_written_where_told(tmp_path: Path, of_cases: bool) -> None:
    result = CliRunner().invoke(schema, [*(["--cases"] if of_cases else []), "--write", str(tmp_path / "s.json")])

    assert (result.exit_code, result.stdout) == (0, "")
    assert (tmp_path / "s.json").read_text(encoding="utf-8") == schema_document(of_cases=of_cases)


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(schema, ["--write", str(tmp_path / "none" / "s.json")])

    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
