"""Whom a request is for: its Host, its target, and whether they are names of this gateway."""

import re
from collections.abc import Collection
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final

from gateway.domain.errors import InvalidRequestError

LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]")

_HOST: Final = re.compile(rb"([A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{1,5}))?")
_LONGEST_HOST: Final = 300
"""Longer than any that is one."""
_AUTHORITY_END: Final = re.compile(rb"[/?#]")


class Hosts:
    """The host names a plane answers to: `name`, or `*.name` for all names below it; none at all stands for any."""

    def __init__(self, names: Collection[str] = ()) -> None:
        lower = [name.lower() for name in names]
        self._exact = frozenset(name.encode("latin-1") for name in lower if not name.startswith("*."))
        self._suffixes = tuple(name[1:].encode("latin-1") for name in lower if name.startswith("*."))
        self.are_any = not names

    def fault_of(self, value: bytes) -> InvalidRequestError | None:
        """What is wrong with the value of a Host header."""
        name = _name_of(value[:_LONGEST_HOST])
        if name is None:
            return InvalidRequestError("the Host header is no host")
        if self.are_any or name in self._exact or name.endswith(self._suffixes):
            return None
        return InvalidRequestError(
            f"this gateway is not the host {name.decode('latin-1')!r}: call it by its own name, or add that one to"
            " SIZEWISE_ALLOWED_HOSTS"
        )


def target_fault(target: bytes, host: bytes | None) -> InvalidRequestError | None:
    """What is wrong with a request's target; a URL's must name the same host as the Host header.

    Whoever stands before the gateway may route by the one or the other. Source: RFC 9112, section 3.2.
    """
    if target.startswith(b"/") or target == b"*":
        return InvalidRequestError("the target of the request holds a '#'") if b"#" in target else None
    scheme, mark, rest = target.partition(b"://")
    if not mark or scheme.lower() not in (b"http", b"https"):
        return InvalidRequestError("the target of the request is neither a path nor a URL")
    authority = _AUTHORITY_END.split(rest, maxsplit=1)[0][:_LONGEST_HOST]
    if _name_of(authority) is None or b"#" in rest:
        return InvalidRequestError("the target of the request is a URL that cannot be asked for")
    if host is not None and authority.lower() != host.lower():
        return InvalidRequestError("the target of the request and its Host header name different hosts")
    return None


def is_same_origin(origin: bytes, host: bytes | None) -> bool:
    """Whether a page of that origin was served from the host it now calls."""
    scheme, _, authority = origin.partition(b"://")
    return host is not None and scheme in (b"http", b"https") and authority.lower() == host.lower()


@lru_cache(maxsize=256)
def _name_of(host: bytes) -> bytes | None:
    """The name in lower case without port and last dot, an IPv6 address in its brackets; None where it is no host."""
    found = _HOST.fullmatch(host)
    if found is None or int(found[2] or 0) > 65_535:
        return None
    name = found[1].lower()
    if not name.startswith(b"["):
        return name.removesuffix(b".") or None
    try:
        IPv6Address(name[1:-1].decode("ascii"))
    except ValueError:
        return None
    return name
