"""Any OpenAI-compatible server, by raw relay: the client's JSON with its model rewritten; answers as they were sent."""

import logging
from collections.abc import AsyncIterator, Callable
from typing import Final
from urllib.parse import quote

import msgspec
import orjson

from gateway.domain.errors import (
    UpstreamInterruptedError,
    UpstreamInvalidAnswerError,
)
from gateway.domain.policy import Deployment, Timeouts
from gateway.domain.provider_options import text_of
from gateway.domain.request import ChatRequest
from gateway.domain.usage import Usage
from gateway.ports import Completion
from gateway.providers.http_answers import opened, require_stream, whole_body
from gateway.providers.http_client import HttpClient, HttpError, HttpResponse
from gateway.providers.openai_errors import error_of
from gateway.providers.openai_usage import WireCompletion
from gateway.providers.sse import EventStream

_DEFAULT_API_BASE: Final = "https://api.openai.com/v1"

_log = logging.getLogger(__name__)
_decode_completion: Final = msgspec.json.Decoder(WireCompletion).decode

AuthHeader = Callable[[str], tuple[str, str]]
ChatUrl = Callable[[Deployment], str]


def bearer(key: str) -> tuple[str, str]:
    return "Authorization", f"Bearer {key}"


def api_key(key: str) -> tuple[str, str]:
    """Azure's way."""
    return "api-key", key


class OpenAIProvider:
    """`Provider` for the OpenAI wire format.

    auth_header  makes the header that carries the deployment's key
    url_of       where a deployment's chat requests go; `chat_url` if None
    asks_usage   whether a stream has to be asked for its usage; some servers refuse to be
    """

    def __init__(
        self,
        client: HttpClient,
        *,
        now: Callable[[], float],
        auth_header: AuthHeader = bearer,
        url_of: ChatUrl | None = None,
        asks_usage: bool = True,
    ) -> None:
        self._client = client
        self._now = now
        self._auth_header = auth_header
        self._url_of = url_of or chat_url
        self._asks_usage = asks_usage

    async def complete(self, deployment: Deployment, request: ChatRequest, timeouts: Timeouts) -> Completion:
        response = await self._post(deployment, request, timeouts)
        body = await whole_body(deployment.name, response)
        return Completion(body=body, usage=_usage_of(deployment.name, body))

    async def stream(self, deployment: Deployment, request: ChatRequest, timeouts: Timeouts) -> "OpenAIStream":
        response = await self._post(deployment, request, timeouts)
        require_stream(deployment.name, response)
        events = EventStream(deployment.name, hides_usage=not request.wants_usage)
        return OpenAIStream(deployment.name, response, events)

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _post(self, deployment: Deployment, request: ChatRequest, timeouts: Timeouts) -> HttpResponse:
        """The answer to the relayed request, once it is known to be a 200. Raises UpstreamError."""
        url, headers, body = await self._written(deployment, request, timeouts)
        return await opened(
            self._client,
            deployment.name,
            url,
            headers,
            body,
            connect_s=timeouts.connect_s,
            error_of=error_of,
            now=self._now,
        )

    async def _written(
        self,
        deployment: Deployment,
        request: ChatRequest,
        timeouts: Timeouts,  # noqa: ARG002 (of what a provider may have to fetch first, such as a token)
    ) -> tuple[str, dict[str, str], bytes]:
        """URL, headers and body of the request. Raises UpstreamError where they cannot be made."""
        body = upstream_body(deployment, request, asks_usage=self._asks_usage)
        return self._url_of(deployment), self._headers(deployment), body

    def _headers(self, deployment: Deployment) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if deployment.api_key is not None:
            name, value = self._auth_header(deployment.api_key.reveal())
            headers[name] = value
        return headers


class OpenAIStream:
    """`UpstreamStream` over an HTTP answer."""

    __slots__ = ("_deployment", "_events", "_response")

    def __init__(self, deployment: str, response: HttpResponse, events: EventStream) -> None:
        self._deployment = deployment
        self._response = response
        self._events = events

    @property
    def usage(self) -> Usage | None:
        return self._events.usage

    @property
    def output_events(self) -> int:
        return self._events.output_events

    async def __aiter__(self) -> AsyncIterator[bytes]:
        events = self._events
        try:
            while not events.is_done and (data := await self._response.read_some()):
                if shown := events.feed(data):
                    yield shown
        except HttpError as exc:
            raise UpstreamInterruptedError(f"the stream broke off: {exc}") from exc
        if not events.is_done:
            owed = events.end()
            if not events.is_done:
                _log.warning("deployment %r ended its stream without [DONE]", self._deployment)
            if owed:
                yield owed

    async def aclose(self) -> None:
        """After `[DONE]` nothing is read: what an upstream may still send costs it the connection, not the client."""
        if self._events.dropped:
            _log.warning("deployment %r sent %d events too many", self._deployment, self._events.dropped)
        if self._events.is_done:
            self._response.finish()
        else:
            self._response.close()


def chat_url(deployment: Deployment, default_api_base: str = _DEFAULT_API_BASE) -> str:
    """Where chat requests go: `/chat/completions` below the API base, whose query (Azure's api-version) is kept."""
    base, question_mark, query = (deployment.api_base or default_api_base).partition("?")
    return f"{base.rstrip('/')}/chat/completions{question_mark}{query}"


def below(default_api_base: str) -> ChatUrl:
    """`chat_url` of a provider that has an endpoint of its own."""
    return lambda deployment: chat_url(deployment, default_api_base)


def azure_url(deployment: Deployment) -> str:
    """The deployment's path below the resource; `chat_url` without an `api_version`, as Azure's v1 API has it."""
    version = text_of(deployment.provider_options, "api_version")
    if version is None:
        return chat_url(deployment)
    path = f"openai/deployments/{quote(deployment.model, safe='')}/chat/completions"
    return f"{(deployment.api_base or '').rstrip('/')}/{path}?api-version={quote(version, safe='')}"


def upstream_body(deployment: Deployment, request: ChatRequest, *, asks_usage: bool = True) -> bytes:
    """The client's own JSON with the deployment's model, and usage asked for where it streams."""
    payload = {**request.payload, "model": deployment.model}
    if not asks_usage:
        payload.pop("stream_options", None)
    elif request.stream:
        payload["stream_options"] = {**(payload.get("stream_options") or {}), "include_usage": True}
    return orjson.dumps(payload)


def _usage_of(deployment: str, body: bytes) -> Usage | None:
    """The usage in an answer. Raises UpstreamInvalidAnswerError for a 200 that is no answer."""
    try:
        completion = _decode_completion(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise UpstreamInvalidAnswerError(f"deployment {deployment!r} answered with something other than JSON") from exc
    if completion.error:
        raise UpstreamInvalidAnswerError(f"deployment {deployment!r} answered 200 with an error in the body")
    if completion.choices is None:
        raise UpstreamInvalidAnswerError(f"deployment {deployment!r} answered without 'choices'")
    return None if completion.usage is None else completion.usage.plain(completion.service_tier)
