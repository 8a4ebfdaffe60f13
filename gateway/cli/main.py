"""The `sizewise` command. A group's file is imported when the group is used: `serve` must start fast."""

from importlib import import_module
from typing import Final

import click

from gateway import __version__

COMMANDS: Final = {
    "bench": "Measure the gateway beside its peers, in one run.",
    "db": "Create and upgrade the database of records.",
    "policy": "Check, test and explain routing policies.",
    "report": "List decisions and tell the story of a request.",
    "serve": "Start the gateway.",
}
"""Command → its one-line help; `gateway.cli.<command>` has a click command of that name."""


class LazyGroup(click.Group):
    """Knows its commands by name and imports them by need."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"gateway.cli.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sizewise")
def main() -> None:
    """Sends each request to the smallest model that is big enough, and proves it."""
