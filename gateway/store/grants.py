"""What the serving process needs of PostgreSQL, and no more: a role with these can write records, and no key."""

from collections.abc import Iterator, Mapping
from typing import Final

from sqlalchemy.dialects.postgresql import dialect as postgresql

SERVING: Final[Mapping[str, str]] = {
    "requests": "INSERT, SELECT",
    "attempts": "INSERT, SELECT",
    "texts": "INSERT, SELECT",
    "feedback": "INSERT, SELECT",
    "policy_outlines": "INSERT, SELECT",
    "rollup_marks": "INSERT, SELECT",
    "virtual_keys": "SELECT",
    "teams": "SELECT",
    "apps": "SELECT",
    "key_changes": "SELECT",
    "key_uses": "SELECT, INSERT, UPDATE",
    "alembic_version": "SELECT",
}
"""Table → what the data plane does there. What was written already is told by looking, hence SELECT on the records."""
NUMBERED: Final = ("rollup_marks", "feedback")
"""Tables whose rows the database numbers: who inserts there uses the sequence, too."""
WITHHELD: Final = frozenset({"audit", "prunings", "usage_hourly", "attempts_hourly"})
"""Tables of the admin plane and of housekeeping, which use another role."""


def grant_statements(role: str) -> Iterator[str]:
    """SQL that makes a role that is there already one to serve with; safe to run again after each upgrade."""
    name = postgresql().identifier_preparer.quote_identifier(role)  # type: ignore[no-untyped-call]
    for table in sorted({*SERVING, *WITHHELD}):
        yield f"REVOKE ALL ON {table} FROM {name};"
    yield f"GRANT USAGE ON SCHEMA public TO {name};"
    for table, privileges in SERVING.items():
        yield f"GRANT {privileges} ON {table} TO {name};"
    for table in NUMBERED:
        yield f"GRANT USAGE ON SEQUENCE {table}_id_seq TO {name};"
