"""Records into PostgreSQL: a batch travels as one JSON document, which the server turns into rows.

One statement a table, whatever the batch: a tenth of the client's CPU of binding every value.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg
from psycopg import sql

from gateway.domain.record import RequestRecord
from gateway.store.rows import ATTEMPT_COLUMNS, JSON_COLUMNS, REQUEST_COLUMNS, Row, attempt_values, request_values
from gateway.store.sinks import RecordRejectedError, SinkUnavailableError

_CHUNK = 50
_CONNECT_TIMEOUT_S = 5
_STATEMENT_TIMEOUT_MS = 30_000
_REJECTED = (psycopg.DataError, psycopg.IntegrityError, OverflowError, TypeError, ValueError)
_encode = msgspec.json.Encoder().encode


class PostgresSink:
    """`conninfo` is a `postgresql://` URL as libpq reads it."""

    def __init__(self, conninfo: str, *, statement_timeout_ms: int = _STATEMENT_TIMEOUT_MS) -> None:
        self._conninfo = conninfo
        self._statement_timeout_ms = statement_timeout_ms
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None

    def revision(self) -> str | None:
        try:
            return _revision(self._connected())
        except psycopg.Error as error:
            raise self._unavailable(error) from error

    def write(self, records: Sequence[RequestRecord]) -> None:
        try:
            requests, attempts = _documents(records)
            connection = self._connected()
            with connection.transaction():
                _insert(connection, "requests", requests)
                _insert(connection, "attempts", attempts)
        except _REJECTED as error:
            raise RecordRejectedError(f"{type(error).__name__}: {error}") from error
        except psycopg.Error as error:
            raise self._unavailable(error) from error

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> psycopg.Connection[tuple[Any, ...]]:
        if self._connection is None:
            self._connection = psycopg.connect(
                self._conninfo,
                autocommit=True,
                connect_timeout=_CONNECT_TIMEOUT_S,
                application_name="sizewise",
                options=f"-c statement_timeout={self._statement_timeout_ms}",
            )
        return self._connection

    def _unavailable(self, error: psycopg.Error) -> SinkUnavailableError:
        self.close()
        return SinkUnavailableError(" ".join(str(error).split()))


def _revision(connection: psycopg.Connection[tuple[Any, ...]]) -> str | None:
    found = connection.execute("SELECT to_regclass('alembic_version') IS NOT NULL").fetchone()
    if found is None or not found[0]:
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def _documents(records: Sequence[RequestRecord]) -> tuple[list[bytes], list[bytes]]:
    """Each row as a JSON object, a chunk at a time: between chunks the requests may have the interpreter's lock."""
    requests: list[bytes] = []
    attempts: list[bytes] = []
    for start in range(0, len(records), _CHUNK):
        chunk = records[start : start + _CHUNK]
        rows = (dict(zip(REQUEST_COLUMNS, values, strict=True)) for values in request_values(chunk, _time))
        requests.extend(_encode(_with_raw_json(row)) for row in rows)
        calls = (dict(zip(ATTEMPT_COLUMNS, values, strict=True)) for values in attempt_values(chunk))
        attempts.extend(_encode(_with_raw_json(row)) for row in calls)
        time.sleep(0)
    return requests, attempts


def _time(at_s: float) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)


def _with_raw_json(row: Row) -> Row:
    for column in JSON_COLUMNS:
        if row.get(column) is not None:
            row[column] = msgspec.Raw(row[column].encode())
    return row


def _insert(connection: psycopg.Connection[tuple[Any, ...]], table: str, rows: list[bytes]) -> None:
    if not rows:
        return
    columns = sql.SQL(", ").join(map(sql.Identifier, msgspec.json.decode(rows[0], type=dict[str, Any])))
    statement = sql.SQL(
        "INSERT INTO {table} ({columns})"
        " SELECT {columns} FROM json_populate_recordset(NULL::{table}, %s::json) ON CONFLICT DO NOTHING"
    ).format(table=sql.Identifier(table), columns=columns)
    connection.execute(statement, [(b"[" + b",".join(rows) + b"]").decode()])
