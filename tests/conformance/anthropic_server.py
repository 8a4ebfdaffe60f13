"""A strict server that speaks Anthropic's Messages API on loopback, and keeps what it was sent.

It answers 400 to whatever the API would not take, and by the model asked for: `text`, `tools`, `thinking`, `length`,
`refusal` answer; `error-TYPE`, `spend-limit`, `rate-limit:SECONDS`, `html`, `empty` do not. A stream breaks by `cut:N`,
`reset:N`, `eof:N` or `overloaded:N` after N events; `twice` begins two messages, `unstopped` leaves the last event out,
`lingers` stays open behind it, `late-end` for a moment.
"""

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.conformance.anthropic_answers import STATUSES, as_json, error, event, events, message
from tests.conformance.anthropic_rules import fault_in

KEY = "key-of-the-upstream"
CANARY = "canary-of-the-upstream"
"""Stands in every error's message; clients must not see it but where it is about their request."""

COUNTS = {"input_tokens": 7, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 20}
OUTPUT_TOKENS = 30

_TEXT = {"type": "text", "text": "It is sunny in Zürich 🌞 today."}
_CONTENT: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "text": ("end_turn", [_TEXT]),
    "length": ("max_tokens", [_TEXT]),
    "refusal": ("refusal", []),
    "thinking": ("end_turn", [{"type": "thinking", "thinking": "Let me see.", "signature": "signed"}, _TEXT]),
    "tools": (
        "tool_use",
        [
            {"type": "text", "text": "I shall look."},
            {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Zürich"}},
            {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}},
        ],
    ),
}


@dataclass(frozen=True, slots=True)
class Received:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    port: int
    """The client's: the same for two requests on one connection."""


class AnthropicServer:
    """Runs in threads of its own. `received` holds the requests that were well-formed HTTP, in order."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.messages = self  # type: ignore[attr-defined]  # how a handler finds it

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @classmethod
    @contextlib.contextmanager
    def running(cls) -> Iterator["AnthropicServer"]:
        server = cls()
        thread = threading.Thread(target=server._server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server._server.shutdown()
            thread.join()
            server._server.socket.close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing is printed: a gateway that hangs up is among what is tested."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
        """Nothing: the tests look at `received`."""

    def do_POST(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = json.loads(self.rfile.read(int(headers["content-length"])))
        server: AnthropicServer = self.server.messages  # type: ignore[attr-defined]  # set where the server is made
        server.received.append(Received(self.path, headers, body, self.client_address[1]))
        if headers.get("x-api-key") != KEY:
            self._refuse("authentication_error")
        elif self.path != "/v1/messages":
            self._refuse("not_found_error")
        elif (fault := fault_in(headers, body)) is not None:
            self._refuse("invalid_request_error", fault)
        else:
            self._play(*body["model"].partition(":")[::2], is_stream=body.get("stream", False))

    def _play(self, name: str, argument: str, *, is_stream: bool) -> None:
        if name.startswith("error-"):
            self._refuse(name.removeprefix("error-"))
        elif name == "spend-limit":
            self._refuse("rate_limit_error", details={"error_code": "enforced_spend_limit_reached"})
        elif name == "rate-limit":
            self._refuse("rate_limit_error", headers={"retry-after": argument})
        elif name in ("html", "empty"):
            self._answer(200, b"<html>hello</html>" if name == "html" else b"", "text/html")
        elif is_stream:
            self._stream(name, int(argument or 0))
        else:
            self._answer(200, as_json(_message(name)), "application/json")

    def _refuse(
        self,
        kind: str,
        text: str = CANARY,
        headers: dict[str, str] | None = None,
        details: dict[str, str] | None = None,
    ) -> None:
        self._answer(STATUSES[kind], as_json(error(kind, text, details)), "application/json", headers)

    def _answer(self, status: int, body: bytes, content_type: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"content-type": content_type, "content-length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, name: str, count: int) -> None:
        """One event a write, in chunked encoding."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        whole = list(events(_message(name if name in _CONTENT else "text"), _in_sevens))
        if name == "twice":
            whole.insert(0, whole[0])
        breaks = name in ("cut", "reset", "eof", "overloaded")
        for each in whole[:count] if breaks else whole[:-1] if name == "unstopped" else whole:
            self._chunk(each)
        if name == "overloaded":
            time.sleep(0.05)  # what is read together with an error is no answer yet: it may be mended by another
            self._chunk(event("error", error={"type": "overloaded_error", "message": CANARY}))
        if name in ("cut", "reset"):
            self._break_off(resets=name == "reset")
        elif name == "late-end":
            time.sleep(0.01)  # the end of the body comes in a packet of its own
            self.wfile.write(b"0\r\n\r\n")
        elif name == "lingers":
            self.rfile.read(1)  # until the client hangs up
        else:
            self.wfile.write(b"0\r\n\r\n")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def _break_off(self, *, resets: bool) -> None:
        if resets:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        self.close_connection = True


def _message(name: str) -> dict[str, Any]:
    stop_reason, content = _CONTENT[name]
    return message(content, stop_reason, {**COUNTS, "output_tokens": OUTPUT_TOKENS})


def _in_sevens(text: str) -> list[str]:
    return [text[at : at + 7] for at in range(0, len(text), 7)]
