"""The audit: who did what to keys, teams, applications, policies and the log level. Rows are only ever added.

Lock      none that anyone waits for: one new table, its triggers, and nothing else is touched
Duration  milliseconds, whatever the database holds
Way back  downgrade drops the table: what was written down is lost with it. Copy it out first
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_WHY = "rows of the audit are never changed or deleted; docs/admin.md says what to do where one must be"
_ABORT = f"BEGIN SELECT RAISE(ABORT, '{_WHY}'); END"
_IS_THERE = "WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)"
_SQLITE = (
    f"CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit {_ABORT}",
    f"CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit {_ABORT}",
    # REPLACE INTO deletes what is in its way, past the trigger above.
    f"CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit {_IS_THERE} {_ABORT}",
)
_FUNCTION = "audit_is_append_only()"
_BODY = f"$$ BEGIN RAISE EXCEPTION '{_WHY}'; END $$"
_POSTGRES = (
    f"CREATE FUNCTION {_FUNCTION} RETURNS trigger LANGUAGE plpgsql AS {_BODY}",
    f"CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION {_FUNCTION}",
    f"CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION {_FUNCTION}",
)


def upgrade() -> None:
    json = sa.JSON().with_variant(JSONB(), "postgresql")
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), autoincrement=True, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("role", sa.Text),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("origin", "act", "target")),
        sa.Column("before", json),
        sa.Column("after", json),
        sa.Column("request_id", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_at", "audit", ["at"])
    for statement in _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRES:
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("audit")
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"DROP FUNCTION {_FUNCTION}")
