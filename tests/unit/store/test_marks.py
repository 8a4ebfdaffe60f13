from datetime import UTC, datetime

from gateway.store.marks import hours_of
from tests.builders import a_record


def test_each_hour_is_there_once_and_the_earliest_first() -> None:
    hour = datetime(2026, 9, 21, 14, tzinfo=UTC)
    seconds = (3_600.0, 0.0, 3_599.999, 7_199.0)

    hours = hours_of([a_record(received_at=hour.timestamp() + second) for second in seconds])

    assert hours == [hour, hour.replace(hour=15)]


def test_no_records_touch_no_hour() -> None:
    assert hours_of([]) == []
