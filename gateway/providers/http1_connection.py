"""One HTTP/1.1 connection to an upstream: an asyncio protocol around httptools' parser."""

import asyncio
import select
import socket
import struct
from collections.abc import Callable
from typing import Final, cast

import httptools

from gateway.providers.http_client import HttpError

MAX_HEAD_BYTES: Final = 64 * 1024
HIGH_WATER_BYTES: Final = 64 * 1024
"""Body bytes kept for a reader that does not come; beyond it the upstream has to wait."""

_TCP_INFO_BYTES: Final = 216
_BYTES_ACKED: Final = 120
_BYTES_SENT_AND_SENT_AGAIN: Final = 200
"""Where Linux's `struct tcp_info` has tcpi_bytes_acked, tcpi_bytes_sent and tcpi_bytes_retrans; u64, from 4.19 on."""

_BROKE_OFF: Final = "the answer broke off"
_NO_ANSWER: Final = "the connection broke before an answer came"


class Connection(asyncio.Protocol):
    """Sends one request at a time and keeps its answer until it is read.

    status, headers  of the answer, once `send` has returned
    is_whole         the answer's last byte has come
    is_open          the transport still stands
    is_unread        it ended before any byte of the request had reached the other side, whose end it was
    """

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._poller: select.poll | None = None
        self._request_bytes = 0
        self._head: asyncio.Future[None] | None = None
        self._reader: asyncio.Future[None] | None = None
        self._on_over: Callable[[], None] | None = None
        self._error: HttpError | None = None
        self._pieces: list[bytes] = []
        self._kept_bytes = 0
        self._head_bytes = 0
        self._is_paused = False
        self._has_length = False
        self._keeps_alive = False
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.is_whole = True
        self.is_open = False
        self.is_unread = False
        self.idle_since_s = 0.0

    @property
    def is_reusable(self) -> bool:
        return self.is_open and self.is_whole and self._keeps_alive and self._error is None and not self._pieces

    @property
    def is_stale(self) -> bool:
        """Idle, yet something has come: the other side has closed it, though the event loop may not know yet."""
        return not self.is_open or (self._poller is not None and bool(self._poller.poll(0)))

    @property
    def has_pieces(self) -> bool:
        """Body bytes have come that nobody has taken."""
        return bool(self._pieces)

    async def send(self, request: bytes) -> None:
        """Write a request and wait for the head of its answer. Raises HttpError."""
        if self._transport is None or not self.is_open:
            raise HttpError(_NO_ANSWER, is_connect=False)
        self.headers = []
        self._head_bytes = 0
        self._has_length = self.is_whole = self.is_unread = False
        self._request_bytes = len(request)
        self._head = self._loop.create_future()
        self._transport.write(request)
        await self._head

    async def take(self) -> bytes:
        """The body bytes that have come, waiting for some; empty at the end. Raises HttpError."""
        while not self._pieces and not self.is_whole and self._error is None:  # bytes of a chunk's head are no body yet
            self._reader = self._loop.create_future()
            await self._reader
        if not self._pieces:
            if self._error is not None:
                raise self._error
            return b""
        taken = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces = []
        self._kept_bytes = 0
        if self._is_paused and self._transport is not None:
            self._is_paused = False
            self._transport.resume_reading()
        return taken

    def when_over(self, callback: Callable[[], None]) -> None:
        """Call back once, now or later: the answer is whole, more of its body came, or the connection is lost."""
        self._on_over = callback
        self._tell_if_over()

    def abort(self) -> None:
        """Close at once, whatever is under way; nobody reads what has come.

        It and the parser hold each other, so what it keeps would stay until the collector of garbage came by.
        """
        self._pieces = []
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._poller = _poller_of(self._transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        if self.is_whole:  # nobody asked
            self.abort()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail("the answer is not HTTP")
            return
        if self._head_bytes > MAX_HEAD_BYTES:
            self._fail(f"the head of the answer is larger than {MAX_HEAD_BYTES} bytes")
        elif self._kept_bytes > HIGH_WATER_BYTES and self._transport is not None:
            self._is_paused = True
            self._transport.pause_reading()
        self._wake_reader()

    def eof_received(self) -> None:
        """An end tells what had arrived before it; a reset does not, for it comes without the last acknowledgement."""
        if not self.is_whole and self._transport is not None:
            self.is_unread = _has_acknowledged_nothing(self._transport, self._request_bytes)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        if self.is_whole:
            return
        is_waiting = self._head is not None and not self._head.done()
        if exc is None and not is_waiting and not self._has_length:
            self.is_whole = True  # such a body ends where the connection does
            self._wake_reader()
        else:
            self._fail(_NO_ANSWER if is_waiting else _BROKE_OFF)

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        self._head_bytes += len(name) + len(value)
        self._has_length = self._has_length or name in (b"content-length", b"transfer-encoding")
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        if self.status < 200:
            self.headers = []  # an interim answer; the real one follows
            return
        self._keeps_alive = self._parser.should_keep_alive()
        if self._head is not None and not self._head.done():
            self._head.set_result(None)

    def on_body(self, body: bytes) -> None:
        self._pieces.append(body)
        self._kept_bytes += len(body)

    def on_message_complete(self) -> None:
        self.is_whole = self.status >= 200

    def _fail(self, reason: str) -> None:
        self._error = HttpError(reason, is_connect=False)
        if self._head is not None and not self._head.done():
            self._head.set_exception(self._error)
        self._wake_reader()
        if self._transport is not None:
            self._transport.abort()

    def _wake_reader(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
        self._tell_if_over()

    def _tell_if_over(self) -> None:
        if self._on_over is not None and (self.is_whole or self._pieces or not self.is_open):
            callback, self._on_over = self._on_over, None
            callback()


def _poller_of(transport: asyncio.Transport) -> "select.poll | None":
    """Tells whether the socket can be read from, in a microsecond; None where the platform has no poll."""
    if not hasattr(select, "poll"):
        return None
    poller = select.poll()
    poller.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return poller


def _has_acknowledged_nothing(transport: asyncio.Transport, request_bytes: int) -> bool:
    """Whether TCP knows of no byte of the request, the last thing written, that arrived. False where it cannot tell."""
    try:
        info = transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
        (acked,) = struct.unpack_from("=Q", info, _BYTES_ACKED)
        sent, sent_again = struct.unpack_from("=QQ", info, _BYTES_SENT_AND_SENT_AGAIN)
    except (AttributeError, OSError, struct.error):  # another kernel
        return False
    handshake = 1  # its SYN counts as acknowledged
    return bool(acked - handshake + request_bytes <= sent - sent_again)
