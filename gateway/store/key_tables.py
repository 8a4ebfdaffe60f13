"""The tables of keys, teams and applications, and of when each key was last used.

Whoever changes a key, a team or an application takes the next `key_changes.number` first, which is a lock on that row
until the end, and writes it into what is changed: so numbers appear in their order, and who has seen one has seen all
that came before it. No clock is needed to know what is new.

No key stands here: `digest` is its HMAC under a pepper that is kept elsewhere. The data plane writes `key_uses` only.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, LargeBinary, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from gateway.store.tables import METADATA, UtcTimestamp

_Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def _what_it_may_use() -> tuple[Column[Any], Column[Any]]:
    """As `gateway.domain.allowances` has them: an object, and a list."""
    return Column("limits", _Json, nullable=False), Column("budgets", _Json, nullable=False)


def _states() -> tuple[Column[datetime] | Column[int], ...]:
    return (
        Column("disabled_at", UtcTimestamp),
        Column("created_at", UtcTimestamp, nullable=False),
        Column("changed_at", UtcTimestamp, nullable=False),
        Column("change", BigInteger, nullable=False),
    )


TEAMS = Table("teams", METADATA, Column("name", Text, primary_key=True), *_what_it_may_use(), *_states())

APPS = Table(
    "apps",
    METADATA,
    Column("team", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    *_what_it_may_use(),
    *_states(),
)

VIRTUAL_KEYS = Table(
    "virtual_keys",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("pepper_version", Text, nullable=False),
    Column("last4", Text, nullable=False),
    Column("team", Text, nullable=False),
    Column("app", Text, nullable=False),
    Column("tags", _Json, nullable=False),
    Column("models", _Json),
    *_what_it_may_use(),
    Column("expires_at", UtcTimestamp),
    Column("revoked_at", UtcTimestamp),
    Column("replaces", Text),
    *_states(),
    Index(None, "change"),
)
"""`models` NULL: all. `replaces`: the key it was rotated from. An `app` or a `team` that is empty: of none."""

KEY_USES = Table(
    "key_uses",
    METADATA,
    Column("key_id", Text, primary_key=True),
    Column("last_used_at", UtcTimestamp, nullable=False),
)

KEY_CHANGES = Table(
    "key_changes",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
)
"""One row, with id 1."""
