"""Feedback: what clients say of the answers they were given.

Lock      none that anyone waits for: a new table and its index
Duration  milliseconds
Way back  downgrade drops the table, and with it all feedback: export it first (`sizewise report export`). The sums of
          hours keep it until they are summed up anew

The release before this one neither reads nor writes the table.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "feedback",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("request_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("score", sa.Double),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("comment", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_feedback"),
    )
    op.create_index("ix_feedback_request_id", "feedback", ["request_id"])


def downgrade() -> None:
    op.drop_table("feedback")
