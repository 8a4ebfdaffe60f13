"""Opens the database that commands read records from."""

from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy import Engine

from gateway.store.engine import open_engine
from gateway.store.reports import NoRecordsError
from gateway.store.urls import DatabaseUrlError, sqlite_path, without_password


@contextmanager
def records_database(url: str, *, otherwise: str = "") -> Iterator[Engine]:
    """An engine on a database that holds records; ends the command with one line where there is none.

    otherwise  what else may be done about it, such as ", or read a file"
    """
    shown = without_password(url)
    path = sqlite_path(url)
    if path is not None and not path.exists():
        raise click.ClickException(
            f"no records yet: there is no database at {shown}; start the gateway first (`sizewise serve`){otherwise}"
        )
    try:
        engine = open_engine(url)
    except DatabaseUrlError as error:
        raise click.UsageError(str(error)) from error
    try:
        yield engine
    except NoRecordsError as error:
        raise click.ClickException(
            f"no records to read at {shown}: {error}; start the gateway first (`sizewise serve`), or check the URL and"
            " that the database is up and upgraded (`sizewise db upgrade`)"
        ) from error
    finally:
        engine.dispose()
