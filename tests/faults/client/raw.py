"""Requests as bytes on a socket, and what comes back."""

import contextlib
import json
import re
import socket
import time
from collections.abc import Mapping
from typing import Any

from tests.gateway_process import KEY

CHAT = "/v1/chat/completions"
HI = b'{"model": "small", "messages": [{"role": "user", "content": "hi"}]}'
LONGEST_S = 8.0
"""Nothing here may stay open longer than this without an answer."""

_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")


def head(*lines: str, target: str = CHAT, host: str = "Host: localhost") -> bytes:
    """A POST's head up to its last header; the blank line is the caller's."""
    shown = [f"POST {target} HTTP/1.1", host, f"Authorization: Bearer {KEY}", *lines]
    return "".join(f"{line}\r\n" for line in shown if line).encode("latin-1")


def request(body: bytes = HI, *lines: str, **more: str) -> bytes:
    return head(f"Content-Length: {len(body)}", *lines, **more) + b"\r\n" + body


def chat(model: str, **fields: Any) -> bytes:
    payload: Mapping[str, Any] = {"model": model, "messages": [{"role": "user", "content": "hi"}], **fields}
    return request(json.dumps(payload).encode())


def connect(url: str, *, receive_bytes: int | None = None) -> socket.socket:
    """`receive_bytes`: how much the system takes in for a client that does not read."""
    host, port = url.removeprefix("http://").split(":")
    wire = socket.socket()
    if receive_bytes is not None:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    wire.settimeout(LONGEST_S)
    wire.connect((host, int(port)))
    return wire


def until_closed(wire: socket.socket) -> bytes:
    """All that comes until the other side closes. Raises TimeoutError where it does not."""
    got = b""
    until_s = time.monotonic() + LONGEST_S
    with contextlib.suppress(ConnectionResetError):
        while part := wire.recv(1 << 16):
            got += part
            if time.monotonic() > until_s:
                raise TimeoutError(got)
    return got


def exchange(url: str, sent: bytes) -> bytes:
    """What a server that closes the connection has to say to that."""
    with connect(url) as wire:
        wire.sendall(sent)
        return until_closed(wire)


def statuses(answers: bytes) -> list[int]:
    return [int(status) for status in _STATUS.findall(answers)]


def error_of(answer: bytes) -> dict[str, Any]:
    error: dict[str, Any] = json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
    return error
