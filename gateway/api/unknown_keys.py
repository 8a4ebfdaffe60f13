"""What a client is told whose key nobody has: that, or after too many of them to wait. Good keys never come here."""

from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from gateway.api.asgi import Scope
from gateway.domain.errors import GatewayError, TooManyGuessesError, UnknownKeyError
from gateway.ports import Guesses

_PREFIX_V6: Final = 64
"""What one client of IPv6 has at the least: 2^64 addresses."""


class UnknownKeys:
    """`monotonic`: seconds."""

    def __init__(self, guesses: Guesses, monotonic: Callable[[], float]) -> None:
        self._guesses = guesses
        self._monotonic = monotonic

    def judged(self, error: GatewayError, scope: Scope) -> GatewayError:
        """The error to answer with: the same, but for one unknown key too many."""
        if not isinstance(error, UnknownKeyError):
            return error
        retry_after_s = self._guesses.failed(network_of(scope), self._monotonic())
        if retry_after_s is None:
            return error
        return TooManyGuessesError(
            "too many unknown API keys came from your network, this one among them; try again later, with a good one",
            retry_after_s=retry_after_s,
        )


def network_of(scope: Scope) -> str:
    """Where the connection comes from: an IPv4 address, or 64 bits of an IPv6 one; "" where that is not known."""
    client = scope.get("client")
    if client is None:
        return ""
    try:
        address = ip_address(client[0])
    except ValueError:
        return ""
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ip_network((int(address), _PREFIX_V6), strict=False))
