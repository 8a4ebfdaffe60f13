import asyncio
import logging
import threading
from collections.abc import Iterable, Sequence

import pytest

from gateway.counters.budget_floors import AGAIN_S, FIRST_S, BudgetFloors
from gateway.domain.allowances import Allowance, BudgetTerms
from gateway.domain.budgets import window_began
from gateway.domain.errors import DatabaseUnavailableError
from gateway.domain.floors import Floor, Spent
from gateway.domain.request import NOBODY, Caller

NOW_S = 1_790_000_000.0
OWNER = Caller(
    key_id="k",
    allowances=(Allowance(owner="key:k", budgets=(BudgetTerms(period="month", limit_nano_usd=100),)),),
)


class _Records:
    """Where 7 nano-USD were spent; while `error` is there nobody can ask."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.asked_s: list[float] = []
        self.threads: set[threading.Thread] = set()

    def spent(self, since_s: float) -> Sequence[Spent]:
        self.asked_s.append(since_s)
        self.threads.add(threading.current_thread())
        if self.error is not None:
            raise self.error
        return [Spent(team="", app="", key_id="k", nano_usd=7)]


class _Counters:
    """`takes_it`: whether it is a time to raise them."""

    def __init__(self, *, takes_it: bool = True) -> None:
        self.takes_it = takes_it
        self.told: list[tuple[str, int]] = []

    async def raise_to(self, floors: Iterable[Floor]) -> bool:
        self.told += [(each.meter.key, each.nano_usd) for each in floors]
        return self.takes_it


def _floors(records: _Records, counters: _Counters, caller: Caller = OWNER, **options: float) -> BudgetFloors:
    return BudgetFloors(lambda: [caller], records.spent, counters.raise_to, now=lambda: NOW_S, **options)


def test_the_counters_are_raised_to_what_was_spent_since_the_period_began() -> None:
    records, counters = _Records(), _Counters()
    floors = _floors(records, counters)

    assert asyncio.run(floors.look()) == "ok"

    assert records.asked_s == [window_began("month", NOW_S)]
    assert counters.told == [("key:k:budget_month", 7)]
    assert floors.looks == {"ok": 1}


def test_the_event_loop_does_not_wait_for_the_database() -> None:
    records = _Records()

    asyncio.run(_floors(records, _Counters()).look())

    assert threading.current_thread() not in records.threads


def test_where_nobody_has_a_budget_nobody_is_asked() -> None:
    records = _Records()
    floors = _floors(records, _Counters(), NOBODY)

    assert asyncio.run(floors.look()) is None

    assert (records.asked_s, floors.looks) == ([], {})


@pytest.mark.parametrize("error", [DatabaseUnavailableError("it is down"), ZeroDivisionError("a bug")])
def test_a_database_that_is_away_is_told_once_and_all_goes_on(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    records, counters = _Records(error), _Counters()
    floors = _floors(records, counters)

    async def main() -> None:
        assert await floors.look() == "failed"
        records.error = DatabaseUnavailableError("it is down")
        assert await floors.look() == "failed"
        records.error = None
        assert await floors.look() == "ok"

    with caplog.at_level(logging.INFO):
        asyncio.run(main())

    assert [record.message.partition(",")[0] for record in caplog.records] in (
        ["what was spent cannot be read", "what was spent can be read again"],
        ["unexpected failure while reading what was spent", "what was spent can be read again"],
    )
    assert floors.looks == {"failed": 2, "ok": 1}
    assert counters.told == [("key:k:budget_month", 7)]


def test_counters_that_cannot_be_raised_now_are_put_off() -> None:
    floors = _floors(_Records(), _Counters(takes_it=False))

    assert asyncio.run(floors.look()) == "put off"


def test_the_start_has_looked_and_the_next_look_is_near() -> None:
    counters = _Counters()

    async def main() -> None:
        async with _floors(_Records(), counters).running():
            assert len(counters.told) == 1

    asyncio.run(main())

    assert FIRST_S[0] <= 5.0
    assert AGAIN_S <= 10.0


def test_the_start_does_not_wait_for_a_database_that_does_not_answer() -> None:
    answer, counters = threading.Event(), _Counters()

    class Silent(_Records):
        def spent(self, since_s: float) -> Sequence[Spent]:
            answer.wait(20.0)
            return super().spent(since_s)

    async def main() -> None:
        async with _floors(Silent(), counters, start_s=0.01).running():
            assert counters.told == []
            answer.set()

    asyncio.run(main())
