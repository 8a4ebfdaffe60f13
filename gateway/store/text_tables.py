"""The table of the texts that policies keep."""

from sqlalchemy import JSON, Boolean, Column, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from gateway.store.tables import METADATA, REQUESTS, UtcTimestamp

TEXTS = Table(
    "texts",
    METADATA,
    Column("request_id", REQUESTS.c.id.type, primary_key=True),
    Column("received_at", UtcTimestamp, nullable=False),
    Column("team", Text, nullable=False),
    Column("request", JSON().with_variant(JSONB(), "postgresql"), nullable=False),
    Column("answer", Text),
    Column("truncated", Boolean, nullable=False),
)
"""request: the chat body as the client sent it, redacted. answer: None where it was not kept."""
