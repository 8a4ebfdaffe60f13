import pytest

from gateway.store.sinks import SinkUnavailableError
from gateway.store.sinks.postgres import PostgresSink
from tests.builders import a_record


def test_a_server_that_is_not_there_is_unavailable() -> None:
    sink = PostgresSink("postgresql://nobody@127.0.0.1:1/none")

    with pytest.raises(SinkUnavailableError, match="connection failed"):
        sink.write([a_record()])
    with pytest.raises(SinkUnavailableError, match="connection failed"):
        sink.revision()


@pytest.mark.service("postgresql")
def test_a_sink_connects_again_after_its_connection_was_lost(postgres_database: str) -> None:
    sink = PostgresSink(postgres_database.replace("+psycopg", ""))
    assert sink.revision() is None
    connection = sink._connection
    assert connection is not None
    connection.close()

    with pytest.raises(SinkUnavailableError):
        sink.revision()

    assert sink.revision() is None
    sink.close()
