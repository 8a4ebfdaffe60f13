import pytest

from gateway.domain.errors import DatabaseUnavailableError
from gateway.store.spending.postgres import PostgresSpending


def test_a_server_that_is_not_there_cannot_be_asked() -> None:
    with pytest.raises(DatabaseUnavailableError, match="connection failed"):
        PostgresSpending("postgresql://nobody@127.0.0.1:1/none").spent(0.0)
