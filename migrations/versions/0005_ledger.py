"""A ledger that stays quick: `requests` and `attempts` in partitions of a day (PostgreSQL), and hourly roll-ups.

Lock      PostgreSQL: rows that are there are read through once (VALIDATE) while others read and write; then ACCESS
          EXCLUSIVE on both tables for as long as some changes of the catalogue take, with no row touched.
          SQLite: the write lock; records wait where they are
Duration  PostgreSQL: 3 s for a million rows (1.2 GB) that are there, nearly all of it without a lock that anyone
          waits for; no statement may take more than ten minutes, and all can be tried again from the start.
          SQLite: one reading of `requests`, for its smaller index by outcome
Way back  downgrade copies every row into one table again, under ACCESS EXCLUSIVE (26 s for that million), and drops
          the roll-ups; after the next upgrade all hours are summed up again but those whose rows were pruned

Rows that were there become the first partition. The release before this one inserts into the partitioned tables as it
did, and writes no marks: housekeeping finds the hours it wrote to by their counts.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TABLES = {"requests": ("id",), "attempts": ("request_id", "number")}
"""Each partitioned table with its primary key, whose first column says the partition."""
_BY_OUTCOME = "ix_requests_outcome_received_at"
_NOT_OK = "(outcome, received_at) WHERE outcome <> 'ok'"
_INDEXES = {"ix_requests_received_at": ("requests", "(received_at)"), _BY_OUTCOME: ("requests", _NOT_OK)}
_DAYS_AHEAD = 7
_USAGE_SUMS = (
    *("requests", "unpriced", "estimated", "input_tokens", "output_tokens", "cached_input_tokens", "cost_nano_usd"),
    *("compared", "compared_cost_nano_usd", "baseline_cost_nano_usd", "saving_low_nano_usd", "saving_high_nano_usd"),
    *("energy_uwh", "checks_passed", "checks_failed", "escalated", "fell_back", "feedback_good", "feedback_bad"),
)
_ATTEMPT_SUMS = (
    *("attempts", "unpriced", "estimated", "input_tokens", "output_tokens", "cached_input_tokens", "cost_nano_usd"),
    *("energy_uwh", "checks_passed", "checks_failed"),
)


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _partition()
    else:
        op.drop_index(_BY_OUTCOME, "requests")
        op.execute(f"CREATE INDEX {_BY_OUTCOME} ON requests {_NOT_OK}")
    _create_rollups()
    _mark_hours_that_hold_records()


def _create_rollups() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "rollup_marks",
        sa.Column("id", number, autoincrement=True, nullable=False),
        sa.Column("hour", moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_rollup_marks"),
    )
    op.create_table(
        "prunings",
        sa.Column("id", number, autoincrement=True, nullable=False),
        sa.Column("before", moment, nullable=False),
        sa.Column("pruned_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_prunings"),
    )
    _create_rollup(
        "usage_hourly",
        ("team", "app", "key_id", "policy", "alias", "rule", "tier", "deployment", "outcome"),
        (*_USAGE_SUMS, "total_ms", "overhead_ms"),
    )
    _create_rollup(
        "attempts_hourly",
        ("team", "app", "key_id", "policy", "deployment", "model", "tier", "origin", "outcome", "error_code"),
        (*_ATTEMPT_SUMS, "upstream_ms"),
    )


def _create_rollup(table: str, names: tuple[str, ...], sums: tuple[str, ...]) -> None:
    op.create_table(
        table,
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in names),
        *(sa.Column(name, sa.Double if name.endswith("_ms") else sa.BigInteger, nullable=False) for name in sums),
    )
    op.create_index(f"ix_{table}_hour", table, ["hour"])


def _mark_hours_that_hold_records() -> None:
    """One look into the index for each hour, however many rows it has."""
    bind = op.get_bind()
    moment = sa.DateTime(timezone=bind.dialect.name == "postgresql")
    received_at = sa.column("received_at", moment)
    first = sa.select(sa.func.min(received_at, type_=moment)).select_from(sa.table("requests"))
    marks = sa.table("rollup_marks", sa.column("hour", moment))
    found = bind.execute(first).scalar()
    while found is not None:
        hour = found.replace(minute=0, second=0, microsecond=0)
        bind.execute(marks.insert().values(hour=hour))
        found = bind.execute(first.where(received_at >= hour + timedelta(hours=1))).scalar()


def _partition() -> None:
    bind = op.get_bind()
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    is_empty = not any(bind.scalar(sa.text(f"SELECT EXISTS (SELECT 1 FROM {table})")) for table in _TABLES)  # noqa: S608
    # Rows of a running gateway go on arriving: the first partition takes those of tomorrow, too.
    start = midnight if is_empty else midnight + timedelta(days=2)
    if not is_empty:
        with op.get_context().autocommit_block():
            for statement in (*_confine(_id_of(start)), *_index_what_is_not_ok()):
                op.execute(statement)
    op.execute(f"LOCK TABLE {', '.join(_TABLES)} IN ACCESS EXCLUSIVE MODE")
    for table, key in _TABLES.items():
        for statement in _swap(table, key, start, is_empty=is_empty):
            op.execute(statement)


def _id_of(moment: datetime) -> str:
    """The lowest id of a request of that moment."""
    return f"{int(moment.timestamp() * 1000):012x}"


def _confine(bound: str) -> Iterator[str]:
    """Prove, without a lock that anyone waits for, that the rows are all below the bound; can be run again.

    Ids that no gateway made may sort above it: they go to the default partition.
    """
    for table, (key, *_) in _TABLES.items():
        yield f"CREATE TABLE IF NOT EXISTS {table}_default (LIKE {table} INCLUDING DEFAULTS)"
        yield (
            f"WITH moved AS (DELETE FROM {table} WHERE {key} >= '{bound}' RETURNING *)"  # noqa: S608 - our own names
            f" INSERT INTO {table}_default SELECT * FROM moved"
        )
        yield f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS ck_{table}_before"
        yield f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_before CHECK ({key} < '{bound}') NOT VALID"
        yield f"ALTER TABLE {table} VALIDATE CONSTRAINT ck_{table}_before"


def _index_what_is_not_ok() -> Iterator[str]:
    """The index by outcome without what is ok, in place of the one with it; a broken one of an earlier try goes."""
    yield f"DROP INDEX CONCURRENTLY IF EXISTS {_BY_OUTCOME}_new"
    yield f"CREATE INDEX CONCURRENTLY {_BY_OUTCOME}_new ON requests {_NOT_OK}"
    yield f"DROP INDEX CONCURRENTLY IF EXISTS {_BY_OUTCOME}"
    yield f"ALTER INDEX {_BY_OUTCOME}_new RENAME TO {_BY_OUTCOME}"


def _swap(table: str, key: tuple[str, ...], start: datetime, *, is_empty: bool) -> Iterator[str]:
    """Put a partitioned table in the table's place, with that as its first partition, days ahead, and a default."""
    before, indexes = f"{table}_before_{start:%Y%m%d}", [name for name, (on, _) in _INDEXES.items() if on == table]
    yield f"ALTER TABLE {table} RENAME TO {before}"
    for index in (f"pk_{table}", *indexes):
        yield f"ALTER INDEX {index} RENAME TO {index}_before"
    yield f"CREATE TABLE {table} (LIKE {before} INCLUDING DEFAULTS) PARTITION BY RANGE ({key[0]})"
    yield f"ALTER TABLE {table} ADD CONSTRAINT pk_{table} PRIMARY KEY ({', '.join(key)})"
    for index in indexes:
        yield f"CREATE INDEX {index} ON {table} {_INDEXES[index][1]}"
    if is_empty:
        yield f"DROP TABLE {before}"
    else:
        yield f"ALTER TABLE {table} ATTACH PARTITION {before} FOR VALUES FROM (MINVALUE) TO ('{_id_of(start)}')"
        yield f"ALTER TABLE {before} DROP CONSTRAINT ck_{table}_before"
    for ahead in range(_DAYS_AHEAD + 1):
        day = start + timedelta(days=ahead)
        bounds = f"FROM ('{_id_of(day)}') TO ('{_id_of(day + timedelta(days=1))}')"
        yield f"CREATE TABLE {table}_{day:%Y%m%d} PARTITION OF {table} FOR VALUES {bounds}"
    yield f"CREATE TABLE IF NOT EXISTS {table}_default (LIKE {table} INCLUDING DEFAULTS)"
    yield f"ALTER TABLE {table} ATTACH PARTITION {table}_default DEFAULT"


def downgrade() -> None:
    for table in ("attempts_hourly", "usage_hourly", "prunings", "rollup_marks"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        for table, key in _TABLES.items():
            for statement in _unpartition(table, key):
                op.execute(statement)
    else:
        op.drop_index(_BY_OUTCOME, "requests")
        op.create_index(_BY_OUTCOME, "requests", ["outcome", "received_at"])


def _unpartition(table: str, key: tuple[str, ...]) -> Iterator[str]:
    yield f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"
    yield f"CREATE TABLE {table}_whole (LIKE {table} INCLUDING DEFAULTS)"
    yield f"INSERT INTO {table}_whole SELECT * FROM {table}"  # noqa: S608 - our own names
    yield f"DROP TABLE {table}"
    yield f"ALTER TABLE {table}_whole RENAME TO {table}"
    yield f"ALTER TABLE {table} ADD CONSTRAINT pk_{table} PRIMARY KEY ({', '.join(key)})"
    if table == "requests":
        yield "CREATE INDEX ix_requests_received_at ON requests (received_at)"
        yield f"CREATE INDEX {_BY_OUTCOME} ON requests (outcome, received_at)"
