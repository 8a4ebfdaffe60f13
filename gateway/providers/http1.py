"""An HTTP/1.1 client for upstream calls: pooled connections, TLS, cancellation that closes the connection at once.

It follows no redirect, reads no proxy settings, keeps no cookies, asks for no compression and adds no header but
`Host` and `Content-Length`.
"""

import asyncio
import errno
import logging
import socket
import ssl
from collections import deque
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from gateway.providers.http1_connection import Connection
from gateway.providers.http_client import BodyTooLongError, HttpError

KEEP_IDLE_S: Final = 30.0
LINGER_S: Final = 1.0
"""How long the end of a body of which all is known may take: most often its last chunk is on its way."""
MOST_IDLE: Final = 256
"""Idle connections kept for each origin."""

_log = logging.getLogger(__name__)


_OURS: Final = {
    errno.EMFILE: "this gateway has no file descriptor left for it",
    errno.ENFILE: "this machine has no file descriptor left for it",
    errno.EADDRNOTAVAIL: "this machine has no local port left for it",
}
"""What keeps us from connecting that is no fault of the upstream."""


class Origin(Struct, frozen=True):
    """Where connections go to."""

    scheme: str
    host: str
    port: int


class Target(Struct, frozen=True):
    """A URL, ready to write: its origin, and the head of a request to it up to the first header."""

    origin: Origin
    head: str


class Http1Response:
    """`HttpResponse` on a connection of the pool."""

    __slots__ = ("_client", "_connection", "_is_closed", "_origin", "status")

    def __init__(self, client: "Http1Client", origin: Origin, connection: Connection) -> None:
        self._client = client
        self._origin = origin
        self._connection = connection
        self._is_closed = False
        self.status = connection.status

    @property
    def headers(self) -> Mapping[str, str]:
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self._connection.headers}

    async def read(self, limit_bytes: int) -> bytes:
        piece = body = await self._connection.take()
        if self._connection.is_whole and not self._connection.has_pieces and len(body) <= limit_bytes:
            return body
        parts, size = [body], len(body)
        while piece and size <= limit_bytes:
            piece = await self._connection.take()
            parts.append(piece)
            size += len(piece)
        if size > limit_bytes:
            raise BodyTooLongError
        return b"".join(parts)

    async def read_some(self) -> bytes:
        return await self._connection.take()

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._client.give_back(self._origin, self._connection)

    def finish(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._client.give_back_once_over(self._origin, self._connection)


class Http1Client:
    """`HttpClient` over HTTP/1.1."""

    def __init__(self, *, keep_idle_s: float = KEEP_IDLE_S, linger_s: float = LINGER_S) -> None:
        self._keep_idle_s = keep_idle_s
        self._linger_s = linger_s
        self._idle: dict[Origin, deque[Connection]] = {}
        self._targets: dict[str, Target] = {}
        self._tls: ssl.SSLContext | None = None
        self._reaper: asyncio.TimerHandle | None = None

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, *, connect_s: float) -> Http1Response:
        target = self._targets.get(url) or self._parse(url)
        request = _request(target, headers, body)
        connection = self._take_idle(target.origin)
        if connection is not None:
            try:
                return await self._exchange(target.origin, connection, request)
            except HttpError:
                if not connection.is_unread:
                    raise
                _log.info("an idle upstream connection closed as a request went out; sent on a new one, unread")
        # None was idle; or the other side closed it, as it may at any time, and has provably seen nothing: a new one.
        connection = await self._connect(target.origin, connect_s)
        return await self._exchange(target.origin, connection, request)

    async def aclose(self) -> None:
        for idle in self._idle.values():
            for connection in idle:
                connection.abort()
        self._idle.clear()
        if self._reaper is not None:
            self._reaper.cancel()
            self._reaper = None

    def give_back(self, origin: Origin, connection: Connection) -> None:
        """Keep a connection whose answer is read; close any other."""
        idle = self._idle.get(origin)
        if idle is None:
            idle = self._idle[origin] = deque()
        if not connection.is_reusable or len(idle) >= MOST_IDLE:
            connection.abort()
            return
        loop = asyncio.get_running_loop()
        connection.idle_since_s = loop.time()
        idle.append(connection)
        if self._reaper is None:
            self._reaper = loop.call_later(self._keep_idle_s, self._reap)

    def give_back_once_over(self, origin: Origin, connection: Connection) -> None:
        """Keep a connection when its answer ends, soon; close it where more comes instead, or nothing."""
        patience = asyncio.get_running_loop().call_later(self._linger_s, connection.abort)

        def over() -> None:
            patience.cancel()
            if connection.has_pieces:
                _log.warning("an upstream kept sending after the end of its answer; its connection is closed")
            self.give_back(origin, connection)

        connection.when_over(over)

    def _reap(self) -> None:
        """Close what has been idle for too long; come back while anything is idle."""
        loop = asyncio.get_running_loop()
        for idle in self._idle.values():
            while idle and (not idle[0].is_open or loop.time() - idle[0].idle_since_s >= self._keep_idle_s):
                idle.popleft().abort()
        oldest_s = min((idle[0].idle_since_s for idle in self._idle.values() if idle), default=None)
        self._reaper = None if oldest_s is None else loop.call_at(oldest_s + self._keep_idle_s, self._reap)

    async def _exchange(self, origin: Origin, connection: Connection, request: bytes) -> Http1Response:
        try:
            await connection.send(request)
        except BaseException:
            connection.abort()
            raise
        return Http1Response(self, origin, connection)

    def _take_idle(self, origin: Origin) -> Connection | None:
        """The connection used last, of those that still stand."""
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            if not connection.is_stale:
                return connection
            connection.abort()
        return None

    async def _connect(self, origin: Origin, connect_s: float) -> Connection:
        tls = self._tls_context() if origin.scheme == "https" else None
        try:
            async with asyncio.timeout(connect_s):
                _, connection = await asyncio.get_running_loop().create_connection(
                    Connection, origin.host, origin.port, ssl=tls
                )
        except (OSError, TimeoutError, UnicodeError) as exc:  # the last: a host name that cannot be one
            raise HttpError(_connect_failure(exc), is_connect=True, is_tls=isinstance(exc, ssl.SSLError)) from exc
        return connection

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls

    def _parse(self, url: str) -> Target:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise HttpError(f"{parts.scheme or 'its'!r} URL cannot be called", is_connect=True)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        host = parts.netloc.rpartition("@")[2]
        path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        target = Target(Origin(parts.scheme, parts.hostname, port), f"POST {path} HTTP/1.1\r\nHost: {host}\r\n")
        self._targets[url] = target
        return target


def _request(target: Target, headers: Mapping[str, str], body: bytes) -> bytes:
    fields = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if fields.count("\n") != len(headers):
        raise HttpError("a header for it holds a line break; look at its key", is_connect=True)
    return f"{target.head}{fields}Content-Length: {len(body)}\r\n\r\n".encode("latin-1", "replace") + body


def _connect_failure(exc: OSError | UnicodeError) -> str:
    """Why there is no connection, in words that name no address."""
    if isinstance(exc, OSError) and exc.errno in _OURS:
        return _OURS[exc.errno]
    reasons: tuple[tuple[type[Exception], str], ...] = (
        (socket.gaierror, "its host name does not resolve"),
        (UnicodeError, "its host name does not resolve"),
        (ssl.SSLError, "its TLS certificate or handshake was refused"),
        (ConnectionRefusedError, "it refused the connection"),
        (TimeoutError, "it took no connection in time"),
    )
    return next((reason for kind, reason in reasons if isinstance(exc, kind)), "it cannot be reached")
