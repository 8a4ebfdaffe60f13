"""What was spent, out of PostgreSQL."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg

from gateway.domain.errors import DatabaseUnavailableError
from gateway.domain.floors import Spent
from gateway.store.spending import WITHIN_S, question

_CONNECT_TIMEOUT_S = 3
_SILENCE: dict[str, Any] = {
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 5_000,
}
"""A server that has gone without a word is noticed within five seconds."""
_SPENT = question("%(since)s", "marked.hour + interval '1 hour'").encode()


class PostgresSpending:
    """`conninfo` is a `postgresql://` URL as libpq reads it; a connection lives for one reading."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo

    def spent(self, since_s: float) -> Sequence[Spent]:
        try:
            with psycopg.connect(
                self._conninfo,
                autocommit=True,
                connect_timeout=_CONNECT_TIMEOUT_S,
                application_name="sizewise",
                options=f"-c statement_timeout={WITHIN_S * 1e3:.0f}",
                **_SILENCE,
            ) as connection:
                rows = connection.execute(_SPENT, {"since": datetime.fromtimestamp(since_s, UTC)}).fetchall()
        except psycopg.Error as error:
            raise DatabaseUnavailableError(" ".join(str(error).split())) from error
        return [Spent(team=team, app=app, key_id=key_id, nano_usd=amount) for team, app, key_id, amount in rows]
