import subprocess
import sys

import pytest
from click.testing import CliRunner

from gateway.cli.policy import COMMANDS, policy


@pytest.mark.parametrize("name", COMMANDS)
def test_the_group_has_the_command(name: str) -> None:
    result = CliRunner().invoke(policy, [name, "--help"])

    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: policy {name} ")


def test_checking_files_does_not_load_the_database() -> None:
    code = "import sys; import gateway.cli.policy_check; sys.exit('sqlalchemy' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_another_command_is_wrong_use() -> None:
    assert CliRunner().invoke(policy, ["tset"]).exit_code == 2
