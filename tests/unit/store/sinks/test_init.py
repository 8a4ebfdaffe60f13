import pytest

from gateway.store.sinks import open_sink
from gateway.store.sinks.postgres import PostgresSink
from gateway.store.sinks.sqlite import SqliteSink
from gateway.store.urls import DatabaseUrlError


def test_the_url_chooses_the_sink() -> None:
    assert isinstance(open_sink("sqlite:///x.db"), SqliteSink)
    assert isinstance(open_sink("postgresql+psycopg://h/d"), PostgresSink)


@pytest.mark.parametrize("url", ["", "sqlite://", "sqlite:///:memory:", "mysql://h/d"])
def test_any_other_url_is_refused(url: str) -> None:
    with pytest.raises(DatabaseUrlError, match="use sqlite:///PATH or postgresql://"):
        open_sink(url)
