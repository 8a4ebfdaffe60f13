"""What needs no particular database; the queries themselves: tests/contract/test_ledger.py."""

from datetime import UTC, datetime

import pytest

from gateway.store.engine import open_engine
from gateway.store.reports import NoRecordsError
from gateway.store.usage_reports import SavingsLine, SpendLine, document, savings, total

_SAVINGS = dict.fromkeys((name for name in SavingsLine.__struct_fields__ if name != "name"), 0)
_SPEND = dict.fromkeys((name for name in SpendLine.__struct_fields__ if name != "name"), 0)


def test_dollars_that_are_not_known_are_null_never_zero() -> None:
    line = SavingsLine(name="p", **(_SAVINGS | {"requests": 2, "unpriced": 2}))

    found = document(line)

    unknown = {name for name, value in found.items() if value is None}
    assert unknown == {
        *("cost_nano_usd", "compared_cost_nano_usd", "baseline_cost_nano_usd"),
        *("saving_nano_usd", "saving_low_nano_usd", "saving_high_nano_usd"),
    }
    assert document(SpendLine(name="d", **(_SPEND | {"attempts": 1, "unpriced": 1})))["cost_nano_usd"] is None


def test_a_saving_compares_like_with_like() -> None:
    sums = {"requests": 3, "compared": 2, "compared_cost_nano_usd": 10, "baseline_cost_nano_usd": 40}
    line = SavingsLine(name="p", **(_SAVINGS | sums | {"cost_nano_usd": 99}))

    assert document(line)["saving_nano_usd"] == 30


def test_a_total_is_the_sum_of_its_lines() -> None:
    lines = [SpendLine(name=name, **(_SPEND | {"attempts": 2, "cost_nano_usd": 5})) for name in ("a", "b")]

    assert total(lines) == SpendLine(name="total", **(_SPEND | {"attempts": 4, "cost_nano_usd": 10}))


def test_a_server_that_is_down_is_an_error_of_one_line() -> None:
    with pytest.raises(NoRecordsError) as caught:
        savings(open_engine("postgresql://nobody@127.0.0.1:1/none"), by="team", since=datetime.now(UTC))
    assert len(str(caught.value).splitlines()) == 1
