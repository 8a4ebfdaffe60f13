import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store.sinks import SinkUnavailableError
from gateway.store.sinks.sqlite import SqliteSink, _time_text
from gateway.store.upgrade import upgrade
from tests.builders import a_record


def test_a_database_without_its_tables_is_unavailable_not_a_fault_of_the_record(tmp_path: Path) -> None:
    sink = SqliteSink(tmp_path / "new.db")

    with pytest.raises(SinkUnavailableError, match="no such table: requests"):
        sink.write([a_record()])
    sink.close()


def test_a_path_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    sink = SqliteSink(tmp_path / "file" / "new.db")

    with pytest.raises(SinkUnavailableError):
        sink.revision()


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a database, but long enough to look at" * 100)
    sink = SqliteSink(tmp_path / "file")

    with pytest.raises(SinkUnavailableError, match="not a database"):
        sink.write([a_record()])


def test_a_reader_does_not_keep_the_writer_waiting(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    upgrade(f"sqlite:///{path}")
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM requests").fetchone()
    sink = SqliteSink(path, busy_timeout_s=0)

    sink.write([a_record()])

    assert reader.execute("SELECT count(*) FROM requests").fetchone() == (0,)
    reader.close()
    sink.close()


@given(st.integers(0, 4 * 10**15))
def test_the_time_is_kept_as_text_to_the_microsecond(microseconds: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)

    text = _time_text(microseconds / 10**6)

    assert text == moment.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
