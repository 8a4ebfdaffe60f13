import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.retry import FIRST_WAIT_S, FLOOR, LONGEST_WAIT_S, is_within_budget, wait_s


@pytest.mark.parametrize(
    ("requests", "further_calls", "is_within"),
    [(0, 0, True), (0, FLOOR, False), (1, FLOOR, True), (100, FLOOR + 19, True), (100, FLOOR + 20, False)],
)
def test_a_fifth_of_the_requests_and_a_floor_are_within_the_budget(
    requests: int, further_calls: int, is_within: bool
) -> None:
    assert is_within_budget(requests, further_calls) is is_within


def test_the_longest_wait_doubles_up_to_a_limit() -> None:
    longest = [wait_s(retry, 1.0) for retry in range(1, 8)]

    assert longest == [FIRST_WAIT_S * 2**number for number in range(5)] + [LONGEST_WAIT_S] * 2


@given(st.integers(1, 10_000), st.floats(0.0, 1.0, exclude_max=True))
def test_a_wait_is_anything_from_nothing_to_the_longest(retry: int, draw: float) -> None:
    assert 0.0 <= wait_s(retry, draw) <= LONGEST_WAIT_S
