from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.allowances import Period
from gateway.domain.budgets import crossed, has_room, next_window, really_used, used_ratio, window_began, window_of
from gateway.domain.usage import Usage
from tests.builders import an_attempt

PERIODS: tuple[Period, ...] = ("day", "week", "month")
every_period = pytest.mark.parametrize("period", PERIODS)
FREE = an_attempt(usage=None, cost_nano_usd=0, outcome="failed")
UNKNOWN = an_attempt(usage=None, cost_nano_usd=None, outcome="cancelled", unpriced="it ended before that was known")
UNPRICED = an_attempt(usage=Usage(input_tokens=5, output_tokens=5), cost_nano_usd=None, unpriced="no price")


def _at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@every_period
@given(at_s=st.integers(0, 8_000_000_000))
def test_the_next_window_begins_when_it_is_told_to_and_not_a_second_before(period: Period, at_s: int) -> None:
    begins_s = next_window(period, at_s).timestamp()

    assert at_s < begins_s
    assert window_of(period, begins_s) == window_of(period, at_s) + 1
    assert window_of(period, begins_s - 1) == window_of(period, at_s)


@pytest.mark.parametrize(
    ("period", "next_begins"), [("day", "2026-01-01"), ("week", "2026-01-05"), ("month", "2026-01-01")]
)
def test_windows_are_those_of_the_calendar_in_utc_and_a_week_begins_on_monday(period: Period, next_begins: str) -> None:
    assert next_window(period, _at("2025-12-31T23:59:59")).date().isoformat() == next_begins


def test_what_just_fits_has_room() -> None:
    assert has_room(60, 40, 100)
    assert not has_room(60, 41, 100)


def test_of_a_budget_of_nothing_all_is_used() -> None:
    assert used_ratio(0, 0) == 1.0


def test_a_level_is_crossed_when_it_is_reached_and_not_again() -> None:
    assert crossed(79, 80, 100, (0.5, 0.8, 1.0)) == [0.8]
    assert crossed(80, 99, 100, (0.5, 0.8, 1.0)) == []
    assert crossed(0, 200, 100, (0.5, 0.8, 1.0)) == [0.5, 0.8, 1.0]


def test_all_calls_of_a_request_are_paid_for() -> None:
    first = an_attempt(usage=Usage(input_tokens=10, output_tokens=1), cost_nano_usd=100)
    second = an_attempt(usage=Usage(input_tokens=10, output_tokens=2), cost_nano_usd=200)

    assert really_used((first, FREE, second), 99, 999) == (23, 300)


def test_a_request_that_called_nobody_used_nothing() -> None:
    assert really_used((), 99, 999) == (0, 0)


def test_where_a_call_broke_off_unknown_the_hold_stands_unless_more_is_known() -> None:
    dear = an_attempt(usage=Usage(input_tokens=500, output_tokens=0), cost_nano_usd=5_000)

    assert really_used((UNKNOWN,), 99, 999) == (99, 999)
    assert really_used((dear, UNKNOWN), 99, 999) == (500, 5_000)


def test_a_call_without_a_price_is_held_for_at_the_hold_though_its_tokens_are_known() -> None:
    assert really_used((UNPRICED,), 99, 999) == (10, 999)


@pytest.mark.parametrize(
    ("period", "began"),
    [("day", "2026-11-29"), ("week", "2026-11-23"), ("month", "2026-11-01")],
)
def test_a_period_began_at_its_first_midnight(period: Period, began: str) -> None:
    at_s = _at("2026-11-29T09:30")

    assert window_began(period, at_s) == _at(began)
    assert window_of(period, window_began(period, at_s)) == window_of(period, at_s)
    assert window_of(period, window_began(period, at_s) - 1.0) == window_of(period, at_s) - 1
