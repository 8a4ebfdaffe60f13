"""`sizewise policy`: work on routing policies without serving them."""

from typing import Final

import click

from gateway.cli.lazy_group import LazyCommand, LazyGroup

COMMANDS: Final = {
    "check": LazyCommand("Check the policy files in DIR.", "gateway.cli.policy_check:check"),
    "diff": LazyCommand("Show what changed in meaning between two directories.", "gateway.cli.policy_diff:diff"),
    "explain": LazyCommand("Show what would happen to one request.", "gateway.cli.policy_explain:explain"),
    "replay": LazyCommand("Decide logged requests again, and tell what changes.", "gateway.cli.policy_replay:replay"),
    "schema": LazyCommand("Print the JSON Schema of policy files, or of cases.", "gateway.cli.policy_schema:schema"),
    "test": LazyCommand("Run the cases, and tell which rules none reaches.", "gateway.cli.policy_test:try_cases"),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def policy() -> None:
    """Check, test and explain routing policies; no model is called."""
