"""One HTTP exchange in the OpenAI chat dialect: what the pipeline's `Exchange` port means on an ASGI server."""

import asyncio
import contextlib
from collections.abc import Collection, Mapping

from gateway.api.asgi import Headers, Message, Receive, Scope, Send
from gateway.api.departure import departure_of
from gateway.api.errors import envelope, error_body
from gateway.api.headers import answer_headers, retry_after
from gateway.api.keep_alive import KeepAlives
from gateway.api.load import Load
from gateway.api.openai_chat import parse_chat
from gateway.domain.errors import BodyTooLargeError, GatewayError, InvalidRequestError, UnsupportedEncodingError
from gateway.domain.request import ChatRequest
from gateway.ports import AnswerHead

_JSON = (b"content-type", b"application/json")
_EVENT_STREAM: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"x-accel-buffering", b"no"),
]
_COMMENT = b": keep-alive\n\n"
_DRAIN_BYTES = 8 * 1024 * 1024
_DRAIN_S = 1.0
_CREDENTIAL_HEADERS = (b"x-api-key", b"api-key")
SESSION_HEADERS = (b"x-sizewise-session", b"x-session-id")
_LONGEST_SESSION_ID = 256
_LONGEST_HEADER = 4_096


class ClientGoneError(Exception):
    """The client left before its request was whole."""


class ChatExchange:
    """Reads one chat request and writes its answer; when the client leaves, the work for it is cancelled.

    has_gone    the client has left, and that is why
    body_bytes  how much of the body `load` holds
    """

    __slots__ = (
        "_comment",
        "_departure",
        "_has_sent",
        "_headers",
        "_is_over",
        "_is_sending",
        "_is_started",
        "_keep_alives",
        "_load",
        "_max_body_bytes",
        "_receive",
        "_send",
        "_task",
        "body_bytes",
        "has_gone",
        "request_id",
    )

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        request_id: str,
        max_body_bytes: int,
        load: Load,
        keep_alives: KeepAlives,
    ) -> None:
        self._departure = departure_of(scope)
        self._headers: dict[bytes, bytes] = dict(scope["headers"])
        self._receive = receive
        self._send = send
        self._max_body_bytes = max_body_bytes
        self._load = load
        self._task = asyncio.current_task()
        self.body_bytes = 0
        self.request_id = request_id
        self.has_gone = False
        self._keep_alives = keep_alives
        self._comment: asyncio.Task[None] | None = None
        self._is_started = self._is_over = self._is_sending = False
        self._has_sent = True

    @property
    def credential(self) -> str | None:
        """The client's key, from `Authorization: Bearer`, `x-api-key` or `api-key`; see `credential_of`."""
        return credential_of(self._headers)

    @property
    def session_id(self) -> str:
        """The client's id of the conversation, from one of `SESSION_HEADERS`."""
        headers = self._headers
        for name in SESSION_HEADERS:
            if named := headers.get(name):
                return named.decode("latin-1")[:_LONGEST_SESSION_ID]
        return ""

    def headers(self, names: Collection[str]) -> Mapping[str, str]:
        """Those of the named headers that were sent; never a credential, whatever the names."""
        sent = ((name, self._headers.get(name.encode())) for name in names)
        return {name: value[:_LONGEST_HEADER].decode("latin-1") for name, value in sent if value is not None}

    async def read(self) -> ChatRequest:
        if (encoding := self._headers.get(b"content-encoding", b"identity")) != b"identity":
            raise UnsupportedEncodingError(
                f"content-encoding {encoding[:20].decode('latin-1')!r} is not supported; send it plain"
            )
        body = await self._body()
        if self._departure.has_happened:
            raise ClientGoneError
        self._departure.tell(self._leave)
        request = parse_chat(body)
        if request.stream:
            self._keep_alives.add(self)
        return request

    @property
    def is_retry(self) -> bool:
        """The client's SDK says that it has sent this request before."""
        count = self._headers.get(b"x-stainless-retry-count", b"0")
        return count != b"0" and count.isdigit()

    def close(self) -> None:
        """Nothing is done for the client any more."""
        self._departure.tell(None)
        self._keep_alives.discard(self)
        if self._comment is not None:
            self._comment.cancel()

    @property
    def was_refused(self) -> bool:
        """The server has told the client, and counted, why its request ended."""
        return self._departure.was_refused

    async def _body(self) -> bytes:
        """The whole body, refused as soon as it is known to be too large."""
        declared = self._headers.get(b"content-length", b"")
        if declared.isdigit() and int(declared) > self._max_body_bytes:
            raise self._too_large()
        message = await self._message()
        body: bytes = message.get("body", b"")
        self._hold(body)
        if message.get("more_body"):
            parts = bytearray(body)
            while message.get("more_body") and len(parts) <= self._max_body_bytes:
                message = await self._message()
                part = message.get("body", b"")
                self._hold(part)
                parts += part
            body = bytes(parts)
        if len(body) > self._max_body_bytes:
            raise self._too_large()
        return body

    def _hold(self, part: bytes) -> None:
        self._load.hold(len(part))
        self.body_bytes += len(part)

    async def _message(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        return message

    def _too_large(self) -> BodyTooLargeError:
        return BodyTooLargeError(f"the request body is larger than {self._max_body_bytes} bytes")

    async def answer(self, head: AnswerHead, body: bytes) -> None:
        await self._start(200, [_JSON, (b"content-length", b"%d" % len(body)), *answer_headers(self.request_id, head)])
        await self._end(body)

    async def start_stream(self, head: AnswerHead) -> None:
        if not self._is_started:  # a comment may have begun it
            await self._start(200, [*_EVENT_STREAM, *answer_headers(self.request_id, head)])

    async def _start(self, status: int, headers: Headers) -> None:
        self._is_started = True
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def _end(self, body: bytes) -> None:
        if self._comment is not None:
            await asyncio.wait((self._comment,))
        self._is_over = True
        await self._send({"type": "http.response.body", "body": body})

    async def send(self, events: bytes) -> None:
        self._has_sent = self._is_sending = True
        await self._send({"type": "http.response.body", "body": events, "more_body": True})
        self._is_sending = False

    def keep_alive(self) -> None:
        """Send a comment if nothing was sent since the last call; the client may have to wait for its first event."""
        is_due = not self._has_sent and not self._is_sending and not self._is_over
        self._has_sent = False
        if is_due:
            self._comment = asyncio.create_task(self._send_comment())

    async def _send_comment(self) -> None:
        await self.start_stream(AnswerHead())
        await self._send({"type": "http.response.body", "body": _COMMENT, "more_body": True})

    async def end_stream(self, error: GatewayError | None = None) -> None:
        last = b"" if error is None else b"data: %b\n\n" % error_body(error)
        await self._end(last)

    async def refuse(self, error: GatewayError, head: AnswerHead) -> int:
        if self._is_started:  # by a comment: what is left is the last event of the stream
            await self.end_stream(error)
            return 200
        if self._comment is not None:  # due, and not begun: it would stand in the middle of what follows
            self._comment.cancel()
            self._comment = None
        status, body = envelope(error).status, error_body(error)
        headers = [_JSON, (b"content-length", b"%d" % len(body)), *answer_headers(self.request_id, head)]
        if error.retry_after_s is not None:
            headers += retry_after(error.retry_after_s)
        is_cut = isinstance(error, BodyTooLargeError)
        if is_cut:
            headers.append((b"connection", b"close"))
        await self._start(status, headers)
        if is_cut:
            await self._send({"type": "http.response.body", "body": body, "more_body": True})
            await self._drain()
            body = b""
        await self._end(body)
        return status

    async def _drain(self) -> None:
        """Take in some of a body nobody wants: closing on a client that still writes would cost it our answer."""
        drained = 0
        with contextlib.suppress(ClientGoneError, TimeoutError):
            async with asyncio.timeout(_DRAIN_S):
                while drained < _DRAIN_BYTES and (message := await self._message()).get("more_body"):
                    drained += len(message.get("body", b""))

    async def break_off(self, error: GatewayError) -> None:
        """End the exchange after a fault of ours, wherever it stands."""
        if not self._is_started:
            await self.refuse(error, AnswerHead())
        elif not self._is_over:
            await self.end_stream(error)

    def _leave(self) -> None:
        self.has_gone = True
        if self._task is not None:
            self._task.cancel()


def credential_of(headers: dict[bytes, bytes]) -> str | None:
    """The client's key, None where no header holds one. `headers`: lower-case name → value.

    Raises InvalidRequestError where two headers hold different keys: which of them was meant is not for us to guess.
    """
    authorization = headers.get(b"authorization", b"")
    found = authorization[7:].strip() if authorization[:7].lower() == b"bearer " else b""
    for name in _CREDENTIAL_HEADERS:
        if value := headers.get(name):
            if found and value != found:
                raise InvalidRequestError(
                    "the request holds two different API keys; send one, in Authorization, x-api-key or api-key"
                )
            found = value
    return found.decode("latin-1") if found else None
