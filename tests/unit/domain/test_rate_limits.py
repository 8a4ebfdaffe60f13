from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.rate_limits import after, duration, interval_s, remaining, wait_s

MINUTE_S = 60.0


@given(
    limit=st.integers(1, 50),
    asks=st.lists(st.tuples(st.floats(0, 30), st.integers(1, 10)), max_size=100),
)
def test_in_any_time_no_more_passes_than_the_limit_and_what_flows_back_in_it(
    limit: int, asks: list[tuple[float, int]]
) -> None:
    whole_in_s = now_s = 0.0
    passed: list[tuple[float, int]] = []
    for waited_s, units in asks:
        now_s += waited_s
        whole_in_s = max(0.0, whole_in_s - waited_s)
        if wait_s(whole_in_s, units, limit, MINUTE_S) == 0.0:
            whole_in_s = after(whole_in_s, units, limit, MINUTE_S)
            passed.append((now_s, units))

    for first, (begin_s, _) in enumerate(passed):
        total = 0
        for end_s, units in passed[first:]:
            total += units
            assert total <= limit * (1 + (end_s - begin_s) / MINUTE_S) + 1e-3


@given(limit=st.integers(1, 1_000), used=st.integers(0, 1_000), units=st.integers(1, 1_000))
def test_after_the_wait_it_passes_and_a_moment_before_it_does_not(limit: int, used: int, units: int) -> None:
    whole_in_s = min(used, limit) * interval_s(limit, MINUTE_S)
    wait = wait_s(whole_in_s, units, limit, MINUTE_S)

    if units > limit:
        assert wait == inf
    else:
        assert wait_s(whole_in_s - wait, units, limit, MINUTE_S) == 0.0
    if 1e-3 < wait < inf:
        assert wait_s(whole_in_s - wait + 1e-3, units, limit, MINUTE_S) > 0.0


@given(limit=st.integers(1, 1_000), used=st.integers(0, 1_000))
def test_what_is_told_to_remain_passes_and_one_more_does_not(limit: int, used: int) -> None:
    whole_in_s = after(0.0, min(used, limit), limit, MINUTE_S)
    left = remaining(whole_in_s, limit, MINUTE_S)

    assert left == limit - min(used, limit)
    assert wait_s(whole_in_s, left, limit, MINUTE_S) == 0.0
    assert wait_s(whole_in_s, left + 1, limit, MINUTE_S) > 0.0


def test_what_is_given_back_can_be_used_again_but_no_more_than_all() -> None:
    used = after(0.0, 10, 10, MINUTE_S)

    assert remaining(after(used, -4, 10, MINUTE_S), 10, MINUTE_S) == 4
    assert after(used, -40, 10, MINUTE_S) == 0.0


def test_a_limit_of_none_lets_none_pass_ever() -> None:
    assert wait_s(0.0, 1, 0, MINUTE_S) == inf
    assert remaining(0.0, 0, MINUTE_S) == 0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0ms"),
        (0.0119, "12ms"),
        (1.0, "1s"),
        (1.5, "1.5s"),
        (12.345, "12.345s"),
        (60.0, "1m0s"),
        (360.0, "6m0s"),
        (86_340.0, "23h59m0s"),
    ],
)
def test_a_duration_reads_as_openai_writes_it(seconds: float, text: str) -> None:
    assert duration(seconds) == text
