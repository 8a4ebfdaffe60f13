"""Every provider that is not our own, through litellm's SDK: the one door to it, never to its proxy.

Import this module late: litellm takes seconds and 100 MB. Only named fields of a request are handed on: litellm reads
its own controls (`base_url`, `api_key`, `mock_response`, ...) from the same keywords as the chat API's fields, so a
client could otherwise point the operator's key at a host of its choice.
"""

import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import httpx
import msgspec
import orjson

from gateway.domain.errors import (
    ContentFilterError,
    UpstreamError,
    UpstreamInterruptedError,
    UpstreamRejectedError,
)
from gateway.domain.policy import Deployment, Timeouts
from gateway.domain.request import ChatRequest
from gateway.domain.usage import Usage
from gateway.ports import Completion
from gateway.providers.litellm_errors import upstream_error
from gateway.providers.litellm_keywords import keywords_of
from gateway.providers.litellm_settings import close_clients, litellm, settle
from gateway.providers.openai_usage import WireUsage
from gateway.providers.sse import DONE

_PASSED: Final = frozenset({
    "audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs", "max_completion_tokens",
    "max_tokens", "messages", "modalities", "n", "parallel_tool_calls", "prediction", "presence_penalty",
    "prompt_cache_key", "reasoning_effort", "response_format", "safety_identifier", "seed", "service_tier", "stop",
    "stream_options", "temperature", "thinking", "tool_choice", "tools", "top_k", "top_logprobs", "top_p", "user",
    "verbosity", "web_search_options",
})  # fmt: skip
_OURS: Final = frozenset({"model", "stream"})
_MEANINGLESS: Final = frozenset({"metadata", "store"})
"""About OpenAI's own storage of answers; without effect on an answer, so left out."""


class LitellmProvider:
    """`Provider` for the litellm provider of that name. `now` gives Unix time in seconds."""

    def __init__(self, name: str, *, now: Callable[[], float] = time.time) -> None:
        settle()
        self._name = name
        self._now = now

    async def complete(self, deployment: Deployment, request: ChatRequest, timeouts: Timeouts) -> Completion:
        answer = await self._call(deployment, request, timeouts)
        payload = _payload(answer, "message", "content")
        if payload["choices"] and all(_is_blocked(choice, "message") for choice in payload["choices"]):
            raise _blocked(deployment)
        return Completion(body=orjson.dumps(payload), usage=_usage(payload))

    async def stream(self, deployment: Deployment, request: ChatRequest, timeouts: Timeouts) -> "LitellmStream":
        chunks = await self._call(deployment, request, timeouts)
        return LitellmStream(chunks, deployment, hides_usage=not request.wants_usage, now=self._now)

    async def aclose(self) -> None:
        """Close litellm's HTTP clients; they are shared by all its providers and made anew where one is used again."""
        await close_clients()

    async def _call(self, deployment: Deployment, request: ChatRequest, timeouts: Timeouts) -> Any:
        """litellm's response object or stream, of a type that depends on the provider. Raises UpstreamError."""
        fields = _fields(deployment, request)
        if request.stream:
            fields["stream_options"] = {**(fields.get("stream_options") or {}), "include_usage": True}
        fields |= keywords_of(deployment)
        try:
            return await litellm.acompletion(
                **fields,
                model=f"{self._name}/{deployment.model}",
                stream=request.stream,
                timeout=httpx.Timeout(timeouts.total_s, connect=timeouts.connect_s),
                max_retries=0,
                num_retries=0,
                _skip_mcp_handler=True,  # else a client's tool of type "mcp" makes litellm call servers itself
            )
        except Exception as exc:  # its providers raise what they like; the port promises UpstreamError
            raise upstream_error(deployment, exc, self._now()) from exc


class LitellmStream:
    """`UpstreamStream` over litellm's chunks.

    A chunk that only opens the answer is kept back until something is said: until then another deployment may answer.
    """

    __slots__ = ("_chunks", "_deployment", "_has_said", "_hides_usage", "_now", "output_events", "usage")

    def __init__(self, chunks: Any, deployment: Deployment, *, hides_usage: bool, now: Callable[[], float]) -> None:
        self._chunks = chunks
        self._deployment = deployment
        self._hides_usage = hides_usage
        self._now = now
        self._has_said = False
        self.usage: Usage | None = None
        self.output_events = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        held: list[bytes] = []
        try:
            async for chunk in self._chunks:
                if event := self._event(_payload(chunk, "delta", None)):
                    held.append(event)
                while held and self._has_said:
                    yield held.pop(0)
        except UpstreamError:
            raise
        except Exception as exc:  # as in `LitellmProvider._call`
            raise self._broken_by(upstream_error(self._deployment, exc, self._now())) from exc
        yield DONE

    async def aclose(self) -> None:
        await self._chunks.aclose()

    def _event(self, payload: dict[str, Any]) -> bytes:
        """One chunk as an event, empty where it is not for the client. Raises UpstreamInterruptedError."""
        if "usage" in payload:
            return self._usage_event(payload)
        if payload["choices"]:
            choice = payload["choices"][0]
            if not self._has_said and _is_blocked(choice, "delta"):
                raise _blocked(self._deployment)
            self.output_events += 1
            said = {name for name, value in choice["delta"].items() if value} - {"role"}
            self._has_said = self._has_said or bool(said) or choice["finish_reason"] is not None
            if choice["finish_reason"] is not None and not self._has_finished():
                raise UpstreamInterruptedError(
                    f"deployment {self._deployment.name!r} ended its stream before the answer was whole"
                )
        return _sse(payload)

    def _usage_event(self, payload: dict[str, Any]) -> bytes:
        """litellm adds this chunk at the end, with counts of its own guessing where the upstream gave none."""
        if all(getattr(chunk, "usage", None) is None for chunk in self._chunks.chunks):
            return b""
        self.usage = _usage(payload)
        return b"" if self._hides_usage else _sse({**payload, "choices": []})

    def _broken_by(self, error: UpstreamError) -> UpstreamError:
        """An answer that has begun cannot find fault with the request: it broke off."""
        if not self._has_said or not isinstance(error, UpstreamRejectedError):
            return error
        return UpstreamInterruptedError(f"deployment {self._deployment.name!r} reported an error in its stream")

    def _has_finished(self) -> bool:
        """Whether the upstream gave a finish reason; litellm makes one up for an answer cut short."""
        return bool(self._chunks.received_finish_reason or self._chunks.intermittent_finish_reason)


def _fields(deployment: Deployment, request: ChatRequest) -> dict[str, Any]:
    """The request's fields for litellm. Raises UpstreamRejectedError for one that it must not see."""
    for name in request.payload:
        if name not in _PASSED and name not in _OURS and name not in _MEANINGLESS:
            raise UpstreamRejectedError(
                f"deployment {deployment.name!r} takes no field {name[:64]!r}; leave it out", status=400, param=name
            )
    return {name: value for name, value in request.payload.items() if name in _PASSED}


def _payload(response: Any, part: str, required: str | None) -> dict[str, Any]:
    """A response object as OpenAI's JSON: without litellm's own fields and without nulls but those clients look for."""
    payload: dict[str, Any] = response.model_dump(exclude_none=True)
    payload.setdefault("choices", [])
    for choice in payload["choices"]:
        choice.pop("provider_specific_fields", None)
        choice.setdefault("finish_reason", None)
        said = choice.setdefault(part, {})
        said.pop("provider_specific_fields", None)
        if required is not None:
            said.setdefault(required, None)
    return payload


def _is_blocked(choice: dict[str, Any], part: str) -> bool:
    """How a 200 says that the prompt was refused: nothing is said, and that is the filter's doing."""
    said = choice[part]
    is_empty = not said.get("content") and not said.get("tool_calls")
    return bool(choice["finish_reason"] == "content_filter" and is_empty)


def _blocked(deployment: Deployment) -> ContentFilterError:
    return ContentFilterError(f"deployment {deployment.name!r} refused the prompt: its content filter")


def _sse(payload: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(payload) + b"\n\n"


def _usage(payload: dict[str, Any]) -> Usage | None:
    """None where litellm has no counts; it writes zeros where the upstream gave none."""
    reported = payload.get("usage")
    if not reported or not reported.get("prompt_tokens"):
        return None
    return msgspec.convert(reported, WireUsage).plain(payload.get("service_tier") or reported.get("service_tier"))
