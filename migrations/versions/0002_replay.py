"""What a decision can be made again from: the session, the context, and the decision of a policy being rolled out.

Lock      ACCESS EXCLUSIVE on `requests`, for as long as a change of the catalogue takes; no row is touched
Duration  milliseconds, whatever the size of the table
Way back  downgrade drops the three columns

The release before this one writes rows without them and does not read them.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    json = sa.JSON().with_variant(JSONB(), "postgresql")
    op.add_column("requests", sa.Column("session", sa.Text))
    op.add_column("requests", sa.Column("context", json))
    op.add_column("requests", sa.Column("beside", json))


def downgrade() -> None:
    for name in ("beside", "context", "session"):
        op.drop_column("requests", name)
