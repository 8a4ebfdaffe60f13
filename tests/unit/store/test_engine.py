import pytest

from gateway.store.engine import _patient, open_engine
from gateway.store.urls import DatabaseUrlError


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_is_read_through_psycopg_however_it_is_spelled(scheme: str) -> None:
    engine = open_engine(f"{scheme}://user@host/name")

    assert engine.dialect.driver == "psycopg"
    assert engine.url.database == "name"


def test_how_long_a_statement_may_take_can_be_bounded() -> None:
    assert _patient(10)["options"].endswith("-c statement_timeout=10000")


def test_a_database_we_do_not_know_is_refused() -> None:
    with pytest.raises(DatabaseUrlError, match="of no kind we know"):
        open_engine("mysql://host/name")
