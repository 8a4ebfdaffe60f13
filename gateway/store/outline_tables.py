"""The table of the policies that have decided: a row a version, never changed, to tell of their records years later."""

from typing import Final

from sqlalchemy import JSON, Column, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from gateway.store.tables import METADATA

POLICY_OUTLINES: Final = Table(
    "policy_outlines",
    METADATA,
    Column("policy", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("outline", JSON().with_variant(JSONB(), "postgresql"), nullable=False),
)
"""`outline` as `gateway.domain.outline.Outline` has it."""
