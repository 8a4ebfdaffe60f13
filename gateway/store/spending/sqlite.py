"""What was spent, out of a SQLite file."""

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from gateway.domain.errors import DatabaseUnavailableError
from gateway.domain.floors import Spent
from gateway.store.spending import WITHIN_S, question

_LOCKED_S = 2.0
_STEPS_AT_ONCE = 100_000
_SPENT = question(":since", "datetime(marked.hour, '+1 hour')")


class SqliteSpending:
    """`path` is not made where it is not there."""

    def __init__(self, path: Path, *, within_s: float = WITHIN_S) -> None:
        self._path = path
        self._within_s = within_s

    def spent(self, since_s: float) -> Sequence[Spent]:
        since = f"{datetime.fromtimestamp(since_s, UTC):%Y-%m-%d %H:%M:%S.%f}"
        until_s = time.monotonic() + self._within_s
        try:
            uri = f"file:{quote(str(self._path))}?mode=rw"
            with closing(sqlite3.connect(uri, uri=True, timeout=_LOCKED_S)) as connection:
                connection.set_progress_handler(lambda: time.monotonic() > until_s, _STEPS_AT_ONCE)
                rows = connection.execute(_SPENT, {"since": since}).fetchall()
        except sqlite3.Error as error:
            raise DatabaseUnavailableError(f"{self._path}: {error}") from error
        return [Spent(team=team, app=app, key_id=key_id, nano_usd=amount) for team, app, key_id, amount in rows]
