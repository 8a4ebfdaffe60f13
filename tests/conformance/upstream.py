"""A provider's server on loopback: hears requests, answers what the test tells it to, byte for byte."""

import json
import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Literal

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with no time to linger: closing sends a reset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One request, as it came; header names are in lower case, `path` has the query."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer, sent piece by piece as HTTP chunks.

    ends  whole; cut: the connection closes before the last chunk; reset: it is reset before anything is answered
    """

    pieces: tuple[bytes, ...] = ()
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    ends: Literal["whole", "cut", "reset"] = "whole"


Answers = Callable[[Heard], Reply]


class Upstream:
    """The server. `answers` may be set anew at any time; `heard` holds every request since `listen`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.heard: list[Heard] = []
        self._answers: Answers = _nothing

    def listen(self, answers: Answers) -> None:
        self.heard = []
        self._answers = answers

    def answer(self, heard: Heard) -> Reply:
        self.heard.append(heard)
        return self._answers(heard)


@contextmanager
def running_upstream() -> Iterator[Upstream]:
    """On a free port of loopback, until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    upstream = server.upstream = Upstream(f"http://127.0.0.1:{server.server_port}")  # type: ignore[attr-defined]  # its own
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield upstream
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def json_reply(body: Any, status: int = 200, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(pieces=(json.dumps(body).encode(),), status=status, headers=named)


def sse(*payloads: Any, done: bool = False) -> tuple[bytes, ...]:
    events = tuple(b"data: " + json.dumps(payload).encode() + b"\n\n" for payload in payloads)
    return (*events, b"data: [DONE]\n\n") if done else events


def _nothing(heard: Heard) -> Reply:
    return Reply(status=500, pieces=(f"nothing was expected, yet {heard.path} came".encode(),))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        heard = Heard(method=self.command, path=self.path, headers=headers, body=body)
        upstream: Upstream = self.server.upstream  # type: ignore[attr-defined]  # set by `running_upstream`
        self._send(upstream.answer(heard))

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (its base names it)
        """Nothing: the test says what was heard."""

    def _send(self, reply: Reply) -> None:
        self.close_connection = reply.ends != "whole" or reply.headers.get("Connection") == "close"
        if reply.ends == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.connection.close()
            return
        self.send_response(reply.status)
        for name, value in {"Content-Type": reply.content_type, **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in reply.pieces:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.flush()
        if reply.ends == "whole":
            self.wfile.write(b"0\r\n\r\n")
