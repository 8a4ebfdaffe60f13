"""A client's leaving, as the server that holds its connection tells the endpoint that works for it."""

from collections.abc import Callable
from typing import Final

from gateway.api.asgi import Scope

STATE: Final = "sizewise.departure"
"""Where it stands in the scope's `state`."""


class Departure:
    """Tells once, at once, on the event loop's thread.

    was_refused  the server has already told the client, and counted, why its request ended
    """

    __slots__ = ("_told", "has_happened", "was_refused")

    def __init__(self) -> None:
        self.has_happened = False
        self.was_refused = False
        self._told: Callable[[], None] | None = None

    def tell(self, told: Callable[[], None] | None) -> None:
        """Whom to tell; None: nobody any more."""
        self._told = told

    def happen(self, *, was_refused: bool = False) -> None:
        if self.has_happened:
            return
        self.has_happened = True
        self.was_refused = was_refused
        if self._told is not None:
            self._told()


def departure_of(scope: Scope) -> Departure:
    """The departure of the request's client; one that never happens where the server tells of none."""
    departure: Departure | None = (scope.get("state") or {}).get(STATE)
    return departure or Departure()
