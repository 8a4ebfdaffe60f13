"""The tables of the records, one column per field of `gateway.domain.record`.

Money is integer nano-dollars, NULL where unknown. The columns of an unknown usage are NULL together. `attempts` has no
foreign key: both rows of a request are written in one transaction, and a key would tie the tables' partitions together.
"""

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Double,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    literal_column,
)
from sqlalchemy.dialects.postgresql import JSONB


class UtcTimestamp(TypeDecorator[datetime]):
    """An aware datetime; SQLite, which knows no time zones, keeps it in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_Json = JSON().with_variant(JSONB(), "postgresql")
# Collation C lets the primary key find an id by its first characters.
_Id = Text().with_variant(Text(collation="C"), "postgresql")


def _usage() -> tuple[Column[int] | Column[bool], ...]:
    return (
        Column("input_tokens", BigInteger),
        Column("output_tokens", BigInteger),
        Column("cached_input_tokens", BigInteger),
        Column("usage_estimated", Boolean),
    )


NOT_OK: Final = literal_column("outcome <> 'ok'", Boolean)
"""Few requests: the only ones that are looked for by outcome, and the only ones in that index."""

REQUESTS = Table(
    "requests",
    METADATA,
    Column("id", _Id, primary_key=True),
    Column("received_at", UtcTimestamp, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("team", Text, nullable=False),
    Column("app", Text, nullable=False),
    Column("alias", Text, nullable=False),
    Column("stream", Boolean, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("status", Integer),
    Column("error_code", Text),
    Column("policy", Text, nullable=False),
    Column("policy_version", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("deployment", Text),
    Column("tier", Text),
    Column("model", Text),
    Column("reasons", _Json, nullable=False),
    Column("excluded", _Json, nullable=False),
    Column("threshold", Double),
    Column("signals", _Json),
    Column("classification", _Json),
    *_usage(),
    Column("cost_nano_usd", BigInteger),
    Column("unpriced", Text),
    Column("baseline", Text),
    Column("baseline_cost_nano_usd", BigInteger),
    Column("total_ms", Double, nullable=False),
    Column("upstream_ms", Double, nullable=False),
    Column("ttft_ms", Double),
    Column("overhead_ms", Double, nullable=False),
    Column("session", Text),
    Column("context", _Json),
    Column("beside", _Json),
    Column("usage_more", _Json),
    Column("saving_low_nano_usd", BigInteger),
    Column("saving_high_nano_usd", BigInteger),
    Column("energy_uwh", BigInteger),
    Index(None, "received_at"),
    Index(None, "outcome", "received_at", sqlite_where=NOT_OK, postgresql_where=NOT_OK),
)

ATTEMPTS = Table(
    "attempts",
    METADATA,
    Column("request_id", _Id, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("deployment", Text, nullable=False),
    Column("tier", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("error_code", Text),
    Column("status", Integer),
    Column("started_ms", Double, nullable=False),
    Column("first_byte_ms", Double),
    Column("ended_ms", Double, nullable=False),
    *_usage(),
    Column("cost_nano_usd", BigInteger),
    Column("unpriced", Text),
    Column("checked", _Json),
    Column("usage_more", _Json),
    Column("price_version", Text),
    Column("service_tier", Text),
    Column("origin", Text),
    Column("energy_uwh", BigInteger),
)
