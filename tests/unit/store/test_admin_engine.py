from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from gateway.domain.acts import ActsUnavailableError
from gateway.store.admin_engine import AdminEngine


def _look(engine: Engine) -> object:
    with engine.connect() as connection:
        return connection.execute(text("SELECT 1")).scalar()


def test_what_the_work_returns_is_returned(tmp_path: Path) -> None:
    (tmp_path / "records.db").touch()

    assert AdminEngine(f"sqlite:///{tmp_path}/records.db").run(_look) == 1


def test_a_database_that_comes_later_is_found(tmp_path: Path) -> None:
    engine = AdminEngine(f"sqlite:///{tmp_path}/records.db")
    with pytest.raises(ActsUnavailableError):
        engine.run(_look)

    (tmp_path / "records.db").touch()

    assert engine.run(_look) == 1


def test_a_server_that_is_down_is_told_with_the_next_step_and_without_its_password() -> None:
    with pytest.raises(ActsUnavailableError, match=r"nothing was done\. Try again; .*`sizewise db current`") as caught:
        AdminEngine("postgresql://user:pw-to-hide@127.0.0.1:1/none").run(_look)

    assert "pw-to-hide" not in str(caught.value)


def test_what_the_work_itself_raises_is_passed_on(tmp_path: Path) -> None:
    def fails(_: Engine) -> None:
        raise ValueError("its own")

    with pytest.raises(ValueError, match="its own"):
        AdminEngine(f"sqlite:///{tmp_path}/records.db").run(fails)


@pytest.mark.service("postgresql")
def test_a_statement_that_takes_too_long_is_given_up(postgres_database: str) -> None:
    def sleeps(engine: Engine) -> None:
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_sleep(30)"))

    with pytest.raises(ActsUnavailableError, match="statement timeout"):
        AdminEngine(postgres_database, patience_s=1).run(sleeps)
