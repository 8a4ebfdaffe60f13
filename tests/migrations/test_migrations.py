"""Up, down and up again on every database, and the schema they end in."""

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, select, text

from gateway.store.audit_tables import AUDIT
from gateway.store.engine import open_engine
from gateway.store.feedback_tables import FEEDBACK
from gateway.store.key_tables import KEY_CHANGES
from gateway.store.outline_tables import POLICY_OUTLINES
from gateway.store.rollup_tables import ROLLUP_MARKS
from gateway.store.schema import current_revision, migrations_folder, revisions
from gateway.store.tables import REQUESTS
from gateway.store.text_tables import TEXTS
from gateway.store.upgrade import migrating, upgrade
from gateway.store.urls import DATABASE_URL_VARIABLE


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.service("postgresql"))])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'records.db'}"
    return str(request.getfixturevalue("postgres_database"))


_DECLARED = (REQUESTS, ROLLUP_MARKS, FEEDBACK, TEXTS, KEY_CHANGES, AUDIT, POLICY_OUTLINES)
"""A table of each module: what they are declared in knows all tables only once all modules are read."""
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
    keys = {"teams", "apps", "virtual_keys", "key_uses", "key_changes", "audit"}
    assert (
        first == {"requests", "attempts", "texts", "policy_outlines", "alembic_version", FEEDBACK.name} | rollups | keys
    )
    assert below == {"alembic_version"}
    assert _tables(url) == first
    assert current_revision(url) == revisions()[1]


def test_the_migrations_end_in_the_tables_the_code_declares(url: str) -> None:
    upgrade(url)

    engine = open_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": _is_ours})
        differences = compare_metadata(context, _DECLARED[0].metadata)
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


_BEFORE = "0004"
_OLD_REQUEST = """
    INSERT INTO requests (id, received_at, key_id, team, app, alias, stream, outcome, policy, policy_version, route,
        rule, reasons, excluded, total_ms, upstream_ms, overhead_ms)
    VALUES (:id, :at, 'k', '', '', 'auto', false, 'ok', 'p', 'v', 'r', 'r', '[]', '{}', 1.0, 0.5, 0.5)
    ON CONFLICT DO NOTHING
"""
_OLD_ATTEMPT = """
    INSERT INTO attempts (request_id, number, deployment, tier, model, outcome, started_ms, ended_ms)
    VALUES (:id, 1, 'd', 'small', 'm', 'ok', 0.1, 0.6) ON CONFLICT DO NOTHING
"""
"""As the release before this revision writes a record."""


def _insert_as_before(url: str, *ids: str) -> None:
    engine = open_engine(url)
    with engine.begin() as connection:
        for record_id in ids:
            for statement in (_OLD_REQUEST, _OLD_ATTEMPT):
                connection.execute(text(statement), {"id": record_id, "at": datetime.now(UTC).replace(tzinfo=None)})
    engine.dispose()


def _ids(url: str) -> list[str]:
    engine = open_engine(url)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT id FROM requests JOIN attempts ON request_id = id ORDER BY id")).all()
    engine.dispose()
    return [row[0] for row in rows]


def _id(moment: datetime) -> str:
    return f"{int(moment.timestamp() * 1000):012x}{'0' * 20}"


def test_records_are_kept_through_partitions_and_back_whoever_made_their_ids(url: str) -> None:
    with migrating(url) as config:
        command.upgrade(config, _BEFORE)
    kept = [_id(datetime.now(UTC) - timedelta(days=days)) for days in (400, 1, 0)] + ["of-no-gateway"]
    _insert_as_before(url, *kept)

    upgrade(url)
    after = _ids(url)
    with migrating(url) as config:
        command.downgrade(config, _BEFORE)
    below = _ids(url)
    upgrade(url)

    assert after == below == _ids(url) == kept


def test_the_release_before_goes_on_writing_each_record_once(url: str) -> None:
    upgrade(url)
    new = [_id(datetime.now(UTC) + timedelta(days=days)) for days in (-1, 0, 1, 99)]

    _insert_as_before(url, *new)
    _insert_as_before(url, *new)

    assert _ids(url) == new


def test_hours_that_hold_records_are_marked_to_be_summed_up(url: str) -> None:
    with migrating(url) as config:
        command.upgrade(config, _BEFORE)
    _insert_as_before(url, _id(datetime.now(UTC)))

    upgrade(url)

    engine = open_engine(url)
    with engine.connect() as connection:
        hours = connection.execute(select(ROLLUP_MARKS.c.hour)).scalars().all()
    engine.dispose()
    assert [datetime.now(UTC) - hour < timedelta(hours=2) for hour in hours] == [True]


@pytest.mark.service("postgresql")
def test_records_that_are_there_become_the_first_partition_without_being_read_under_a_lock(
    postgres_database: str,
) -> None:
    with migrating(postgres_database) as config:
        command.upgrade(config, _BEFORE)
    _insert_as_before(postgres_database, _id(datetime.now(UTC)))
    notices: list[str] = []

    with migrating(postgres_database) as config:
        connection = config.attributes["connection"]
        connection.connection.driver_connection.add_notice_handler(
            lambda notice: notices.append(str(notice.message_primary))
        )
        connection.execute(text("SET client_min_messages = debug1"))
        connection.commit()
        command.upgrade(config, "head")

    first = f"{datetime.now(UTC) + timedelta(days=2):%Y%m%d}"
    for table in ("requests", "attempts"):
        implied = f'partition constraint for table "{table}_before_{first}" is implied by existing constraints'
        assert implied in notices
    days = [f"{datetime.now(UTC) + timedelta(days=2 + ahead):%Y%m%d}" for ahead in range(8)]
    names = {f"{table}_{part}" for table in ("requests", "attempts") for part in (*days, "default", f"before_{first}")}
    assert _partitions(postgres_database) == names


def test_the_changes_of_keys_are_numbered_from_the_start(url: str) -> None:
    upgrade(url)

    engine = open_engine(url)
    with engine.connect() as connection:
        rows = connection.execute(select(KEY_CHANGES)).all()
    engine.dispose()
    assert [tuple(row) for row in rows] == [(1, 0)]
