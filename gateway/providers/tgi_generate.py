"""Models without a chat template, such as Flan-T5, behind Hugging Face's TGI: its own `/generate`.

TGI refuses `/v1/chat/completions` for them, and litellm no longer speaks anything else to it.
"""

from collections.abc import AsyncIterator, Callable
from uuid import uuid4

import msgspec

from gateway.domain.errors import (
    UpstreamError,
    UpstreamInterruptedError,
    UpstreamInvalidAnswerError,
)
from gateway.domain.policy import Deployment, Timeouts
from gateway.domain.request import ChatRequest
from gateway.domain.usage import Usage
from gateway.ports import Completion
from gateway.providers import tgi_wire
from gateway.providers.http_answers import opened, require_stream, whole_body
from gateway.providers.http_client import HttpClient, HttpError, HttpResponse
from gateway.providers.openai_errors import error_of
from gateway.providers.sse import DONE


class TgiGenerateProvider:
    """`Provider` for TGI's own format. `now` gives Unix time in seconds."""

    def __init__(self, client: HttpClient, *, now: Callable[[], float]) -> None:
        self._client = client
        self._now = now

    async def complete(self, deployment: Deployment, request: ChatRequest, timeouts: Timeouts) -> Completion:
        response = await self._post("generate", deployment, request, timeouts)
        try:
            answer = msgspec.json.decode(await whole_body(deployment.name, response), type=tgi_wire.Generated)
        except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
            raise UpstreamInvalidAnswerError(f"deployment {deployment.name!r} answered without a text") from exc
        text = answer.generated_text
        for stop in tgi_wire.stops_of(request):
            text = text.removesuffix(stop)
        usage = tgi_wire.usage_of(answer.details, _prompt_tokens(response))
        return Completion(
            body=tgi_wire.completion(_new_id(), deployment.model, text, answer.details, usage), usage=usage
        )

    async def stream(self, deployment: Deployment, request: ChatRequest, timeouts: Timeouts) -> "TgiStream":
        response = await self._post("generate_stream", deployment, request, timeouts)
        require_stream(deployment.name, response)
        return TgiStream(response, deployment, shows_usage=request.wants_usage)

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _post(self, path: str, deployment: Deployment, request: ChatRequest, timeouts: Timeouts) -> HttpResponse:
        """The answer, once it is known to be a 200. Raises UpstreamError."""
        headers = {"Content-Type": "application/json"}
        if deployment.api_key is not None:
            headers["Authorization"] = f"Bearer {deployment.api_key.reveal()}"
        body = tgi_wire.body_of(deployment, request)
        return await opened(
            self._client,
            deployment.name,
            f"{deployment.api_base}/{path}",
            headers,
            body,
            connect_s=timeouts.connect_s,
            error_of=error_of,
            now=self._now,
        )


class TgiStream:
    """`UpstreamStream` over TGI's token events."""

    __slots__ = ("_deployment", "_id", "_response", "_shows_usage", "output_events", "usage")

    def __init__(self, response: HttpResponse, deployment: Deployment, *, shows_usage: bool) -> None:
        self._response = response
        self._deployment = deployment
        self._shows_usage = shows_usage
        self._id = _new_id()
        self.usage: Usage | None = None
        self.output_events = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        details = None
        async for event in self._events():
            details = event.details or details
            if event.token is not None and not event.token.special:
                delta = {"content": event.token.text} if self.output_events else self._first(event.token.text)
                self.output_events += 1
                yield tgi_wire.chunk(self._id, self._deployment.model, delta)
        if details is None:
            raise self._cut_short()
        self.usage = tgi_wire.usage_of(details, details.input_length)
        yield tgi_wire.chunk(self._id, self._deployment.model, {}, tgi_wire.finish_reason(details))
        if self._shows_usage and self.usage is not None:
            yield tgi_wire.usage_chunk(self._id, self._deployment.model, self.usage)
        yield DONE

    async def aclose(self) -> None:
        self._response.close()

    @staticmethod
    def _first(text: str) -> dict[str, str]:
        return {"role": "assistant", "content": text}

    async def _events(self) -> AsyncIterator[tgi_wire.StreamEvent]:
        rest = b""
        try:
            while data := await self._response.read_some():
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    if line.startswith(b"data:"):
                        yield self._read(line[5:])
        except HttpError as exc:
            raise self._cut_short() from exc

    def _read(self, data: bytes) -> tgi_wire.StreamEvent:
        try:
            event = msgspec.json.decode(data, type=tgi_wire.StreamEvent)
        except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
            raise UpstreamInterruptedError(f"deployment {self._deployment.name!r} sent a malformed event") from exc
        if event.error is not None:
            raise UpstreamInterruptedError(f"deployment {self._deployment.name!r} reported an error in its stream")
        return event

    def _cut_short(self) -> UpstreamError:
        return UpstreamInterruptedError(
            f"deployment {self._deployment.name!r} ended its stream before the answer was whole"
        )


def _prompt_tokens(response: HttpResponse) -> int | None:
    said = response.headers.get("x-prompt-tokens", "")
    return int(said) if said.isascii() and said.isdigit() else None


def _new_id() -> str:
    return f"chatcmpl-{uuid4().hex}"
