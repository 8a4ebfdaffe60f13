from pathlib import Path

import pytest

from gateway.store.urls import DatabaseUrlError, postgres_rest, sqlite_path, twin_of, unknown, without_password


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///./.sizewise/sizewise.db", Path("./.sizewise/sizewise.db")),
        ("sqlite:////var/lib/sizewise.db", Path("/var/lib/sizewise.db")),
        ("sqlite+pysqlite:///a.db?timeout=3", Path("a.db")),
        ("sqlite:///:memory:", None),
        ("sqlite://", None),
        ("postgresql://h/d", None),
    ],
)
def test_a_sqlite_url_names_its_file(url: str, path: Path | None) -> None:
    assert sqlite_path(url) == path


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_is_the_same(scheme: str) -> None:
    assert postgres_rest(f"{scheme}://u@h/d") == "u@h/d"


def test_another_driver_of_postgresql_is_not_ours() -> None:
    assert postgres_rest("postgresql+asyncpg://u@h/d") is None


@pytest.mark.parametrize("password", ["pw", "p:w", "p@w"])
def test_a_shown_url_never_holds_its_password(password: str) -> None:
    shown = without_password(f"postgresql://user:{password}@host/db")

    assert password not in shown
    assert shown == "postgresql://user:***@host/db"


def test_a_password_among_the_parameters_is_not_shown_either() -> None:
    assert without_password("postgresql://host/db?password=pw&user=u") == "postgresql://host/db?password=***&user=u"


def test_an_unknown_url_is_refused_with_the_next_step_and_without_its_password() -> None:
    message = str(unknown("mysql://user:pw@host/db"))

    assert message.startswith("database URL 'mysql://user:***@host/db' is of no kind we know; use sqlite:///PATH")


def test_each_kind_of_database_has_its_twin() -> None:
    def made_of(url: str) -> str:
        return twin_of(url, sqlite=lambda path: f"file {path.name}", postgres=lambda conninfo: f"server {conninfo}")

    assert made_of("sqlite:///a/b.db") == "file b.db"
    assert made_of("postgres://u:p@h/d") == "server postgresql://u:p@h/d"
    with pytest.raises(DatabaseUrlError, match="of no kind we know"):
        made_of("mysql://h/d")


def test_a_driver_that_is_not_installed_is_told_with_the_command_that_installs_it() -> None:
    def missing(_: str) -> str:
        raise ImportError("no such module")

    with pytest.raises(DatabaseUrlError, match=r"pip install 'sizewise\[postgres\]'"):
        twin_of("postgresql://h/d", sqlite=str, postgres=missing)
