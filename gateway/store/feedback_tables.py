"""The table of what clients say of answers: only ever appended to; of a request, the latest row counts."""

from sqlalchemy import BigInteger, Column, Double, Index, Integer, Table, Text

from gateway.store.tables import METADATA, REQUESTS, UtcTimestamp

FEEDBACK = Table(
    "feedback",
    METADATA,
    Column("id", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True),
    Column("request_id", REQUESTS.c.id.type, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("given_at", UtcTimestamp, nullable=False),
    Column("score", Double),
    Column("label", Text, nullable=False),
    Column("comment", Text),
    Index(None, "request_id"),
)
"""No foreign key: the records go by whole days, and what was said of them after them."""
