"""uvicorn's HTTP/1.1 protocol, guarded: what clients may send, how long they may take, how an error reaches them.

The parser refuses what is no HTTP; this refuses what is doubtful HTTP, and whatever does not come, or is not taken, in
time. Requests that came whole before a faulty one are answered first, in order; nothing after it is.
"""

from asyncio import AbstractEventLoop, BaseTransport, Transport
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from math import inf
from ssl import SSLContext
from typing import Any, Final, cast

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from gateway.api.departure import STATE, Departure
from gateway.api.errors import envelope, error_body
from gateway.api.headers import new_request_id
from gateway.api.wire_head import ANYBODY, MAX_HEAD_BYTES, Callers, head_fault, is_too_long, without_upgrade
from gateway.domain.errors import (
    GatewayError,
    HeadersTooLargeError,
    InvalidRequestError,
    MethodNotAllowedError,
    RequestTimeoutError,
)

MAX_PIPELINED: Final = 16
LINGER_S: Final = 1.0
"""How long a refused client may go on sending: closing on one that still writes would cost it our answer."""
SLOWEST_BODY_BYTES_PER_S: Final = 16 * 1024
_FRAMING_BYTES: Final = 128 * 1024
_FRAMING_PER_BYTE: Final = 8
"""A chunk of one byte takes five more; so many more than that are no framing but a flood."""

_BETWEEN, _HEAD, _BODY = range(3)


@dataclass(frozen=True, slots=True, kw_only=True)
class WireLimits:
    """Seconds a client may take.

    head_s        from the first byte of a head to its last
    body_s        over a body; one that keeps coming at SLOWEST_BODY_BYTES_PER_S or faster may take longer
    stall_s       without taking a byte of what it is being sent
    keep_alive_s  without asking for anything
    """

    head_s: float = 10.0
    body_s: float = 30.0
    stall_s: float = 60.0
    keep_alive_s: float = 75.0


SECURITY_HEADERS: Final = [("x-content-type-options", "nosniff"), ("cache-control", "no-store")]
"""Of every answer."""
HSTS: Final = ("strict-transport-security", "max-age=31536000")
"""Of every answer over TLS."""


class WireConfig(uvicorn.Config):
    """A server's configuration, with what GuardedProtocol needs.

    rejected  is told the code of each refusal
    tls       None: plain HTTP
    """

    def __init__(
        self,
        app: Any,
        *,
        limits: WireLimits,
        rejected: Callable[[str], None],
        callers: Callers = ANYBODY,
        tls: SSLContext | None = None,
        **uvicorns: Any,
    ) -> None:
        headers = [*SECURITY_HEADERS, HSTS] if tls is not None else SECURITY_HEADERS
        super().__init__(app, http=GuardedProtocol, headers=headers, **uvicorns)
        self.limits = limits
        self.rejected = rejected
        self.callers = callers
        self._tls = tls

    def load(self) -> None:
        super().load()
        self.ssl = self._tls


class GuardedProtocol(HttpToolsProtocol):
    """One connection. `check`, called now and then, keeps all the deadlines: no request sets a timer."""

    __slots__ = (  # uvicorn's own attributes are as many as an object has fast
        "_active",
        "_body_bytes",
        "_callers",
        "_chunk_bytes",
        "_deadline_s",
        "_fault",
        "_head_chunk_bytes",
        "_head_from",
        "_is_upgrade",
        "_limits",
        "_read_bytes",
        "_refusal",
        "_rejected",
        "_since_s",
        "_stage",
        "_unsent_bytes",
        "_unsent_since_s",
    )

    def __init__(
        self,
        config: WireConfig,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits = config.limits
        self._callers = config.callers
        self._rejected = config.rejected
        self._stage = _BETWEEN
        self._deadline_s = inf
        self._since_s: float | None = None
        self._read_bytes = self._chunk_bytes = self._body_bytes = 0
        self._head_from = self._head_chunk_bytes = 0
        self._unsent_bytes = 0
        self._unsent_since_s = 0.0
        self._active: RequestResponseCycle | None = None
        self._is_upgrade = False
        self._fault: GatewayError | None = None
        self._refusal: GatewayError | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(cast("Transport", transport))
        self._unsent_since_s = self.loop.time()
        self._deadline_s = self._unsent_since_s + self._limits.keep_alive_s

    def connection_lost(self, exc: Exception | None) -> None:
        active, self._active = self._active, None
        self.pipeline.clear()
        super().connection_lost(exc)
        if active is not None:
            _leave(active)

    def data_received(self, data: bytes) -> None:
        if self._refusal is not None:
            return
        self._chunk_bytes = len(data)
        self._read_bytes += self._chunk_bytes
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self._refuse(self._fault or InvalidRequestError("the request is not valid HTTP/1.1"))
        else:
            if self._stage != _BETWEEN:
                self._await_rest()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"][STATE] = Departure()
        self._stage = _HEAD
        self._since_s = None
        self._head_from = self._read_bytes
        self._head_chunk_bytes = self._chunk_bytes
        self._body_bytes = 0

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            self._is_upgrade = True
            return
        self._fault = self._fault_of_head()
        if self._fault is not None:
            raise self._fault  # the parser stops and raises an error of its own, which ends up in `data_received`
        super().on_headers_complete()
        self.headers = []  # trailers are none of the scope's headers
        self._stage = _BODY
        self._since_s = None
        if self._active is None:
            self._active = self.cycle
        else:
            self.flow.resume_reading()  # who does not read does not see the client leave

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._is_upgrade:
            return
        super().on_message_complete()
        self._stage = _BETWEEN
        self._deadline_s = self._idle_until() if self._active is None else inf
        self.flow.resume_reading()

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        self._active = None
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._active, app = self.pipeline.pop()
            self._start_asgi_task(self._active, app)
        elif self._refusal is not None:
            self._turn_away(self._refusal)
        elif self._stage == _BETWEEN:
            self._deadline_s = self._idle_until()

    def check(self, now_s: float) -> None:
        """End what has taken too long. `now_s`: the event loop's time."""
        unsent = self.transport.get_write_buffer_size()
        if unsent == 0 or unsent < self._unsent_bytes:
            self._unsent_since_s = now_s
        elif now_s - self._unsent_since_s > self._limits.stall_s:
            self.transport.abort()
        self._unsent_bytes = unsent
        if now_s <= self._deadline_s:
            return
        if self._stage == _BETWEEN or self._refusal is not None:
            self.transport.close()
        elif self.flow.read_paused:
            self._deadline_s = now_s + self._limits.body_s  # it is not the client that keeps us waiting
        else:
            part = "head" if self._stage == _HEAD else "body"
            self._refuse(RequestTimeoutError(f"the {part} of the request did not come whole in time"))

    def _feed(self, data: bytes) -> None:
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                method, version = self.parser.get_method(), self.parser.get_http_version()
                data = without_upgrade(method, self.url, version, self.headers) + data[upgrade.args[0] :]
                self.parser = httptools.HttpRequestParser(self)
                self._is_upgrade = False
            else:
                return

    def _fault_of_head(self) -> GatewayError | None:
        if self.parser.should_upgrade():  # a wish for another protocol was taken out before: this is CONNECT
            return MethodNotAllowedError("CONNECT is not allowed: this is no proxy")
        if len(self.pipeline) >= MAX_PIPELINED:
            return InvalidRequestError(f"more than {MAX_PIPELINED} requests were sent before the first was answered")
        may_be_long = self._read_bytes - self._head_from + self._head_chunk_bytes > MAX_HEAD_BYTES
        if may_be_long and is_too_long(self.url, self.headers):
            return HeadersTooLargeError(f"the head of the request is larger than {MAX_HEAD_BYTES} bytes")
        return head_fault(self.url, self.headers, self.parser.get_http_version(), self._callers)

    def _await_rest(self) -> None:
        """A head or a body came in part: see to it that the rest comes in time, and does not grow for ever."""
        if self._since_s is None:
            self._since_s = self.loop.time()
        later_bytes = self._read_bytes - self._head_from
        if self._stage == _HEAD:
            self._deadline_s = self._since_s + self._limits.head_s
            if later_bytes > MAX_HEAD_BYTES:
                self._refuse(HeadersTooLargeError(f"the head of the request is larger than {MAX_HEAD_BYTES} bytes"))
        else:
            is_wanted = not self.cycle.response_started
            allowance_s = self._body_bytes / SLOWEST_BODY_BYTES_PER_S if is_wanted else 0.0
            self._deadline_s = self._since_s + self._limits.body_s + allowance_s
            if later_bytes > _FRAMING_BYTES + (1 + _FRAMING_PER_BYTE) * self._body_bytes:
                self._refuse(InvalidRequestError("the request's body is nearly all framing"))

    def _refuse(self, error: GatewayError) -> None:
        """Read no further. The error is the answer to the request it was found in, once those before have theirs."""
        self._rejected(error.code)
        self._refusal = error
        self._deadline_s = inf
        if self._stage == _BODY:
            if self.pipeline and self.pipeline[0][0] is self.cycle:
                self.pipeline.popleft()
            elif self.cycle.response_started:
                self.transport.close()
            else:
                self._active = None
                self.cycle.disconnected = True
                self.cycle.message_event.set()
                _leave(self.cycle, was_refused=True)
        if self._active is None and not self.transport.is_closing():
            self._turn_away(error)

    def _turn_away(self, error: GatewayError) -> None:
        status, body = HTTPStatus(envelope(error).status), error_body(error)
        lines = [f"HTTP/1.1 {status.value} {status.phrase}".encode()]
        lines += [name + b": " + value for name, value in self.server_state.default_headers]
        lines += [
            b"content-type: application/json",
            b"content-length: %d" % len(body),
            b"x-request-id: " + new_request_id().encode(),
            b"connection: close",
        ]
        self.transport.write(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        if self.transport.can_write_eof():  # TLS has no half-closed connections
            self.transport.write_eof()
        self.flow.resume_reading()
        self._deadline_s = self.loop.time() + LINGER_S

    def _idle_until(self) -> float:
        return self.loop.time() + self._limits.keep_alive_s


def _leave(cycle: RequestResponseCycle, *, was_refused: bool = False) -> None:
    """The client of this request is gone, or as good as gone."""
    cycle.disconnected = True
    cycle.message_event.set()
    departure: Departure = cycle.scope["state"][STATE]
    departure.happen(was_refused=was_refused)
