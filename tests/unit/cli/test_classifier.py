import subprocess
import sys

import pytest
from click.testing import CliRunner

from gateway.cli.classifier import COMMANDS, classifier


@pytest.mark.parametrize("name", COMMANDS)
def test_the_group_has_the_command(name: str) -> None:
    result = CliRunner().invoke(classifier, [name, "--help"])

    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: classifier {name} ")


@pytest.mark.parametrize("module", ["gateway.cli.serve", *(each.where.partition(":")[0] for each in COMMANDS.values())])
def test_what_trains_and_draws_is_loaded_only_where_it_is_used(module: str) -> None:
    code = f"import sys; import {module}; sys.exit(any(map(sys.modules.get, ('scipy', 'sklearn', 'matplotlib'))))"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_another_command_is_wrong_use() -> None:
    assert CliRunner().invoke(classifier, ["evalaute"]).exit_code == 2
