"""`sizewise db grants`: what a PostgreSQL role needs to serve with, and no more."""

import click

from gateway.store.grants import grant_statements


@click.command()
@click.argument("role")
def grants(role: str) -> None:
    """Print the SQL that lets ROLE write records and read keys, and nothing else; run it as the tables' owner.

    The gateway then serves as ROLE (SIZEWISE_DATABASE_URL); its admin plane and housekeeping, `sizewise keys` and
    `sizewise db` use the owner (SIZEWISE_ADMIN_DATABASE_URL).
    """
    for statement in grant_statements(role):
        click.echo(statement)
