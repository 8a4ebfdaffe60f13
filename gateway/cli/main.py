"""The `sizewise` command. A group's file is imported when the group is used: `serve` must start fast."""

from typing import Final

import click

from gateway import __version__
from gateway.cli.lazy_group import LazyCommand, LazyGroup

COMMANDS: Final = {
    "apps": "The applications of teams, and what each may use.",
    "audit": "Who did what to keys, policies and the gateways.",
    "bench": "Measure the gateway beside its peers, in one run.",
    "classifier": "Measure, calibrate and explain the classifier.",
    "db": "Create, upgrade, sum up and prune the database of records.",
    "keys": "Create, list, rotate and revoke client keys.",
    "policy": "Check, test and explain routing policies.",
    "report": "What was decided and why, what it cost and what it saved.",
    "serve": "Start the gateway.",
    "teams": "The teams that hold keys, and what each may use.",
}
"""Command → its one-line help; `gateway.cli.<command>` has a click command of that name."""


@click.group(
    cls=LazyGroup,
    lazy={name: LazyCommand(text, f"gateway.cli.{name}:{name}") for name, text in COMMANDS.items()},
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="sizewise")
def main() -> None:
    """Sends each request to the smallest model that is big enough, and proves it."""
