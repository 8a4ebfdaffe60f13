"""What the gateway demands of a request's head beyond the grammar of HTTP, which the parser sees to."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.api.wire_host import Hosts, is_same_origin, target_fault
from gateway.domain.errors import HeadersTooLargeError, InvalidRequestError, RequestError

MAX_HEAD_BYTES: Final = 64 * 1024
MAX_HEADERS: Final = 200

_CREDENTIALS: Final = (b"authorization", b"x-api-key", b"api-key")
_HOP_BY_HOP: Final = (b"upgrade", b"http2-settings")

Pairs = Sequence[tuple[bytes, bytes]]
"""Names in lower case, and values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callers:
    """Who may call a plane, as far as a head tells.

    hosts           by which names
    is_same_origin  no web page but the plane's own: a plane that asks for no key is not to be called by whatever page
                    a browser on the same machine shows
    """

    hosts: Hosts = field(default_factory=Hosts)
    is_same_origin: bool = False


ANYBODY: Final = Callers()


def head_fault(target: bytes, headers: Pairs, version: str, callers: Callers = ANYBODY) -> RequestError | None:
    """What is wrong with a head, None where nothing is. Its length is `is_too_long`'s matter.

    Two readers who take a head differently can be played off against each other: so there is one Host, and one way to
    say that a body comes in chunks. Source: RFC 9112, sections 3.2, 6.1 and 11.2.
    """
    if len(headers) > MAX_HEADERS:
        return HeadersTooLargeError(f"the request has more than {MAX_HEADERS} headers")
    if version not in ("1.1", "1.0"):
        return InvalidRequestError("the request is not HTTP/1.1")
    names = [name for name, _ in headers]
    for name in _CREDENTIALS:
        if names.count(name) > 1:
            return InvalidRequestError(f"the request has more than one {name.decode().title()} header")
    if b"transfer-encoding" in names and (version == "1.0" or not _is_chunked_alone(headers)):
        return InvalidRequestError("the only Transfer-Encoding there is here is HTTP/1.1's 'chunked'")
    hosts = names.count(b"host")
    if hosts > 1 or (hosts == 0 and version == "1.1"):
        return InvalidRequestError(f"the request has {hosts} Host headers; it must have exactly one")
    host = headers[names.index(b"host")][1] if hosts else None
    origins = [value for name, value in headers if name == b"origin"] if callers.is_same_origin else ()
    return _caller_fault(host, origins, callers) or target_fault(target, host)


def _caller_fault(host: bytes | None, origins: Sequence[bytes], callers: Callers) -> RequestError | None:
    if host is None and not callers.hosts.are_any:
        return InvalidRequestError("the request has no Host header, and this gateway answers to some names only")
    if host is not None and (fault := callers.hosts.fault_of(host)) is not None:
        return fault
    if any(not is_same_origin(origin, host) for origin in origins):
        return InvalidRequestError("no web page but this plane's own may call it; set SIZEWISE_ADMIN_KEY to let others")
    return None


def _is_chunked_alone(headers: Pairs) -> bool:
    return [value.lower() for name, value in headers if name == b"transfer-encoding"] == [b"chunked"]


def is_too_long(url: bytes, headers: Pairs) -> bool:
    return len(url) + sum(len(name) + len(value) + 4 for name, value in headers) > MAX_HEAD_BYTES


def without_upgrade(method: bytes, url: bytes, version: str, headers: Pairs) -> bytes:
    """The head written again, less its wish for another protocol.

    The parser takes all that follows such a head for that other protocol, the body included; clients that ask for
    HTTP/2 this way (Java's does by default) send one all the same. A server may ignore the wish: RFC 9110, section 7.8.
    """
    lines = [b"%b %b HTTP/%b" % (method, url, version.encode())]
    for name, value in headers:
        if name == b"connection":
            kept = [token for token in value.split(b",") if token.strip().lower() not in _HOP_BY_HOP]
            lines.append(b"connection: " + b",".join(kept).strip())
        elif name not in _HOP_BY_HOP:
            lines.append(b"%b: %b" % (name, value))
    return b"\r\n".join(lines) + b"\r\n\r\n"
