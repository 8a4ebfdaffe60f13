"""Anthropic's Messages API for clients that speak OpenAI's chat format."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Final

from gateway.domain.errors import UpstreamInterruptedError
from gateway.domain.policy import Deployment, Timeouts
from gateway.domain.request import ChatRequest
from gateway.domain.usage import Usage
from gateway.ports import Completion
from gateway.providers.anthropic_answer import completion_of
from gateway.providers.anthropic_errors import error_of
from gateway.providers.anthropic_request import messages_body
from gateway.providers.anthropic_stream import MessageEvents
from gateway.providers.http_answers import opened, require_stream, whole_body
from gateway.providers.http_client import HttpClient, HttpError, HttpResponse

API_VERSION: Final = "2023-06-01"
"""Of the wire format. A later one is said to refuse the sampling fields that OpenAI's clients send; not tried."""

_SETTLE_S: Final = 0.05
_DEFAULT_API_BASE: Final = "https://api.anthropic.com/v1"


class AnthropicProvider:
    """`Provider` for the Messages wire format. `now` gives Unix time in seconds."""

    def __init__(self, client: HttpClient, *, now: Callable[[], float]) -> None:
        self._client = client
        self._now = now

    async def complete(self, deployment: Deployment, request: ChatRequest, timeouts: Timeouts) -> Completion:
        response = await self._post(deployment, request, timeouts)
        body = await whole_body(deployment.name, response)
        return completion_of(deployment.name, body, self._now())

    async def stream(self, deployment: Deployment, request: ChatRequest, timeouts: Timeouts) -> "AnthropicStream":
        response = await self._post(deployment, request, timeouts)
        require_stream(deployment.name, response)
        events = MessageEvents(deployment.name, created_s=self._now(), wants_usage=request.wants_usage)
        return AnthropicStream(response, events)

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _post(self, deployment: Deployment, request: ChatRequest, timeouts: Timeouts) -> HttpResponse:
        """The answer to the translated request, once it is known to be a 200. Raises UpstreamError."""
        return await opened(
            self._client,
            deployment.name,
            messages_url(deployment),
            _headers(deployment),
            messages_body(deployment, request),
            connect_s=timeouts.connect_s,
            error_of=error_of,
            now=self._now,
        )


class AnthropicStream:
    """`UpstreamStream` over an HTTP answer."""

    __slots__ = ("_events", "_response")

    def __init__(self, response: HttpResponse, events: MessageEvents) -> None:
        self._response = response
        self._events = events

    @property
    def usage(self) -> Usage | None:
        return self._events.usage

    @property
    def output_events(self) -> int:
        return self._events.output_events

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while not self._events.is_done and (data := await self._response.read_some()):
                if shown := self._events.feed(data):
                    yield shown
        except HttpError as exc:
            if not self._events.has_finished:
                raise UpstreamInterruptedError(f"the stream broke off: {exc}") from exc
        if owed := self._events.end():
            yield owed
        await self._settle()

    async def aclose(self) -> None:
        self._response.close()

    async def _settle(self) -> None:
        """Take in the end of the body, which comes behind the last event: only then can the connection serve again."""
        with contextlib.suppress(HttpError, TimeoutError):
            async with asyncio.timeout(_SETTLE_S):
                await self._response.read_some()


def messages_url(deployment: Deployment) -> str:
    """Where requests go: `/v1/messages` below the API base, which may end in `/v1` or, as in Anthropic's SDKs, not."""
    base, question_mark, query = (deployment.api_base or _DEFAULT_API_BASE).partition("?")
    return f"{base.rstrip('/').removesuffix('/v1')}/v1/messages{question_mark}{query}"


def _headers(deployment: Deployment) -> dict[str, str]:
    headers = {"Content-Type": "application/json", "anthropic-version": API_VERSION}
    if deployment.api_key is not None:
        headers["x-api-key"] = deployment.api_key.reveal()
    return headers
