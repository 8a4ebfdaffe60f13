from pathlib import Path

import click
import pytest

from gateway.cli.records_database import records_database
from gateway.store.reports import Filters, list_decisions
from gateway.store.upgrade import upgrade


def test_a_database_of_records_can_be_read(tmp_path: Path) -> None:
    upgrade(f"sqlite:///{tmp_path}/records.db")

    with records_database(f"sqlite:///{tmp_path}/records.db") as engine:
        records = list_decisions(engine, limit=1, since=None, filters=Filters())

    assert records == []


def test_where_there_is_no_database_none_is_made_and_the_way_out_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(click.ClickException, match=r"there is no database at .*, or read a file$"),
        records_database(f"sqlite:///{tmp_path}/none.db", otherwise=", or read a file"),
    ):
        pass

    assert list(tmp_path.iterdir()) == []


def test_a_database_without_tables_says_how_to_make_them(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()

    with (
        pytest.raises(click.ClickException, match="sizewise db upgrade"),
        records_database(f"sqlite:///{tmp_path}/empty.db") as engine,
    ):
        list_decisions(engine, limit=1, since=None, filters=Filters())


def test_a_database_we_do_not_know_is_wrong_use() -> None:
    with pytest.raises(click.UsageError), records_database("mysql://nowhere"):
        pass
