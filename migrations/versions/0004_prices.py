"""What else a call used, what it was billed at, and how sure a saving is: columns of `attempts` and `requests`.

Lock      ACCESS EXCLUSIVE, for as long as a change of the catalogue takes; no row is touched
Duration  milliseconds
Way back  downgrade drops the columns

The release before this one writes rows without them and does not read them.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    json = sa.JSON().with_variant(JSONB(), "postgresql")
    op.add_column("attempts", sa.Column("usage_more", json))
    for name in ("price_version", "service_tier", "origin"):
        op.add_column("attempts", sa.Column(name, sa.Text))
    op.add_column("attempts", sa.Column("energy_uwh", sa.BigInteger))
    op.add_column("requests", sa.Column("usage_more", json))
    for name in ("saving_low_nano_usd", "saving_high_nano_usd", "energy_uwh"):
        op.add_column("requests", sa.Column(name, sa.BigInteger))


def downgrade() -> None:
    for name in ("energy_uwh", "origin", "service_tier", "price_version", "usage_more"):
        op.drop_column("attempts", name)
    for name in ("energy_uwh", "saving_high_nano_usd", "saving_low_nano_usd", "usage_more"):
        op.drop_column("requests", name)
