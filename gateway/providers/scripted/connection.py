"""One client connection of the scripted upstream: HTTP/1.1 by httptools, answers by scripts, in order."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections import deque
from typing import cast

import httptools

from gateway.providers.scripted.playback import Playback
from gateway.providers.scripted.responder import Responder
from gateway.providers.scripted.script import Ending, Script, error_body, http_reply

HEAD_LIMIT_BYTES = 64 << 10
BODY_LIMIT_BYTES = 64 << 20
PIPELINE_LIMIT = 64

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_LINGER_ZERO = struct.pack("ii", 1, 0)
_CLOSE = {"Connection": "close"}
_BAD_REQUEST = http_reply(error_body("Malformed HTTP request.", "invalid_request_error"), status=400, headers=_CLOSE)
_BODY_TOO_LARGE = http_reply(error_body("Body too large.", "invalid_request_error"), status=413, headers=_CLOSE)
_HEAD_TOO_LARGE = http_reply(error_body("Head too large.", "invalid_request_error"), status=431, headers=_CLOSE)


class Connection(asyncio.Protocol):
    """Keep-alive, pipelining and chunked bodies; one answer at a time.

    The parser gets no `on_header`: a Python call per header would cost more than all the rest. The head is
    cut out of the raw bytes instead. `_raw` is what was read since the last message boundary, and `_position`
    a lower bound of where in it the next head starts.
    """

    __slots__ = (
        "_body",
        "_connections",
        "_head",
        "_is_stale",
        "_loop",
        "_parser",
        "_partial",
        "_paused",
        "_playback",
        "_position",
        "_queue",
        "_raw",
        "_responder",
        "_size",
        "_stopping",
        "_target",
        "_transport",
    )

    def __init__(self, responder: Responder, connections: set[Connection], loop: asyncio.AbstractEventLoop) -> None:
        self._responder = responder
        self._connections = connections
        self._loop = loop
        self._parser = httptools.HttpRequestParser(self)
        self._playback: Playback | None = None
        self._queue: deque[tuple[Script, bytes, bool]] = deque()
        self._paused = False
        self._is_stale = False
        self._stopping = False
        self._raw = b""
        self._partial = b""
        self._position = 0
        self._target = b""
        self._head: bytes | None = None
        self._body: list[bytes] = []
        self._size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its bases
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio's signature)
        self._connections.discard(self)
        self._queue.clear()
        playback, self._playback = self._playback, None
        if playback is not None:
            playback.break_off("cut" if self._stopping else "client_closed")

    def stop(self) -> None:
        """Break off whatever is being played; the ledger has it as cut."""
        self._stopping = True
        self._transport.abort()

    def pause_writing(self) -> None:
        self._paused = True
        if self._playback is not None:
            self._playback.pause()

    def resume_writing(self) -> None:
        self._paused = False
        if self._playback is not None:
            self._playback.resume()
        else:
            self._play_next()

    def data_received(self, data: bytes) -> None:
        if self._is_stale:
            self._reset()
            return
        self._raw = self._partial + data if self._partial else data
        self._position = 0
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError:
            raise  # a bug of ours, not the client's
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse(_BAD_REQUEST)
            return
        self._partial = self._raw[self._position :] if self._head is None else b""
        if len(self._partial) > HEAD_LIMIT_BYTES:
            self._refuse(_HEAD_TOO_LARGE)

    def on_url(self, url: bytes) -> None:
        self._target = self._target + url if self._target else url

    def on_headers_complete(self) -> None:
        request_line = self._parser.get_method() + b" " + self._target
        start = self._raw.find(request_line, self._position)
        end = self._raw.find(b"\r\n\r\n", start) + 2
        self._head = self._raw[start:end]
        self._position = end + 2
        if b"100-continue" in self._head:
            self._transport.write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        self._body.append(body)
        self._position += len(body)
        self._size += len(body)
        if self._size > BODY_LIMIT_BYTES:
            self._body.clear()
            self._refuse(_BODY_TOO_LARGE)

    def on_message_complete(self) -> None:
        head, target = self._head or b"", self._target
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._head, self._target, self._body, self._size = None, b"", [], 0
        if self._transport.is_closing():
            return
        script = self._responder.respond(self._parser.get_method(), target, head, body)
        keep_alive = self._parser.should_keep_alive()
        if self._playback is not None or self._paused or self._queue:
            self._enqueue(script, head, keep_alive)
        elif script.at_once is not None and keep_alive:
            now_s = time.monotonic()
            self._responder.ledger.record(script, head, now_s, script.steps[0].tokens, script.outcome)
            self._transport.write(script.at_once)
        else:
            self._play(script, head, keep_alive)

    def _enqueue(self, script: Script, head: bytes, keep_alive: bool) -> None:
        self._queue.append((script, head, keep_alive))
        if len(self._queue) >= PIPELINE_LIMIT:
            self._transport.pause_reading()

    def _play_next(self) -> None:
        while self._queue and self._playback is None and not self._paused and not self._transport.is_closing():
            self._play(*self._queue.popleft())
            self._transport.resume_reading()

    def _play(self, script: Script, head: bytes, keep_alive: bool) -> None:
        self._playback = Playback(
            script,
            head=head,
            keep_alive=keep_alive,
            ledger=self._responder.ledger,
            transport=self._transport,
            loop=self._loop,
            on_end=self._end,
        )
        self._playback.play()

    def _end(self) -> None:
        """The script was played to its end; a script that hangs stays where it is until the client leaves."""
        playback = self._playback
        if playback is None or playback.script.ending == "hang":
            return
        self._playback = None
        ending: Ending = playback.script.ending
        if ending == "reset":
            self._reset()
        elif ending == "close" or not playback.keep_alive:
            self._transport.close()
        elif ending == "stale":
            self._is_stale = True
        else:
            self._loop.call_soon(self._play_next)

    def _refuse(self, reply: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(reply)
            self._transport.close()

    def _reset(self) -> None:
        """Close with a TCP RST: no lingering, whatever is still unsent is thrown away."""
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        self._transport.abort()
