"""What needs no particular database; the rest: tests/contract/test_feedback.py."""

from pathlib import Path

import pytest

from gateway.store.engine import open_engine
from gateway.store.export import read_pages
from gateway.store.history import Wanted
from gateway.store.reports import NoRecordsError
from gateway.store.upgrade import upgrade


def test_no_records_are_no_pages(tmp_path: Path) -> None:
    upgrade(url := f"sqlite:///{tmp_path}/records.db")

    assert list(read_pages(open_engine(url), Wanted())) == []


def test_a_database_without_tables_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    engine = open_engine(f"sqlite:///{tmp_path}/empty.db")

    with pytest.raises(NoRecordsError, match="no such table: requests"):
        list(read_pages(engine, Wanted()))
