"""HTTP/1.1 over one socket, as plain as can be: sees each answer byte for byte, and when its body began."""

import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

TIMEOUT_S = 30.0
_READ_BYTES = 1 << 16


class WireError(Exception):
    """The answer broke off or is no HTTP."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """size_bytes: of the whole answer on the wire; first_byte_s: from the sending to the first byte of the body."""

    status: int
    body: bytes
    size_bytes: int
    first_byte_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A POST to one path of a server on loopback."""

    port: int
    path: str
    headers: Mapping[str, str]
    body: bytes

    def encoded(self) -> bytes:
        fields = {"Host": f"127.0.0.1:{self.port}", "Content-Length": str(len(self.body)), **self.headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"POST {self.path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + self.body


class Wire:
    """One connection, kept open from request to request."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._socket.close()

    def ask(self, encoded: bytes) -> Answer:
        """Send a request, read the whole answer. Raises WireError, OSError."""
        self._buffer = b""
        sent_s = time.perf_counter()
        self._socket.sendall(encoded)
        while b"\r\n\r\n" not in self._buffer:
            self._read()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        status, fields = parse_head(head)
        if not self._buffer and fields.get("content-length") != "0":
            self._read()
        first_byte_s = time.perf_counter() - sent_s
        if fields.get("transfer-encoding", "").lower() == "chunked":
            body, length = self._chunked()
        elif "content-length" in fields:
            length = int(fields["content-length"])
            body = self._exactly(length)
        else:
            raise WireError("the answer has neither a Content-Length nor chunks")
        return Answer(status=status, body=body, size_bytes=len(head) + 4 + length, first_byte_s=first_byte_s)

    def _chunked(self) -> tuple[bytes, int]:
        """The body, and how many bytes it took on the wire."""
        parts, length = [], 0
        while True:
            line = self._line()
            size = int(line.partition(b";")[0], 16)
            length += len(line) + 2 + size + 2
            parts.append(self._exactly(size))
            if self._exactly(2) != b"\r\n":
                raise WireError("a chunk is longer than it says")
            if not size:
                return b"".join(parts), length

    def _line(self) -> bytes:
        while b"\r\n" not in self._buffer:
            self._read()
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    def _exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._read()
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data

    def _read(self) -> None:
        data = self._socket.recv(_READ_BYTES)
        if not data:
            raise WireError("the connection was closed before the answer was whole")
        self._buffer += data


def parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    """The status, and the headers by lower-case name. Raises WireError."""
    status_line, *lines = head.decode("latin-1").split("\r\n")
    words = status_line.split(" ")
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
        raise WireError(f"no HTTP/1 answer: {status_line[:80]!r}")
    pairs = (line.partition(":") for line in lines)
    return int(words[1]), {name.strip().lower(): value.strip() for name, _, value in pairs}


def ask_once(request: Request) -> Answer:
    """One request over a connection of its own. Raises WireError, OSError."""
    with Wire(request.port) as wire:
        return wire.ask(request.encoded())
