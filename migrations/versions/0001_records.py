"""Records: the tables `requests` and `attempts`.

Lock      none that anyone could wait for: both tables are new
Duration  milliseconds
Way back  downgrade drops both tables and with them every record; copy the database first

The release before this one has no tables and ignores these.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    json = sa.JSON().with_variant(JSONB(), "postgresql")
    identifier = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    _create_requests(json, identifier)
    _create_attempts(identifier)


def _create_requests(json: sa.types.TypeEngine[Any], identifier: sa.types.TypeEngine[Any]) -> None:
    op.create_table(
        "requests",
        sa.Column("id", identifier, nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("team", sa.Text, nullable=False),
        sa.Column("app", sa.Text, nullable=False),
        sa.Column("alias", sa.Text, nullable=False),
        sa.Column("stream", sa.Boolean, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("error_code", sa.Text),
        sa.Column("policy", sa.Text, nullable=False),
        sa.Column("policy_version", sa.Text, nullable=False),
        sa.Column("route", sa.Text, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("deployment", sa.Text),
        sa.Column("tier", sa.Text),
        sa.Column("model", sa.Text),
        sa.Column("reasons", json, nullable=False),
        sa.Column("excluded", json, nullable=False),
        sa.Column("threshold", sa.Double),
        sa.Column("signals", json),
        sa.Column("classification", json),
        sa.Column("input_tokens", sa.BigInteger),
        sa.Column("output_tokens", sa.BigInteger),
        sa.Column("cached_input_tokens", sa.BigInteger),
        sa.Column("usage_estimated", sa.Boolean),
        sa.Column("cost_nano_usd", sa.BigInteger),
        sa.Column("unpriced", sa.Text),
        sa.Column("baseline", sa.Text),
        sa.Column("baseline_cost_nano_usd", sa.BigInteger),
        sa.Column("total_ms", sa.Double, nullable=False),
        sa.Column("upstream_ms", sa.Double, nullable=False),
        sa.Column("ttft_ms", sa.Double),
        sa.Column("overhead_ms", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_requests"),
    )
    op.create_index("ix_requests_received_at", "requests", ["received_at"])
    op.create_index("ix_requests_outcome_received_at", "requests", ["outcome", "received_at"])


def _create_attempts(identifier: sa.types.TypeEngine[Any]) -> None:
    op.create_table(
        "attempts",
        sa.Column("request_id", identifier, nullable=False),
        sa.Column("number", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("deployment", sa.Text, nullable=False),
        sa.Column("tier", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("error_code", sa.Text),
        sa.Column("status", sa.Integer),
        sa.Column("started_ms", sa.Double, nullable=False),
        sa.Column("first_byte_ms", sa.Double),
        sa.Column("ended_ms", sa.Double, nullable=False),
        sa.Column("input_tokens", sa.BigInteger),
        sa.Column("output_tokens", sa.BigInteger),
        sa.Column("cached_input_tokens", sa.BigInteger),
        sa.Column("usage_estimated", sa.Boolean),
        sa.Column("cost_nano_usd", sa.BigInteger),
        sa.Column("unpriced", sa.Text),
        sa.PrimaryKeyConstraint("request_id", "number", name="pk_attempts"),
    )


def downgrade() -> None:
    op.drop_table("attempts")
    op.drop_index("ix_requests_outcome_received_at", "requests")
    op.drop_index("ix_requests_received_at", "requests")
    op.drop_table("requests")
