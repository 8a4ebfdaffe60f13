import pytest
from click.testing import CliRunner

from gateway.cli.policy import policy


@pytest.mark.parametrize("name", ["check", "diff", "explain", "schema", "test"])
def test_the_group_has_the_command(name: str) -> None:
    result = CliRunner().invoke(policy, [name, "--help"])

    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: policy {name} ")


def test_another_command_is_wrong_use() -> None:
    assert CliRunner().invoke(policy, ["tset"]).exit_code == 2
