"""Where the serving process reads what was spent: `sqlite` and `postgres`, twins on the bare drivers.

Hours that are summed up are read from their sums; of one that is marked to be summed up anew, the records themselves
are, too, and what is more holds: records may have been pruned after they were summed up.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from gateway.domain.floors import Spent
from gateway.store.urls import twin_of

WITHIN_S: Final = 5.0
"""Longer no reading takes: it is given up."""


class Spending(Protocol):
    def spent(self, since_s: float) -> Sequence[Spent]:
        """Who spent something since that Unix time, the beginning of an hour; blocking.

        Raises DatabaseUnavailableError.
        """
        ...


def open_spending(url: str) -> Spending:
    """What reads the database of that URL; connects to nothing yet. Raises DatabaseUrlError."""
    return twin_of(url, sqlite=_sqlite, postgres=_postgres)


def question(since: str, hour_after: str) -> str:
    """The SQL of both twins. `since`: how the parameter is written; `hour_after`: the hour after `marked.hour`."""
    return f"""
        WITH marked AS (SELECT DISTINCT hour FROM rollup_marks WHERE hour >= {since}),
        hourly (hour, team, app, key_id, nano_usd) AS (
            SELECT hour, team, app, key_id, sum(cost_nano_usd) FROM usage_hourly WHERE hour >= {since}
            GROUP BY hour, team, app, key_id
            UNION ALL
            SELECT marked.hour, team, app, key_id, sum(coalesce(cost_nano_usd, 0))
            FROM marked JOIN requests ON received_at >= marked.hour AND received_at < {hour_after}
            GROUP BY marked.hour, team, app, key_id
        ),
        known AS (
            SELECT team, app, key_id, max(nano_usd) AS nano_usd FROM hourly GROUP BY hour, team, app, key_id
        )
        SELECT team, app, key_id, CAST(sum(nano_usd) AS BIGINT) FROM known
        GROUP BY team, app, key_id HAVING sum(nano_usd) > 0
    """  # noqa: S608 - our own words


def _sqlite(path: Path) -> Spending:
    from gateway.store.spending.sqlite import SqliteSpending  # noqa: PLC0415 (see `twin_of`)

    return SqliteSpending(path)


def _postgres(conninfo: str) -> Spending:
    from gateway.store.spending.postgres import PostgresSpending  # noqa: PLC0415 (see `twin_of`)

    return PostgresSpending(conninfo)
