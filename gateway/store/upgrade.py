"""Runs the migrations, one process at a time; as a program, it is the child that `gateway.store.schema` starts."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import SQLAlchemyError

from gateway.store.engine import one_line, open_engine
from gateway.store.schema import migrations_folder
from gateway.store.urls import DATABASE_URL_VARIABLE, DatabaseUrlError, sqlite_path

_ADVISORY_LOCK = 7_305_410_226
_TURN_TIMEOUT = "300s"
_LOCK_TIMEOUT = "5s"
_STATEMENT_TIMEOUT = "600s"
_PAGE_BYTES = 8_192
"""Records are some 1,300 bytes: in pages of half the size they take a third more room and an eighth more time."""


def upgrade(url: str) -> None:
    """Bring the database to this release's head, where it is not. Raises SQLAlchemyError or CommandError."""
    with migrating(url) as config:
        command.upgrade(config, "head")


@contextmanager
def migrating(url: str) -> Iterator[Config]:
    """An Alembic configuration with a connection that no other migration runs beside."""
    path = sqlite_path(url)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    engine = open_engine(url, makes_file=True)
    is_sqlite = engine.dialect.name == "sqlite"
    if is_sqlite:
        _lock_at_begin(engine)
    try:
        with engine.connect() as connection:
            if not is_sqlite:
                _take_turn(connection)
            yield _configured(connection)
    finally:
        engine.dispose()


def _configured(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _lock_at_begin(engine: Engine) -> None:
    """Have transactions take SQLite's write lock at once and cover schema changes; its driver would do neither."""

    @event.listens_for(engine, "connect")
    def _leave_begin_to_us(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        connection.execute(f"PRAGMA page_size={_PAGE_BYTES}")  # of a new file; others stay as they are
        connection.execute("PRAGMA journal_mode=WAL")

    @event.listens_for(engine, "begin")
    def _begin_immediate(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _take_turn(connection: Connection) -> None:
    """Wait for PostgreSQL's advisory lock, held until the connection closes; then be quick about every other lock."""
    connection.execute(text(f"SET lock_timeout = '{_TURN_TIMEOUT}'"))
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _ADVISORY_LOCK})
    connection.execute(text(f"SET lock_timeout = '{_LOCK_TIMEOUT}'"))
    connection.execute(text(f"SET statement_timeout = '{_STATEMENT_TIMEOUT}'"))
    connection.commit()


def main() -> int:
    url = os.environ.get(DATABASE_URL_VARIABLE, "")
    try:
        upgrade(url)
    except (SQLAlchemyError, CommandError, DatabaseUrlError, OSError) as error:
        sys.stderr.write(f"{one_line(error)}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
