"""PostgreSQL's partitions of `requests` and `attempts`, one a day, by id: an id begins with the time it was made.

A partition's name says what it holds: `requests_20261129` a day, `requests_before_20261201` all that came before, and
`requests_default` what belongs nowhere else. Statements only: the sink and housekeeping run them, each on its driver.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

DAYS_AHEAD: Final = 7
PARTITIONED: Final = {"requests": "id", "attempts": "request_id"}
"""Each partitioned table, with the column that says the partition."""
LOCK_TIMEOUT_MS: Final = 2_000
"""How long making or dropping a partition waits for a lock, and whoever comes after it, too. An autovacuum in the way
gives way after a second (`deadlock_timeout`)."""

PARTITION_NAMES: Final = (
    "SELECT child.relname FROM pg_inherits"
    " JOIN pg_class child ON child.oid = inhrelid JOIN pg_class parent ON parent.oid = inhparent"
    " WHERE parent.relname IN ('requests', 'attempts') AND parent.relkind = 'p'"
    " AND pg_table_is_visible(parent.oid)"
)
"""The names of all partitions; no rows where the tables are not partitioned."""

_DAY = re.compile(r"(requests|attempts)_(before_)?(\d{8})")
_FIRST_LETTER_OF_NO_ID: Final = "g"
_SLACK = timedelta(hours=1)


def id_of(moment: datetime) -> str:
    """The lowest id of a request of that moment."""
    return f"{max(0, int(moment.timestamp() * 1000)):012x}"


def lowest_id(moment: datetime) -> str:
    """No request received at that moment or later has a lower id: clocks may be an hour apart."""
    return id_of(moment - _SLACK)


def id_range(start: datetime, end: datetime) -> tuple[str, str, str]:
    """Where the ids of requests received between those moments are: from the first to below the second, or, where no
    gateway made the id, from the third on."""
    return lowest_id(start), id_of(end + _SLACK), _FIRST_LETTER_OF_NO_ID


def end_of(name: str) -> date | None:
    """The first day after those a partition holds; None for the default one."""
    match = _DAY.fullmatch(name)
    if match is None:
        return None
    day = datetime.strptime(match[3], "%Y%m%d").replace(tzinfo=UTC).date()
    return day if match[2] else day + timedelta(days=1)


def table_of(name: str) -> str:
    """The table a partition belongs to."""
    return name.partition("_")[0]


def missing(names: Iterable[str], today: date) -> list[tuple[str, date]]:
    """Each table and day, of today and those ahead, without a partition; none where nothing is partitioned."""
    found = set(names)
    days = [today + timedelta(days=ahead) for ahead in range(DAYS_AHEAD + 1)]
    return [
        (table, day)
        for table in sorted({table_of(name) for name in found})
        for day in days
        if f"{table}_{day:%Y%m%d}" not in found and not _is_in_first(found, table, day)
    ]


def _is_in_first(names: set[str], table: str, day: date) -> bool:
    """Whether the day is in the partition of all that came before."""
    ends = [end_of(name) for name in names if name.startswith(f"{table}_before_")]
    return any(end is not None and day < end for end in ends)


def create_statements(table: str, day: date) -> Iterator[str]:
    """Make that partition, in one transaction. Whoever reads or writes the table need not wait for it.

    Made beside the table and then attached: to create it in place would lock the table whole.
    """
    name, start = f"{table}_{day:%Y%m%d}", datetime.combine(day, time(), UTC)
    low, high = id_of(start), id_of(start + timedelta(days=1))
    yield f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}"
    yield f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING INDEXES)"
    yield f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{low}') TO ('{high}')"


def drop_statements(name: str) -> Iterator[str]:
    """Drop that partition, in one transaction, or give up soon: dropping locks the table whole for a moment."""
    yield f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}"
    yield f"DROP TABLE {name}"
