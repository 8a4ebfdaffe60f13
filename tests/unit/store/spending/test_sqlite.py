import sqlite3
from pathlib import Path

import pytest

from gateway.domain.errors import DatabaseUnavailableError
from gateway.store.spending.sqlite import SqliteSpending
from tests.keys import upgraded


def test_a_file_that_is_not_there_cannot_be_asked_and_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailableError, match="unable to open"):
        SqliteSpending(tmp_path / "records.db").spent(0.0)

    assert list(tmp_path.iterdir()) == []


def test_a_reading_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    upgraded(tmp_path)
    with sqlite3.connect(tmp_path / "records.db") as connection:
        connection.execute("INSERT INTO rollup_marks (hour) VALUES ('2026-11-29 09:00:00.000000')")
        connection.execute("DROP TABLE usage_hourly")
        connection.execute(
            """CREATE VIEW usage_hourly AS
            WITH RECURSIVE many (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM many WHERE n < 100000000)
            SELECT '2026-11-29 09:00:00.000000' AS hour, '' AS team, '' AS app, n AS key_id, 1 AS cost_nano_usd
            FROM many"""
        )
    connection.close()

    with pytest.raises(DatabaseUnavailableError, match="interrupted"):
        SqliteSpending(tmp_path / "records.db", within_s=0.0).spent(0.0)
