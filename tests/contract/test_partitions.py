"""PostgreSQL's partitions: made ahead, in nobody's way, and dropped whole."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from msgspec.structs import replace
from sqlalchemy import Engine, text

from gateway.store.engine import open_engine
from gateway.store.housekeeping import keep_house, make_partitions
from gateway.store.partitions import DAYS_AHEAD, PARTITION_NAMES, create_statements, id_of
from gateway.store.reports import list_decisions
from gateway.store.retention import first_day_kept, prune, would_prune
from gateway.store.sinks import open_sink
from gateway.store.upgrade import upgrade
from tests.builders import a_record

pytestmark = pytest.mark.service("postgresql")
NOW = datetime.now(UTC)
TODAY = NOW.date()


@pytest.fixture
def url(postgres_database: str) -> str:
    upgrade(postgres_database)
    return postgres_database


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = open_engine(url)
    yield engine
    engine.dispose()


def _names(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        return set(connection.execute(text(PARTITION_NAMES)).scalars())


def _drop_days(engine: Engine) -> None:
    with engine.begin() as connection:
        for name in _names(engine) - {"requests_default", "attempts_default"}:
            connection.execute(text(f"DROP TABLE {name}"))


def _days(*offsets: int) -> set[str]:
    days = [TODAY + timedelta(days=offset) for offset in offsets]
    return {f"{table}_{day:%Y%m%d}" for table in ("requests", "attempts") for day in days}


_DEFAULTS = {"requests_default", "attempts_default"}


def test_a_sink_makes_the_days_ahead_before_it_writes(url: str, engine: Engine) -> None:
    _drop_days(engine)
    sink = open_sink(url)

    sink.write([a_record(id_of(NOW) + "0" * 20)])
    sink.close()

    assert _names(engine) == _days(*range(DAYS_AHEAD + 1)) | _DEFAULTS
    with engine.connect() as connection:
        assert connection.execute(text(f"SELECT count(*) FROM requests_{TODAY:%Y%m%d}")).scalar() == 1


def test_partitions_made_later_are_as_those_the_migration_made(url: str, engine: Engine) -> None:
    shape = text(
        "SELECT c.relname, regexp_replace(pg_get_indexdef(i.indexrelid), '.* USING', ''), i.indisprimary"
        " FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE c.relname ~ '^(requests|attempts)_2[0-9]+$'"
    )
    with engine.connect() as connection:
        migrated = {tuple(row) for row in connection.execute(shape).all()}
    _drop_days(engine)

    assert make_partitions(engine, NOW) == (2 * (DAYS_AHEAD + 1), 0)

    with engine.connect() as connection:
        made = {tuple(row) for row in connection.execute(shape).all()}
    assert made == migrated
    assert len(made) == 4 * (DAYS_AHEAD + 1)


def test_records_of_a_day_that_cannot_be_made_go_to_the_default_partition(
    url: str, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    _drop_days(engine)
    holder = psycopg.connect(url.replace("+psycopg", ""))
    holder.execute("LOCK TABLE requests IN SHARE UPDATE EXCLUSIVE MODE")
    sink = open_sink(url)

    sink.write([a_record(id_of(NOW) + "0" * 20)])

    holder.close()
    sink.close()
    assert "its records go to the default one: canceling statement due to lock timeout" in caplog.text
    assert len(list_decisions(engine, limit=9)) == 1
    assert f"requests_{TODAY:%Y%m%d}" not in _names(engine)


def test_a_day_that_is_in_the_default_partition_already_keeps_no_other_from_being_made(
    url: str, engine: Engine
) -> None:
    _drop_days(engine)
    with engine.begin() as connection:
        for table in ("requests", "attempts"):
            for statement in create_statements(table, TODAY - timedelta(days=1)):
                connection.execute(text(statement))
    sink = open_sink(url)
    sink.write([a_record(id_of(NOW) + "0" * 20)])
    with engine.begin() as connection:
        connection.execute(text(f"ALTER TABLE requests DETACH PARTITION requests_{TODAY:%Y%m%d}"))
        connection.execute(text(f"INSERT INTO requests SELECT * FROM requests_{TODAY:%Y%m%d}"))
        connection.execute(text(f"DROP TABLE requests_{TODAY:%Y%m%d}, requests_{TODAY + timedelta(days=1):%Y%m%d}"))
    sink.close()

    sink.write([a_record(id_of(NOW) + "1" * 20)])

    sink.close()
    assert f"requests_{TODAY + timedelta(days=1):%Y%m%d}" in _names(engine)
    assert len(list_decisions(engine, limit=9)) == 2


def test_a_day_over_its_keep_is_dropped_whole(url: str, engine: Engine) -> None:
    old = NOW - timedelta(days=40)
    with engine.begin() as connection:
        for table in ("requests", "attempts"):
            for statement in create_statements(table, old.date()):
                connection.execute(text(statement))
    sink = open_sink(url)
    sink.write([a_record(id_of(old) + "0" * 20, received_at=old.timestamp())])
    sink.close()
    before = first_day_kept(NOW, 39)

    expected = would_prune(engine, before)
    pruned = prune(engine, before)

    assert set(expected.partitions) == set(pruned.partitions) == _days(-40)
    assert pruned.requests == 0
    assert list_decisions(engine, limit=9) == []


def test_a_partition_somebody_holds_on_to_is_dropped_the_next_time(url: str, engine: Engine) -> None:
    del url
    before = first_day_kept(NOW + timedelta(days=4), 2)
    holder = engine.connect()
    holder.execute(text(f"SELECT count(*) FROM requests_{TODAY:%Y%m%d}"))

    held = prune(engine, before)
    holder.close()
    after = prune(engine, before)

    assert (held.is_whole, after.is_whole) == (False, True)
    assert held.partitions + after.partitions
    assert not _names(engine) & _days(0, 1)


def test_one_replica_at_a_time_keeps_house(engine: Engine) -> None:
    with engine.connect() as other:
        other.execute(text("SELECT pg_advisory_lock(7305410227)"))
        refused = keep_house(engine, now=NOW)
        other.execute(text("SELECT pg_advisory_unlock(7305410227)"))

    assert refused is None
    assert keep_house(engine, now=NOW) is not None


def test_a_batch_with_known_records_writes_the_others(url: str, engine: Engine) -> None:
    first, second = a_record("a"), replace(a_record("b"), alias="new")
    sink = open_sink(url)
    sink.write([first])

    sink.write([replace(first, alias="changed"), second, second])
    sink.write([a_record("c")])
    sink.close()

    assert {record.id: record.alias for record in list_decisions(engine, limit=9)} == {
        "a": "auto",
        "b": "new",
        "c": "auto",
    }
