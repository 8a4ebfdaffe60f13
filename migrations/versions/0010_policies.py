"""The policies that have decided, so that their records can be told of when their files are gone.

Lock      none that anyone waits for: the table is new
Duration  milliseconds
Way back  downgrade drops the table; a release that is started again writes those in force anew

The release before this one reads and writes nothing of it.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "policy_outlines",
        sa.Column("policy", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("outline", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False),
        sa.PrimaryKeyConstraint("policy", "version", name="pk_policy_outlines"),
    )


def downgrade() -> None:
    op.drop_table("policy_outlines")
