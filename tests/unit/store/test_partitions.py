"""What needs no database; partitions at work: tests/contract/test_partitions.py."""

from datetime import UTC, date, datetime, timedelta

import pytest

from gateway.store.partitions import DAYS_AHEAD, end_of, id_of, id_range, lowest_id, missing, table_of

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
DEFAULTS = ["requests_default", "attempts_default"]


def test_ids_sort_as_the_time_they_begin_with() -> None:
    assert id_of(NOON) == f"{int(NOON.timestamp()) * 1000:012x}"
    assert id_of(datetime(1960, 1, 1, tzinfo=UTC)) < id_of(NOON) < id_of(NOON + timedelta(milliseconds=1))


def test_a_clock_may_be_an_hour_behind() -> None:
    assert lowest_id(NOON) == id_of(NOON - timedelta(hours=1))
    assert id_range(NOON, NOON) == (id_of(NOON - timedelta(hours=1)), id_of(NOON + timedelta(hours=1)), "g")


def test_an_id_that_no_gateway_made_sorts_above_or_is_found_by_time_alone() -> None:
    assert "req-1" > id_range(NOON, NOON)[2] > "f" * 32


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("requests_20261129", date(2026, 11, 30)),
        ("attempts_before_20261201", date(2026, 12, 1)),
        ("requests_default", None),
        ("requests", None),
    ],
)
def test_a_name_says_where_a_partition_ends(name: str, end: date | None) -> None:
    assert end_of(name) == end


def test_a_name_says_which_table_it_is_of() -> None:
    assert table_of("attempts_before_20261201") == "attempts"


def test_days_without_a_partition_are_missing() -> None:
    there = [f"requests_{NOON + timedelta(days=ahead):%Y%m%d}" for ahead in range(DAYS_AHEAD)]

    found = missing([*DEFAULTS, *there], NOON.date())

    last = NOON.date() + timedelta(days=DAYS_AHEAD)
    assert ("requests", last) in found
    assert [day for table, day in found if table == "requests"] == [last]
    assert len([day for table, day in found if table == "attempts"]) == DAYS_AHEAD + 1


def test_days_in_the_partition_of_all_that_came_before_are_not_missing() -> None:
    found = missing([*DEFAULTS, "requests_before_20261201", "attempts_before_20261201"], NOON.date())

    assert min(day for _, day in found) == date(2026, 12, 1)


def test_where_nothing_is_partitioned_nothing_is_missing() -> None:
    assert missing([], NOON.date()) == []
