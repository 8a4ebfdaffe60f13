"""How much the process holds at a time: beyond the limits it says so at once, and what it holds goes on undisturbed."""

from gateway.domain.errors import OverloadedError


class Load:
    """Requests under way, and the bytes of their bodies: what memory depends on."""

    def __init__(self, *, max_requests: int, max_body_bytes: int) -> None:
        self._max_requests = max_requests
        self._max_body_bytes = max_body_bytes
        self.requests = 0
        self.body_bytes = 0

    def enter(self) -> None:
        """One request more. Raises OverloadedError, and then it is not counted."""
        if self.requests >= self._max_requests:
            raise OverloadedError(
                f"the gateway is serving {self._max_requests} requests and can take no more now", retry_after_s=1.0
            )
        self.requests += 1

    def hold(self, body_bytes: int) -> None:
        """So many bytes more. Raises OverloadedError, and then they are not counted."""
        if self.body_bytes + body_bytes > self._max_body_bytes:
            raise OverloadedError(
                "the requests under way are so large that the gateway can take no more now", retry_after_s=1.0
            )
        self.body_bytes += body_bytes

    def leave(self, body_bytes: int) -> None:
        """One request less, and all that was held for it."""
        self.requests -= 1
        self.body_bytes -= body_bytes
