"""The command line of `sizewise bench`."""

import pytest
from click.testing import CliRunner

from gateway.cli.bench import bench


def test_an_unknown_target_is_named_with_a_suggestion() -> None:
    result = CliRunner().invoke(bench, ["--only", "sizewise,ngnix"])

    assert result.exit_code == 2
    assert "'ngnix'" in result.output
    assert "did you mean 'nginx'?" in result.output


def test_an_unknown_scenario_is_wrong_use() -> None:
    result = CliRunner().invoke(bench, ["--scenarios", "2k-1"])

    assert result.exit_code == 2
    assert "1k-1" in result.output


def test_a_list_of_nothing_is_wrong_use() -> None:
    assert CliRunner().invoke(bench, ["--only", ","]).exit_code == 2


def test_without_wrk_the_next_step_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    result = CliRunner().invoke(bench, [])

    assert result.exit_code == 2
    assert "install wrk" in result.output
