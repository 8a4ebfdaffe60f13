"""Unknown keys by where they came from, in the memory of this process."""

from collections import OrderedDict
from typing import Final

from gateway.domain.guesses import Window, after_one_more, wait_s

PER_NETWORK: Final = 60
IN_ALL: Final = 1_000
MOST_NETWORKS: Final = 10_000


class MemoryGuesses:
    """`Guesses` that forgets the network that has failed longest ago where there are too many.

    per_network, in_all  unknown keys in a minute that are refused as such
    """

    def __init__(
        self, *, per_network: int = PER_NETWORK, in_all: int = IN_ALL, most_networks: int = MOST_NETWORKS
    ) -> None:
        self._per_network = per_network
        self._in_all = in_all
        self._most_networks = most_networks
        self._windows: OrderedDict[str, Window] = OrderedDict()
        self._all: Window | None = None

    def __len__(self) -> int:
        return len(self._windows)

    def failed(self, network: str, now_s: float) -> float | None:
        window = self._windows[network] = after_one_more(self._windows.get(network), now_s)
        self._windows.move_to_end(network)
        if len(self._windows) > self._most_networks:
            self._windows.popitem(last=False)
        self._all = after_one_more(self._all, now_s)
        waits = (wait_s(window, self._per_network, now_s), wait_s(self._all, self._in_all, now_s))
        return max((wait for wait in waits if wait is not None), default=None)
