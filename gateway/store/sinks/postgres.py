"""Records into PostgreSQL: a batch is copied into the tables in binary; where one of it is there already, past a table
of its own.

Copying costs the server half of what rows out of a JSON document did, and the client two thirds.
"""

import logging
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

import psycopg
from psycopg import sql
from psycopg.adapt import Buffer, Dumper
from psycopg.pq import Format

from gateway.domain.kept_text import KeptText
from gateway.domain.outline import Outline
from gateway.domain.record import RequestRecord
from gateway.store.marks import hours_of
from gateway.store.outline_rows import OUTLINE_COLUMNS, outline_values
from gateway.store.partitions import PARTITION_NAMES, create_statements, missing
from gateway.store.rows import ATTEMPT_COLUMNS, REQUEST_COLUMNS, Values, attempt_values, request_values
from gateway.store.sinks import RecordRejectedError, SinkUnavailableError
from gateway.store.text_rows import TEXT_COLUMNS, text_values

_CHUNK = 50
_CONNECT_TIMEOUT_S = 5
_STATEMENT_TIMEOUT_MS = 30_000
_REJECTED = (psycopg.DataError, psycopg.IntegrityError, OverflowError, TypeError, ValueError, struct.error)
_COLUMNS = {"requests": REQUEST_COLUMNS, "attempts": ATTEMPT_COLUMNS, "texts": TEXT_COLUMNS}
_ALL = sql.SQL("")
_WITH_A_RECORD = sql.SQL("WHERE EXISTS (SELECT 1 FROM requests WHERE id = request_id)")

Connection = psycopg.Connection[tuple[Any, ...]]
_Cursor = psycopg.Cursor[tuple[Any, ...]]
_Copy = Callable[[_Cursor, str, Iterator[Values]], None]

logger = logging.getLogger(__name__)


class PostgresSink:
    """`conninfo` is a `postgresql://` URL as libpq reads it."""

    def __init__(self, conninfo: str, *, statement_timeout_ms: int = _STATEMENT_TIMEOUT_MS) -> None:
        self._conninfo = conninfo
        self._statement_timeout_ms = statement_timeout_ms
        self._connection: Connection | None = None
        self._types: dict[str, list[str]] = {}
        self._partitioned_on: date | None = None

    def revision(self) -> str | None:
        try:
            return _revision(self._connected())
        except psycopg.Error as error:
            raise self._unavailable(error) from error

    def write(self, records: Sequence[RequestRecord], texts: Sequence[KeptText] = ()) -> None:
        try:
            connection = self._connected()
            self._make_partitions(connection)
            try:
                self._write(connection, records, texts, self._copy)
            except psycopg.errors.UniqueViolation:
                self._write(connection, records, texts, self._copy_what_is_new)
        except _REJECTED as error:
            raise RecordRejectedError(f"{type(error).__name__}: {error}") from error
        except psycopg.Error as error:
            raise self._unavailable(error) from error

    def note(self, outlines: Sequence[Outline]) -> None:
        statement = sql.SQL(
            "INSERT INTO policy_outlines ({columns}) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
        ).format(columns=_names(OUTLINE_COLUMNS))
        try:
            with self._connected().cursor() as cursor:
                cursor.executemany(statement, outline_values(outlines))
        except _REJECTED as error:
            raise RecordRejectedError(f"{type(error).__name__}: {error}") from error
        except psycopg.Error as error:
            raise self._unavailable(error) from error

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._types = {}
            self._partitioned_on = None

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = psycopg.connect(
                self._conninfo,
                autocommit=True,
                connect_timeout=_CONNECT_TIMEOUT_S,
                application_name="sizewise",
                options=f"-c statement_timeout={self._statement_timeout_ms}",
            )
            self._connection.adapters.register_dumper(None, _JsonText)
        return self._connection

    def _write(
        self, connection: Connection, records: Sequence[RequestRecord], texts: Sequence[KeptText], copy: _Copy
    ) -> None:
        with connection.transaction(), connection.cursor() as cursor:
            copy(cursor, "requests", _chunks(records, _request_values))
            copy(cursor, "attempts", _chunks(records, attempt_values))
            marks = "INSERT INTO rollup_marks (hour) SELECT unnest(%s::timestamptz[])"
            cursor.execute(marks, [hours_of(records)])
            if texts:
                self._copy_what_is_new(cursor, "texts", iter(text_values(texts, _time)), _WITH_A_RECORD)

    def _copy(self, cursor: _Cursor, table: str, rows: Iterator[Values], *, into: str | None = None) -> None:
        statement = sql.SQL("COPY {table} ({columns}) FROM STDIN (FORMAT BINARY)").format(
            table=sql.Identifier(into or table), columns=_names(_COLUMNS[table])
        )
        types = self._types_of(cursor, table)
        with cursor.copy(statement) as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)

    def _copy_what_is_new(self, cursor: _Cursor, table: str, rows: Iterator[Values], condition: sql.SQL = _ALL) -> None:
        """What is there already stays as it is: the rows are copied into a table of this connection's own first."""
        names = {
            "table": sql.Identifier(table),
            "new": sql.Identifier(f"new_{table}"),
            "columns": _names(_COLUMNS[table]),
            "condition": condition,
        }
        like = "CREATE TEMP TABLE IF NOT EXISTS {new} (LIKE {table}) ON COMMIT DELETE ROWS"
        cursor.execute(sql.SQL(like).format(**names))
        self._copy(cursor, table, rows, into=f"new_{table}")
        insert = "INSERT INTO {table} ({columns}) SELECT {columns} FROM {new} {condition} ON CONFLICT DO NOTHING"
        cursor.execute(sql.SQL(insert).format(**names))

    def _types_of(self, cursor: _Cursor, table: str) -> list[str]:
        """The type of each column, as the database has it."""
        if table not in self._types:
            question = "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = %s::regclass"
            types: dict[str, str] = dict(cursor.execute(question, [table]).fetchall())
            self._types[table] = [types.get(column, "text") for column in _COLUMNS[table]]
        return self._types[table]

    def _make_partitions(self, connection: Connection) -> None:
        """Once a day, and after connecting. Where it fails the default partition takes the records."""
        today = datetime.now(UTC).date()
        if self._partitioned_on == today:
            return
        self._partitioned_on = today
        names = [str(name) for (name,) in connection.execute(PARTITION_NAMES).fetchall()]
        for table, day in missing(names, today):
            try:
                with connection.transaction():
                    for statement in create_statements(table, day):
                        connection.execute(statement.encode())
            except psycopg.errors.DuplicateTable:
                logger.debug("another process makes the partition of %r for %s", table, day)
            except (psycopg.ProgrammingError, psycopg.IntegrityError) as error:
                _log_unmade(table, day, error)
            except psycopg.errors.LockNotAvailable as error:
                _log_unmade(table, day, error)
                return  # each of the others would be waited for as long

    def _unavailable(self, error: psycopg.Error) -> SinkUnavailableError:
        self.close()
        return SinkUnavailableError(" ".join(str(error).split()))


def _revision(connection: psycopg.Connection[tuple[Any, ...]]) -> str | None:
    found = connection.execute("SELECT to_regclass('alembic_version') IS NOT NULL").fetchone()
    if found is None or not found[0]:
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


class _JsonText(Dumper):
    """Text that is JSON already, as jsonb travels in binary: a version, and the text."""

    format = Format.BINARY
    oid = psycopg.adapters.types["jsonb"].oid

    def dump(self, obj: str) -> Buffer:
        return b"\x01" + obj.encode()


def _log_unmade(table: str, day: date, error: psycopg.Error) -> None:
    why = " ".join(str(error).split())
    logger.warning("no partition of %r made for %s, its records go to the default one: %s", table, day, why)


def _names(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _chunks(
    records: Sequence[RequestRecord], values_of: Callable[[Sequence[RequestRecord]], Sequence[Values]]
) -> Iterator[Values]:
    """The rows, made a chunk at a time: between chunks the requests may have the interpreter's lock."""
    for start in range(0, len(records), _CHUNK):
        yield from values_of(records[start : start + _CHUNK])
        time.sleep(0)


def _request_values(records: Sequence[RequestRecord]) -> Sequence[Values]:
    return request_values(records, _time)


def _time(at_s: float) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)
