"""What needs no database; the rest: tests/contract/test_ledger.py and test_partitions.py."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from gateway.store.retention import first_day_kept


def test_whole_days_are_kept() -> None:
    now = datetime(2026, 11, 29, 0, 30, tzinfo=timezone(timedelta(hours=1)))

    assert first_day_kept(now, 30) == datetime(2026, 10, 29, tzinfo=UTC)


def test_too_short_a_keep_names_the_shortest() -> None:
    with pytest.raises(ValueError, match="kept 2 days at least, not 0"):
        first_day_kept(datetime.now(UTC), 0)
