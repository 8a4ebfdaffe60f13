"""Up, down and up again on every database, and the schema they end in."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from gateway.store.engine import open_engine
from gateway.store.rollup_tables import ROLLUP_MARKS
from gateway.store.schema import current_revision, migrations_folder, revisions
from gateway.store.upgrade import migrating, upgrade
from gateway.store.urls import DATABASE_URL_VARIABLE


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.service("postgresql"))])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'records.db'}"
    return str(request.getfixturevalue("postgres_database"))


_PARTITION = re.compile(r"(requests|attempts)_(default|\d{8}|before_\d{8})")


def _tables(url: str) -> set[str]:
    """The tables, without the partitions of one."""
    engine = open_engine(url)
    try:
        return {name for name in inspect(engine).get_table_names() if not _PARTITION.fullmatch(name)}
    finally:
        engine.dispose()


def _partitions(url: str) -> set[str]:
    engine = open_engine(url)
    try:
        return {name for name in inspect(engine).get_table_names() if _PARTITION.fullmatch(name)}
    finally:
        engine.dispose()


def _is_ours(_object: object, name: str | None, kind: str, _reflected: bool, _compared: object) -> bool:
    return kind != "table" or _PARTITION.fullmatch(name or "") is None


def test_up_down_and_up_again(url: str) -> None:
    upgrade(url)
    first = _tables(url)
    with migrating(url) as config:
        command.downgrade(config, "base")
    below = _tables(url)
    upgrade(url)

    rollups = {"rollup_marks", "prunings", "usage_hourly", "attempts_hourly"}
    assert first == {"requests", "attempts", "alembic_version"} | rollups
    assert below == {"alembic_version"}
    assert _tables(url) == first
    assert current_revision(url) == revisions()[1]


def test_the_migrations_end_in_the_tables_the_code_declares(url: str) -> None:
    upgrade(url)

    engine = open_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": _is_ours})
        differences = compare_metadata(context, ROLLUP_MARKS.metadata)
    engine.dispose()

    assert differences == []


def test_upgrades_at_the_same_time_take_turns(url: str) -> None:
    command_line = [sys.executable, "-m", "gateway.store.upgrade"]
    children = [
        subprocess.Popen(command_line, env={DATABASE_URL_VARIABLE: url}, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]

    errors = [child.communicate(timeout=60)[1] for child in children]

    assert errors == ["", "", ""]
    assert [child.returncode for child in children] == [0, 0, 0]
    assert current_revision(url) == revisions()[1]


def test_every_migration_states_its_lock_its_duration_and_its_way_back() -> None:
    for path in (migrations_folder() / "versions").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert all(f"\n{heading} " in text for heading in ("Lock", "Duration", "Way back")), path.name
