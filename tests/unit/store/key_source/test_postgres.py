import pytest

from gateway.store.key_source import KeysUnreadableError
from gateway.store.key_source.postgres import PostgresKeySource


def test_a_server_that_is_not_there_is_unreadable() -> None:
    source = PostgresKeySource("postgresql://nobody@127.0.0.1:1/none")

    for ask in (source.number, lambda: source.read(-1), lambda: source.write_uses({"a": 1.0})):
        with pytest.raises(KeysUnreadableError, match="connection failed"):
            ask()
