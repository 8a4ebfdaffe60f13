import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gateway.store.schema import current_revision, revisions
from gateway.store.upgrade import main, upgrade
from gateway.store.urls import DATABASE_URL_VARIABLE


def test_upgrading_makes_the_folder_of_a_sqlite_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a/b/new.db"

    upgrade(url)

    assert current_revision(url) == revisions()[1]


def test_a_new_sqlite_file_has_pages_that_hold_several_records_and_an_old_one_keeps_its_own(tmp_path: Path) -> None:
    new, old = tmp_path / "new.db", tmp_path / "old.db"
    with closing(sqlite3.connect(old)) as connection:
        connection.execute("CREATE TABLE ours (id INTEGER)")

    for path in (new, old):
        upgrade(f"sqlite:///{path}")

    assert [_page_bytes(path) for path in (new, old)] == [8_192, 4_096]


def test_upgrading_again_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new.db"
    upgrade(url)

    upgrade(url)

    assert current_revision(url) == revisions()[1]


def test_the_child_takes_its_url_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path}/new.db"
    monkeypatch.setenv(DATABASE_URL_VARIABLE, url)

    assert main() == 0
    assert current_revision(url) == revisions()[1]


def test_the_child_says_what_went_wrong_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(DATABASE_URL_VARIABLE, "mysql://u:pw@h/d")

    assert main() == 1
    assert capsys.readouterr().err == (
        "database URL 'mysql://u:***@h/d' is of no kind we know;"
        " use sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME\n"
    )


def _page_bytes(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA page_size").fetchone()[0])
