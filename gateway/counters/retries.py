"""What each route has spent of its retry budget, in one process."""

from gateway.domain.retry import WINDOW_S, is_within_budget


class MemoryRetryBudgets:
    """`RetryBudgets` of one process. Routes are names out of the configuration, so their number is bounded."""

    def __init__(self) -> None:
        self._routes: dict[str, _Windows] = {}

    def request(self, route: str, now_s: float) -> None:
        windows = self._routes.get(route)
        if windows is None:
            windows = self._routes[route] = _Windows(now_s)
        windows.move_to(now_s)
        windows.requests += 1

    def spend(self, route: str, now_s: float) -> bool:
        windows = self._routes[route]
        windows.move_to(now_s)
        if not is_within_budget(windows.requests + windows.requests_before, windows.calls + windows.calls_before):
            return False
        windows.calls += 1
        return True

    def unspend(self, route: str, now_s: float) -> None:
        windows = self._routes[route]
        windows.move_to(now_s)
        windows.calls = max(0, windows.calls - 1)


class _Windows:
    """Requests and further calls of the window that began at `since_s`, and of the one before."""

    __slots__ = ("calls", "calls_before", "requests", "requests_before", "since_s")

    def __init__(self, since_s: float) -> None:
        self.since_s = since_s
        self.requests = self.calls = self.requests_before = self.calls_before = 0

    def move_to(self, now_s: float) -> None:
        passed_s = now_s - self.since_s
        if passed_s < WINDOW_S:
            return
        is_next = passed_s < 2 * WINDOW_S
        self.requests_before, self.calls_before = (self.requests, self.calls) if is_next else (0, 0)
        self.requests = self.calls = 0
        self.since_s = now_s - passed_s % WINDOW_S
