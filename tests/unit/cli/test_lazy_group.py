import click
from click.testing import CliRunner

from gateway.cli.lazy_group import LazyCommand, LazyGroup

_GROUP = LazyGroup(
    lazy={
        "check": LazyCommand("Check them.", "gateway.cli.policy_check:check"),
        "broken": LazyCommand("Cannot be imported.", "gateway.cli.no_such_module:broken"),
    }
)


def test_help_lists_commands_without_importing_them() -> None:
    result = CliRunner().invoke(_GROUP, ["--help"])

    assert result.exit_code == 0
    assert result.stdout.splitlines()[-2:] == ["  check   Check them.", "  broken  Cannot be imported."]


def test_a_command_is_imported_when_it_is_used() -> None:
    command = _GROUP.get_command(click.Context(_GROUP), "check")

    assert command is not None
    assert command.name == "check"


def test_a_command_the_group_does_not_have_is_none() -> None:
    assert _GROUP.get_command(click.Context(_GROUP), "chekc") is None
