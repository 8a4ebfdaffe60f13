"""The table of the texts that policies have kept: apart from the records, with a time of its own when each goes."""

from typing import Final

from sqlalchemy import JSON, Boolean, Column, Index, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from gateway.store.tables import METADATA, UtcTimestamp

TEXTS: Final = Table(
    "texts",
    METADATA,
    Column("request_id", Text().with_variant(Text(collation="C"), "postgresql"), primary_key=True),
    Column("received_at", UtcTimestamp, nullable=False),
    Column("team", Text, nullable=False),
    Column("request", JSON().with_variant(JSONB(), "postgresql"), nullable=False),
    Column("answer", Text),
    Column("truncated", Boolean, nullable=False),
    Column("expires_at", UtcTimestamp, nullable=False),
    Index(None, "expires_at"),
)
"""Redacted; `request` as `gateway.domain.kept_text.Conversation` has it."""
