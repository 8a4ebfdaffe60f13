"""A stream in one piece, where there is none to be had: the whole answer is awaited and told as a stream's chunks."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final

import msgspec
import orjson
from msgspec import Struct

from gateway.domain.errors import UpstreamInvalidAnswerError
from gateway.domain.policy import Deployment, Timeouts
from gateway.domain.request import ChatRequest
from gateway.domain.usage import Usage
from gateway.ports import Completion, Provider, UpstreamStream
from gateway.providers.sse import DONE

_STREAMING: Final = frozenset({"stream", "stream_options"})
_BYTES_PER_TOKEN: Final = 4


class Unstreamed(Struct, frozen=True, kw_only=True):
    """Models without a stream, by a pattern of the whole name, and why they have none."""

    models: str = ".*"
    why: str


UNSTREAMED: Final[Mapping[str, Unstreamed]] = {
    "bedrock": Unstreamed(
        models=r"(invoke/)?([a-z-]+\.)?amazon\.titan-.*",
        why="litellm reads neither why Titan's streams end nor what they used, so one cut short would pass for whole",
    ),
    "cohere_chat": Unstreamed(why="litellm cannot read the events of its streams"),
    "gpt4all": Unstreamed(why="its server has no streams"),
}
"""By provider. Where it is litellm's doing, tests/conformance says when the row is no longer needed."""


def with_streams(name: str, provider: Provider) -> Provider:
    """The provider of that name, which streams in one piece where it has to."""
    return WholeStreamProvider(provider, UNSTREAMED[name]) if name in UNSTREAMED else provider


class WholeStreamProvider:
    """`Provider` that asks another for whole answers of the models without a stream; the rest it leaves alone.

    Nothing is sent before the answer is whole, so that `first_token_s` bounds all of it.
    """

    def __init__(self, provider: Provider, unstreamed: Unstreamed) -> None:
        self._provider = provider
        self._models = re.compile(unstreamed.models)

    async def complete(self, deployment: Deployment, request: ChatRequest, timeouts: Timeouts) -> Completion:
        if self._models.fullmatch(deployment.model):
            request = _whole(request)
        return await self._provider.complete(deployment, request, timeouts)

    async def stream(self, deployment: Deployment, request: ChatRequest, timeouts: Timeouts) -> UpstreamStream:
        if not self._models.fullmatch(deployment.model):
            return await self._provider.stream(deployment, request, timeouts)
        completion = await self._provider.complete(deployment, _whole(request), timeouts)
        return WholeStream(deployment.name, completion, wants_usage=request.wants_usage)

    async def aclose(self) -> None:
        await self._provider.aclose()


class _Choice(Struct):
    message: dict[str, Any]
    index: int = 0
    finish_reason: str | None = None
    logprobs: Any = None


class _Answer(Struct):
    choices: list[_Choice]
    id: str = ""
    created: int = 0
    model: str = ""
    usage: Any = None


_decode: Final = msgspec.json.Decoder(_Answer).decode


class WholeStream:
    """`UpstreamStream` of a whole answer. Raises UpstreamInvalidAnswerError for one that clients could not read."""

    __slots__ = ("_events", "output_events", "usage")

    def __init__(self, deployment: str, completion: Completion, *, wants_usage: bool) -> None:
        try:
            answer = _decode(completion.body)
            self._events = list(_events(answer, wants_usage=wants_usage))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
            raise UpstreamInvalidAnswerError(f"deployment {deployment!r} answered with no chat completion") from exc
        if not answer.choices:
            raise UpstreamInvalidAnswerError(f"deployment {deployment!r} answered without 'choices'")
        self.usage: Usage | None = completion.usage
        said = sum(len(orjson.dumps(choice.message)) for choice in answer.choices)
        self.output_events = said // _BYTES_PER_TOKEN

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for event in self._events:
            yield event

    async def aclose(self) -> None:
        """Nothing: the call was over before the stream began."""


def _events(answer: _Answer, *, wants_usage: bool) -> Iterator[bytes]:
    head = {"id": answer.id, "object": "chat.completion.chunk", "created": answer.created, "model": answer.model}
    counted = {"usage": None} if wants_usage else {}
    for choice in answer.choices:
        for part in _parts(choice):
            yield _event({**head, "choices": [{"index": choice.index, **part}], **counted})
    if wants_usage and answer.usage is not None:
        yield _event({**head, "choices": [], "usage": answer.usage})
    yield DONE


def _parts(choice: _Choice) -> Iterator[dict[str, Any]]:
    """What is said, then each call of a tool, then why it ends."""
    message = {name: value for name, value in choice.message.items() if value is not None}
    calls = msgspec.convert(message.pop("tool_calls", []), list[dict[str, Any]])
    yield {"delta": {"role": "assistant", **message}, "logprobs": choice.logprobs, "finish_reason": None}
    for index, call in enumerate(calls):
        yield {"delta": {"tool_calls": [{**call, "index": index}]}, "logprobs": None, "finish_reason": None}
    yield {"delta": {}, "logprobs": None, "finish_reason": choice.finish_reason or "stop"}


def _whole(request: ChatRequest) -> ChatRequest:
    """The same request for a whole answer, with no word of streams: some servers refuse even `stream: false`."""
    payload = {name: value for name, value in request.payload.items() if name not in _STREAMING}
    return msgspec.structs.replace(request, payload=payload, stream=False, wants_usage=False)


def _event(payload: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(payload) + b"\n\n"
