from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.counters.retries import MemoryRetryBudgets
from gateway.domain.retry import FLOOR, SHARE, WINDOW_S


def _spent(budgets: MemoryRetryBudgets, tries: int, now_s: float, route: str = "r") -> int:
    return sum(budgets.spend(route, now_s) for _ in range(tries))


def test_little_traffic_has_the_floor() -> None:
    budgets = MemoryRetryBudgets()
    budgets.request("r", 0.0)

    assert _spent(budgets, 100, 0.0) == FLOOR + 1  # the one below a whole further call of the share


def test_much_traffic_has_a_fifth_of_its_requests_more() -> None:
    budgets = MemoryRetryBudgets()
    for _ in range(1_000):
        budgets.request("r", 0.0)

    assert _spent(budgets, 1_000, 0.0) == FLOOR + 200


def test_a_call_that_was_not_made_can_be_made_yet() -> None:
    budgets = MemoryRetryBudgets()
    budgets.request("r", 0.0)
    _spent(budgets, 100, 0.0)

    budgets.unspend("r", 0.0)

    assert _spent(budgets, 100, 0.0) == 1


def test_no_route_spends_what_another_earned() -> None:
    budgets = MemoryRetryBudgets()
    budgets.request("r", 0.0)
    budgets.request("other", 0.0)
    _spent(budgets, 100, 0.0)

    assert budgets.spend("other", 0.0)


def test_what_was_spent_two_windows_ago_is_forgotten() -> None:
    budgets = MemoryRetryBudgets()
    budgets.request("r", 0.0)
    _spent(budgets, 100, 0.0)

    assert not budgets.spend("r", 1.5 * WINDOW_S)
    assert budgets.spend("r", 2.5 * WINDOW_S)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0.0, 30.0), st.booleans()), max_size=300))
def test_calls_never_exceed_the_requests_by_more_than_the_share_and_a_floor_for_each_window(
    events: list[tuple[float, bool]],
) -> None:
    budgets = MemoryRetryBudgets()
    now_s = 0.0
    requests = further = 0
    for passed_s, is_request in events:
        now_s += passed_s
        if is_request or not requests:
            budgets.request("r", now_s)
            requests += 1
        else:
            further += budgets.spend("r", now_s)

    assert further <= 2 * SHARE * requests + (now_s // WINDOW_S + 1) * (FLOOR + 1)
