from hypothesis import given
from hypothesis import strategies as st

from gateway.counters.slices import BUSY_S, IDLE_S, LARGEST, Appetite, Slices
from gateway.domain.allowances import Allowance, BudgetTerms, Limits
from gateway.domain.meters import meters_of

RATE, MONEY = meters_of(
    (
        Allowance(
            owner="key:k",
            limits=Limits(requests_per_minute=1_000),
            budgets=(BudgetTerms(period="day", limit_nano_usd=100_000),),
        ),
    )
)


def test_a_request_that_comes_alone_borrows_nothing_and_many_in_a_row_ever_more() -> None:
    appetite = Appetite()

    assert [appetite.next(at_s) for at_s in (0.0, 1.0, 2.0)] == [0, 0, 0]
    assert [appetite.next(2.0 + BUSY_S / 2 * turn) for turn in range(1, 9)] == [1, 3, 7, 15, 31, 63, 63, 63]
    assert [appetite.next(at_s) for at_s in (10.0, 20.0)] == [31, 15]


def test_what_was_borrowed_is_granted_until_it_is_used_up() -> None:
    slices = Slices()
    slices.fill("t", "rate", RATE, 2, window=0, now_s=0.0)

    assert [slices.take(["rate"], [1], 0.1) for _ in range(3)] == [[0], [0], None]


def test_a_request_takes_of_all_its_slices_or_of_none() -> None:
    slices = Slices()
    slices.fill("t", "rate", RATE, 5, window=0, now_s=0.0)
    slices.fill("t", "money", MONEY, 100, window=7, now_s=0.0)

    assert slices.take(["rate", "money"], [1, 101], 0.1) is None
    assert slices.take(["rate", "other"], [1, 1], 0.1) is None
    assert slices.take(["rate", "money"], [1, 100], 0.1) == [0, 7]
    assert slices.take(["rate"], [4], 0.1) == [0]


def test_what_nobody_used_for_a_while_is_given_back_and_granted_no_more() -> None:
    slices = Slices()
    slices.fill("t", "rate", RATE, 5, window=0, now_s=0.0)
    late_s = IDLE_S + 0.1

    assert slices.take(["rate"], [1], late_s) is None
    assert [*slices.idle(0.5)] == []
    assert [*slices.idle(late_s)] == [("t", "rate", RATE, 5, 0)]
    assert [*slices.idle(late_s)] == []


def test_of_a_window_that_is_over_nothing_is_left() -> None:
    slices = Slices()
    slices.fill("t", "money", MONEY, 100, window=7, now_s=0.0)
    slices.fill("t", "money", MONEY, 10, window=8, now_s=0.0)

    assert slices.take(["money"], [11], 0.1) is None
    assert slices.take(["money"], [10], 0.1) == [8]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 100)), max_size=30))
def test_a_gateway_never_has_more_borrowed_than_its_part_of_the_limit(asks: list[tuple[int, int]]) -> None:
    slices, held = Slices(), 0
    for units, requests in asks:
        room = slices.room("rate", RATE, units, requests)
        slices.fill("t", "rate", RATE, room, window=0, now_s=0.0)
        held += room
        assert held <= RATE.limit // LARGEST
        if slices.take(["rate"], [units], 0.0) is not None:
            held -= units
