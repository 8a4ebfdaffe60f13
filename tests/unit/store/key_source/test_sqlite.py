import sqlite3
from pathlib import Path

import pytest

from gateway.store.key_source import KeysUnreadableError
from gateway.store.key_source.sqlite import SqliteKeySource
from tests.keys import upgraded


def test_a_file_that_is_not_there_is_unreadable_and_not_made(tmp_path: Path) -> None:
    source = SqliteKeySource(tmp_path / "records.db")

    for ask in (source.number, lambda: source.read(-1), lambda: source.write_uses({})):
        with pytest.raises(KeysUnreadableError, match="unable to open"):
            ask()
    assert list(tmp_path.iterdir()) == []


def test_a_database_of_an_older_release_is_unreadable_until_it_is_upgraded(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "records.db").close()
    source = SqliteKeySource(tmp_path / "records.db")
    with pytest.raises(KeysUnreadableError, match="no such table"):
        source.number()

    upgraded(tmp_path)

    assert source.number() == 0
    source.close()


def test_a_table_without_its_row_is_no_number(tmp_path: Path) -> None:
    upgraded(tmp_path)
    with sqlite3.connect(tmp_path / "records.db") as connection:
        connection.execute("DELETE FROM key_changes")
    connection.close()
    source = SqliteKeySource(tmp_path / "records.db")

    with pytest.raises(KeysUnreadableError, match="lost its row"):
        source.number()
    source.close()
