"""`POST /v1/feedback`: what a client says of an answer, whose record may still be on its way to the database."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Protocol

import orjson

from gateway.api.asgi import Headers, Receive, Scope, Send
from gateway.api.departure import departure_of
from gateway.api.errors import envelope, error_body
from gateway.api.exchange import ClientGoneError, credential_of
from gateway.api.json_body import Field, check_fields, is_number, read_object
from gateway.api.methods import require_method
from gateway.api.models import send_json
from gateway.api.threads import Threads
from gateway.api.unknown_keys import UnknownKeys
from gateway.domain.errors import (
    BodyTooLargeError,
    DatabaseUnavailableError,
    GatewayError,
    NotRecordedYetError,
    OverloadedError,
    UnknownRequestError,
    UnsupportedEncodingError,
)
from gateway.domain.feedback import Feedback, feedback_of, may_be_on_its_way
from gateway.ports import KeyStore

log = logging.getLogger(__name__)

MAX_BODY_BYTES: Final = 64 * 1024
MOST_WAITING: Final = 64
WAIT_S: Final = 2.0
"""How long a record that is on its way is waited for: usually it is there within half a second."""
_LOOK_EVERY_S: Final = 0.25
_RETRY_AFTER_S: Final = 2.0
_THREADS: Final = 2
_TURN_S: Final = 3.0
LONGEST_S: Final = 15.0
"""The database gives up before that, unless nothing at all is heard of it: then it is not known what was stored."""
_DRAIN_BYTES: Final = 8 * 1024 * 1024

_FIELDS: Final[dict[str, Field]] = {
    "request_id": (lambda value: isinstance(value, str), "a string"),
    "score": (is_number, "a number from 0 to 1"),
    "label": (lambda value: isinstance(value, str), '"good" or "bad"'),
    "comment": (lambda value: isinstance(value, str), "a string"),
}


class FeedbackStore(Protocol):
    """Where feedback is kept; blocking, called on a worker thread."""

    def keep(self, feedback: Feedback, key_id: str) -> Feedback | None:
        """What was stored; None, and nothing is stored, where that key has no such request.

        Raises DatabaseUnavailableError, and then nothing is stored.
        """
        ...


def parse_feedback(body: bytes, given_at: float) -> Feedback:
    """Raises InvalidRequestError."""
    payload = read_object(body)
    check_fields(payload, _FIELDS)
    return feedback_of(payload, given_at)


class FeedbackEndpoint:
    """An ASGI application for one path.

    now        Unix time in seconds
    behind_s   seconds for which records have been waiting for the database
    rejected   is told the code of each request that was not accepted
    wait_s     how long a record that may be on its way is waited for
    longest_s  how long the database is waited for
    """

    def __init__(
        self,
        keys: KeyStore,
        store: FeedbackStore,
        *,
        unknown_keys: UnknownKeys,
        now: Callable[[], float],
        behind_s: Callable[[], float],
        rejected: Callable[[str], None],
        wait_s: float = WAIT_S,
        longest_s: float = LONGEST_S,
    ) -> None:
        self._keys = keys
        self._store = store
        self._unknown_keys = unknown_keys
        self._now = now
        self._behind_s = behind_s
        self._rejected = rejected
        self._wait_s = wait_s
        self._threads = Threads(most=_THREADS, turn_s=_TURN_S, work_s=longest_s, name="feedback")
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            kept = await self._given(scope, receive)
            await send_json(send, 200, orjson.dumps(_document(kept)))
        except GatewayError as error:
            await self._refuse(send, self._unknown_keys.judged(error, scope))
        except ClientGoneError:
            if not departure_of(scope).was_refused:
                self._rejected("client_gone")
        except Exception:
            log.exception("feedback failed by a fault of the gateway")
            await self._refuse(send, GatewayError("the gateway failed; the operator's log tells more"))

    async def _given(self, scope: Scope, receive: Receive) -> Feedback:
        require_method(scope, "POST")
        headers = dict(scope["headers"])
        caller = self._keys.authenticate(credential_of(headers))
        if (encoding := headers.get(b"content-encoding", b"identity")) != b"identity":
            raise UnsupportedEncodingError(
                f"content-encoding {encoding[:20].decode('latin-1')!r} is not supported; send it plain"
            )
        feedback = parse_feedback(await _body(receive), self._now())
        if self._waiting >= MOST_WAITING:
            raise OverloadedError("too much feedback is under way to take more now", retry_after_s=_RETRY_AFTER_S)
        self._waiting += 1
        try:
            return await self._kept(feedback, caller.key_id)
        finally:
            self._waiting -= 1

    async def _kept(self, feedback: Feedback, key_id: str) -> Feedback:
        """Another key's request is treated as one that does not exist, to the last detail."""
        now_s = asyncio.get_running_loop().time
        until_s = now_s() + self._wait_s
        while (kept := await self._stored(feedback, key_id)) is None:
            if not may_be_on_its_way(feedback.request_id, self._now(), self._behind_s()):
                raise UnknownRequestError(
                    f"this API key has no request {feedback.request_id!r};"
                    " 'request_id' is the x-request-id header of the answer",
                    param="request_id",
                )
            if now_s() >= until_s:
                raise NotRecordedYetError(
                    f"request {feedback.request_id!r} is not recorded yet; nothing was stored, send it again later",
                    param="request_id",
                    retry_after_s=_RETRY_AFTER_S,
                )
            await asyncio.sleep(_LOOK_EVERY_S)
        return kept

    async def _stored(self, feedback: Feedback, key_id: str) -> Feedback | None:
        try:
            return await self._threads.run(partial(self._store.keep, feedback, key_id))
        except TimeoutError as error:
            raise DatabaseUnavailableError(
                "the database of records does not answer; send the feedback again later", retry_after_s=_RETRY_AFTER_S
            ) from error

    async def _refuse(self, send: Send, error: GatewayError) -> None:
        self._rejected(error.code)
        more: Headers = [(b"connection", b"close")] if isinstance(error, BodyTooLargeError) else []
        await send_json(send, envelope(error).status, error_body(error), retry_after_s=error.retry_after_s, more=more)


async def _body(receive: Receive) -> bytes:
    """The whole body; one that is too large is taken in and dropped, or its client would not read why."""
    body = bytearray()
    size, has_more = 0, True
    while has_more and size <= _DRAIN_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        part: bytes = message.get("body", b"")
        size += len(part)
        if size <= MAX_BODY_BYTES:
            body += part
        has_more = message.get("more_body", False)
    if size > MAX_BODY_BYTES:
        raise BodyTooLargeError(f"the request body is larger than {MAX_BODY_BYTES} bytes")
    return bytes(body)


def _document(kept: Feedback) -> dict[str, Any]:
    return {
        "object": "feedback",
        "request_id": kept.request_id,
        "score": kept.score,
        "label": kept.label,
        "comment": kept.comment,
        "given_at": datetime.fromtimestamp(kept.given_at, UTC).isoformat(),
    }
