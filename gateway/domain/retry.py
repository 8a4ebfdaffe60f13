"""How often and after what wait a failed call is tried again.

A budget keeps an outage from being multiplied: of the calls of a route, those because of a failure may be a fifth of
its requests, and some more where there is little traffic. Sources: the retry budgets of Finagle and Envoy; full jitter
as AWS recommends it.
"""

from typing import Final

WINDOW_S: Final = 10.0
"""The budget looks at this window and the one before."""
SHARE: Final = 0.2
FLOOR: Final = 30
"""Further calls that a window allows however few the requests."""

FIRST_WAIT_S: Final = 0.1
LONGEST_WAIT_S: Final = 2.0


def is_within_budget(requests: int, further_calls: int) -> bool:
    """Whether one more call because of a failure may be made, after so many for so many requests."""
    return further_calls < FLOOR + SHARE * requests


def wait_s(retry: int, draw: float) -> float:
    """Seconds before the retry of that number, from 1: anything up to a limit that doubles; 0 <= `draw` < 1."""
    return draw * min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(retry - 1, 30))
