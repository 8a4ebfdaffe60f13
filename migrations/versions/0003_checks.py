"""What came of testing an answer before it counted: one column of `attempts`.

Lock      ACCESS EXCLUSIVE on `attempts`, for as long as a change of the catalogue takes; no row is touched
Duration  milliseconds, whatever the size of the table
Way back  downgrade drops the column

The release before this one writes rows without it and does not read it.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("attempts", sa.Column("checked", sa.JSON().with_variant(JSONB(), "postgresql")))


def downgrade() -> None:
    op.drop_column("attempts", "checked")
