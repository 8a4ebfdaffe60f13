"""Prompt and answer text that policies have kept, in a table of its own.

Lock      none that anyone waits for: the table is new
Duration  milliseconds
Way back  downgrade drops the table, and every kept text with it

The release before this one reads and writes nothing of it.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "texts",
        sa.Column("request_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("received_at", moment, nullable=False),
        sa.Column("team", sa.Text, nullable=False),
        sa.Column("request", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False),
        sa.Column("answer", sa.Text),
        sa.Column("truncated", sa.Boolean, nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("request_id", name="pk_texts"),
    )
    op.create_index("ix_texts_expires_at", "texts", ["expires_at"])


def downgrade() -> None:
    op.drop_table("texts")
