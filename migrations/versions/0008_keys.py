"""Virtual keys, their teams and applications, and when each was last used.

Lock      none that anyone waits for: five new tables, and nothing else is touched
Duration  milliseconds, whatever the database holds
Way back  downgrade drops the five: every virtual key is lost with them, and must be made anew
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "teams",
        sa.Column("name", sa.Text, nullable=False),
        *_what_it_may_use(),
        *_states(),
        sa.PrimaryKeyConstraint("name", name="pk_teams"),
    )
    op.create_table(
        "apps",
        sa.Column("team", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        *_what_it_may_use(),
        *_states(),
        sa.PrimaryKeyConstraint("team", "name", name="pk_apps"),
    )
    op.create_table(
        "virtual_keys",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("pepper_version", "last4", "team", "app")),
        sa.Column("tags", _json(), nullable=False),
        sa.Column("models", _json()),
        *_what_it_may_use(),
        sa.Column("expires_at", _moment()),
        sa.Column("revoked_at", _moment()),
        sa.Column("replaces", sa.Text),
        *_states(),
        sa.PrimaryKeyConstraint("id", name="pk_virtual_keys"),
    )
    op.create_index("ix_virtual_keys_change", "virtual_keys", ["change"])
    op.create_table(
        "key_uses",
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("last_used_at", _moment(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", name="pk_key_uses"),
    )
    changes = op.create_table(
        "key_changes",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_key_changes"),
    )
    op.execute(changes.insert().values(id=1, number=0))


def _json() -> sa.types.TypeEngine[object]:
    return sa.JSON().with_variant(JSONB(), "postgresql")


def _moment() -> sa.DateTime:
    return sa.DateTime(timezone=True)


def _what_it_may_use() -> tuple[sa.Column[object], ...]:
    return tuple(sa.Column(name, _json(), nullable=False) for name in ("limits", "budgets"))


def _states() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("disabled_at", _moment()),
        sa.Column("created_at", _moment(), nullable=False),
        sa.Column("changed_at", _moment(), nullable=False),
        sa.Column("change", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    for table in ("key_changes", "key_uses", "virtual_keys", "apps", "teams"):
        op.drop_table(table)
