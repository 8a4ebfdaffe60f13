"""`sizewise policy`: work on routing policies without serving them."""

import click

from gateway.cli.policy_check import check, schema
from gateway.cli.policy_diff import diff
from gateway.cli.policy_explain import explain
from gateway.cli.policy_replay import replay
from gateway.cli.policy_test import try_cases


@click.group()
def policy() -> None:
    """Check, test and explain routing policies; no model is called."""


policy.add_command(check)
policy.add_command(schema)
policy.add_command(try_cases)
policy.add_command(explain)
policy.add_command(diff)
policy.add_command(replay)
