import pytest

from gateway.store.spending import open_spending
from gateway.store.spending.postgres import PostgresSpending
from gateway.store.spending.sqlite import SqliteSpending
from gateway.store.urls import DatabaseUrlError


def test_the_url_chooses_who_reads() -> None:
    assert isinstance(open_spending("sqlite:///x.db"), SqliteSpending)
    assert isinstance(open_spending("postgresql+psycopg://h/d"), PostgresSpending)


def test_any_other_url_is_refused() -> None:
    with pytest.raises(DatabaseUrlError, match="use sqlite:///PATH or postgresql://"):
        open_spending("mysql://h/d")
