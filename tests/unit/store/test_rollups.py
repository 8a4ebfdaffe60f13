"""What needs no particular database; the rest: tests/contract/test_ledger.py."""

from datetime import UTC, datetime
from pathlib import Path

from gateway.store.engine import open_engine
from gateway.store.rollups import RolledUp, marked_hours, roll_up
from gateway.store.sinks import open_sink
from gateway.store.upgrade import upgrade
from tests.builders import a_record


def test_each_hour_is_told_when_it_is_done(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/records.db"
    upgrade(url)
    sink = open_sink(url)
    sink.write([a_record("req-a"), a_record("req-b", received_at=1_790_010_000.0)])
    sink.close()
    engine, done = open_engine(url), []

    hours = marked_hours(engine)
    summed = roll_up(engine, hours, lambda: done.append(1))

    assert hours == [datetime(2026, 9, 21, 14, tzinfo=UTC), datetime(2026, 9, 21, 17, tzinfo=UTC)]
    assert (summed, len(done)) == (RolledUp(2, 0), 2)
