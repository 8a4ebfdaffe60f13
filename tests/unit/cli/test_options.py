from datetime import UTC, datetime, timedelta

import click
import pytest

from gateway.cli.options import Days, Since


@pytest.mark.parametrize(
    ("text", "span"), [("90s", timedelta(seconds=90)), ("1h", timedelta(hours=1)), ("2w", timedelta(weeks=2))]
)
def test_a_span_is_taken_back_from_now(text: str, span: timedelta) -> None:
    before = datetime.now(UTC)

    since = Since().convert(text, None, None)

    assert before - span <= since <= datetime.now(UTC) - span


def test_a_time_without_a_zone_is_utc() -> None:
    assert Since().convert("2026-01-31T08:00", None, None) == datetime(2026, 1, 31, 8, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "1", "h", "-1h", "yesterday", "999999w"])
def test_anything_else_is_refused_with_examples(text: str) -> None:
    with pytest.raises(click.BadParameter, match="neither a span such as 1h or 7d"):
        Since().convert(text, None, None)


@pytest.mark.parametrize(("text", "days"), [("90d", 90), ("12w", 84), ("30", 30)])
def test_days_are_counted_in_days_or_weeks(text: str, days: int) -> None:
    assert Days().convert(text, None, None) == days


@pytest.mark.parametrize("text", ["", "d", "-1d", "1h", "9999999"])
def test_anything_else_is_no_number_of_days(text: str) -> None:
    with pytest.raises(click.BadParameter, match="not a number of days such as 90d or 12w"):
        Days().convert(text, None, None)
