import time

import click
import pytest

from gateway.cli.key_options import Budget, Span, Until, budgets_of, limits_of
from gateway.domain.allowances import NO_LIMITS, BudgetTerms, Limits


@pytest.mark.parametrize(("text", "span_s"), [("30s", 30), ("5m", 300), ("24h", 86_400), ("7d", 604_800), ("0s", 0)])
def test_a_span_is_in_seconds(text: str, span_s: float) -> None:
    assert Span().convert(text, None, None) == span_s


@pytest.mark.parametrize("text", ["", "24", "h", "-1h", "1y", "1h30m"])
def test_what_is_no_span_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(click.UsageError, match=r"such as 30m, 24h or 7d"):
        Span().convert(text, None, None)


def test_until_is_a_span_from_now_a_time_or_never() -> None:
    assert Until().convert("90d", None, None) == pytest.approx(time.time() + 90 * 86_400, abs=60)
    assert Until().convert("2027-01-31", None, None) == 1_801_353_600
    assert Until().convert("2027-01-31T01:00+01:00", None, None) == 1_801_353_600
    assert Until().convert("never", None, None) == "never"


@pytest.mark.parametrize("text", ["", "soon", "90", "999999w"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(click.UsageError, match="nor never"):
        Until().convert(text, None, None)


def test_a_budget_is_dollars_a_period() -> None:
    assert Budget().convert("month=500", None, None) == BudgetTerms(period="month", limit_nano_usd=500 * 10**9)
    assert Budget().convert("day=0.000000001:hard", None, None) == BudgetTerms(period="day", limit_nano_usd=1)
    soft = BudgetTerms(period="week", limit_nano_usd=12_500_000_000, is_hard=False)
    assert Budget().convert("week=12.50:soft", None, None) == soft


@pytest.mark.parametrize("text", ["", "500", "year=5", "month=", "month=-5", "month=5:firm", "month=_", "month=1e3"])
def test_what_is_no_budget_is_refused(text: str) -> None:
    with pytest.raises(click.UsageError, match="is no "):
        Budget().convert(text, None, None)


def test_limits_that_are_not_named_stay_as_they_are() -> None:
    before = Limits(requests_per_minute=1, concurrent=2)
    given = {"rpm": 9, "rpd": None, "tpm": None, "tpd": None, "concurrent": None}

    assert limits_of(given, before) == Limits(requests_per_minute=9, concurrent=2)
    assert limits_of(given, NO_LIMITS) == Limits(requests_per_minute=9)


def test_there_is_one_budget_for_a_period() -> None:
    one, other = (BudgetTerms(period="day", limit_nano_usd=amount) for amount in (1, 2))

    assert budgets_of((one,)) == (one,)
    with pytest.raises(click.UsageError, match="one for each period"):
        budgets_of((one, other))
