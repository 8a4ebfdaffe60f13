from importlib import import_module

import click
import pytest
from click.testing import CliRunner

from gateway import __version__
from gateway.cli.main import COMMANDS, main


def test_help_lists_every_command_with_its_one_line() -> None:
    result = CliRunner().invoke(main, ["--help"])

    assert result.exit_code == 0
    for name, help_line in COMMANDS.items():
        assert f"{name} " in result.stdout
        assert help_line in result.stdout


def test_the_version_is_the_packages() -> None:
    result = CliRunner().invoke(main, ["--version"])

    assert (result.exit_code, result.stdout) == (0, f"sizewise, version {__version__}\n")


@pytest.mark.parametrize("name", list(COMMANDS))
def test_a_listed_command_is_there(name: str) -> None:
    command = getattr(import_module(f"gateway.cli.{name}"), name)

    assert isinstance(command, click.Command)
    assert CliRunner().invoke(main, [name, "--help"]).exit_code == 0


def test_a_command_we_do_not_have_is_wrong_use() -> None:
    result = CliRunner().invoke(main, ["sevre"])

    assert result.exit_code == 2
    assert "No such command 'sevre'" in result.stderr


def test_no_command_is_imported_before_it_is_used() -> None:
    group = main

    assert isinstance(group, click.Group)
    assert group.commands == {}
