"""The table of the audit: one row for each act, which the database itself lets nobody change or delete.

The triggers that see to that are made by migration 0009, and go with the table: a later migration that makes it anew,
as a change of a column does on SQLite, must make them anew as well.
"""

from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from gateway.store.tables import METADATA, UtcTimestamp

_Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
_columns: tuple[Column[Any], ...] = (
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", UtcTimestamp, nullable=False),
    Column("actor", Text, nullable=False),
    Column("role", Text),
    Column("origin", Text, nullable=False),
    Column("act", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("before", _Json),
    Column("after", _Json),
    Column("request_id", Text),
)

AUDIT = Table("audit", METADATA, *_columns, Index(None, "at"))
"""`role` NULL: of the command line. `before` NULL: there was nothing."""
