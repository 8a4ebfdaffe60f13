import pytest

from gateway.store.key_source import open_key_source
from gateway.store.key_source.postgres import PostgresKeySource
from gateway.store.key_source.sqlite import SqliteKeySource
from gateway.store.urls import DatabaseUrlError


def test_the_url_chooses_the_source() -> None:
    assert isinstance(open_key_source("sqlite:///x.db"), SqliteKeySource)
    assert isinstance(open_key_source("postgresql+psycopg://h/d"), PostgresKeySource)


def test_any_other_url_is_refused() -> None:
    with pytest.raises(DatabaseUrlError, match="use sqlite:///PATH or postgresql://"):
        open_key_source("mysql://h/d")
