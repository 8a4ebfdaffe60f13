"""Every provider that is not our own, through litellm's SDK: the one door to it, never to its proxy.

Import this module late: litellm takes seconds and 100 MB. Only named fields of a request are handed on: litellm reads
its own controls (`base_url`, `api_key`, `mock_response`, ...) from the same keywords as the chat API's fields, so a
client could otherwise point the operator's key at a host of its choice.

Its own retries are off, but for one that has no switch: a connection reset before the answer is called once more.
"""

import json
import logging
import os
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, Final

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else its import fetches a price map
os.environ.setdefault("LITELLM_MODE", "PRODUCTION")  # else its import reads a .env file into the environment

import aiohttp
import httpx
import litellm
import msgspec
import orjson
from litellm import exceptions
from litellm.llms.custom_httpx.async_client_cleanup import close_litellm_async_clients

from gateway.domain.errors import (
    ContentFilterError,
    ContextOverflowError,
    UpstreamConnectError,
    UpstreamCredentialsError,
    UpstreamError,
    UpstreamInterruptedError,
    UpstreamInvalidAnswerError,
    UpstreamMissingModelError,
    UpstreamQuotaError,
    UpstreamRateLimitError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from gateway.domain.policy import Deployment, Timeouts
from gateway.domain.pricing import Usage
from gateway.domain.request import ChatRequest
from gateway.ports import Completion
from gateway.providers.openai_errors import error_of
from gateway.providers.openai_usage import WireUsage
from gateway.providers.sse import DONE

_log = logging.getLogger(__name__)

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

KINDS: Final[Mapping[type[BaseException], type[UpstreamError]]] = {
    exceptions.AuthenticationError: UpstreamCredentialsError,
    exceptions.PermissionDeniedError: UpstreamCredentialsError,
    exceptions.PaymentRequiredError: UpstreamQuotaError,
    exceptions.RateLimitError: UpstreamRateLimitError,
    exceptions.ContextWindowExceededError: ContextOverflowError,
    exceptions.ContentPolicyViolationError: ContentFilterError,
    exceptions.NotFoundError: UpstreamMissingModelError,
    exceptions.LiteLLMUnknownProvider: UpstreamMissingModelError,
    exceptions.UnsupportedParamsError: UpstreamRejectedError,
    exceptions.RejectedRequestError: UpstreamRejectedError,
    exceptions.ImageFetchError: UpstreamRejectedError,
    exceptions.InvalidRequestError: UpstreamRejectedError,
    exceptions.BadRequestError: UpstreamRejectedError,
    exceptions.UnprocessableEntityError: UpstreamRejectedError,
    exceptions.Timeout: UpstreamTimeoutError,
    exceptions.MidStreamFallbackError: UpstreamInterruptedError,
    exceptions.ServiceUnavailableError: UpstreamUnavailableError,
    exceptions.BadGatewayError: UpstreamUnavailableError,
    exceptions.InternalServerError: UpstreamUnavailableError,
    exceptions.APIConnectionError: UpstreamInterruptedError,
    exceptions.JSONSchemaValidationError: UpstreamInvalidAnswerError,
    exceptions.APIResponseValidationError: UpstreamInvalidAnswerError,
    exceptions.APIError: UpstreamInvalidAnswerError,
    exceptions.OpenAIError: UpstreamError,
}
"""litellm's exceptions → ours; of a class's ancestors the nearest with a row counts."""

_VAGUE: Final = frozenset({
    exceptions.BadRequestError,
    exceptions.UnprocessableEntityError,
    exceptions.RateLimitError,
    exceptions.APIError,
})  # fmt: skip
"""Rows that litellm falls back to: here the upstream's status and error code, where there are any, say more."""

_CAUSES: Final[tuple[tuple[tuple[type[BaseException], ...], type[UpstreamError]], ...]] = (
    ((aiohttp.ClientConnectorError, httpx.ConnectTimeout), UpstreamConnectError),
    ((httpx.TimeoutException,), UpstreamTimeoutError),
    ((httpx.TransportError,), UpstreamInterruptedError),
    ((json.JSONDecodeError,), UpstreamInvalidAnswerError),
)
"""What lies beneath an exception and outranks its class: litellm calls a refused connection an InternalServerError.

`httpx.ConnectError` says nothing here: litellm's transport, which is aiohttp below, also calls a reset one that.
"""

_WITH_DETAIL: Final = (UpstreamRejectedError, ContextOverflowError, ContentFilterError)
_NO_PROVIDER: Final = "LLM Provider NOT provided"
_URL: Final = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
_KEY: Final = re.compile(
    r"(?:\bBearer\s+\S+|\b(?:sk|pk|rk|gsk|xai|hf|key)[-_][\w*.-]{4,}|\bA(?:Iza|KIA)\w+|[\w-]{32,})"
)


class LitellmProvider:
    """`Provider` for the litellm provider of that name. `now` gives Unix time in seconds."""

    def __init__(self, name: str, *, now: Callable[[], float] = time.time) -> None:
        _quieten()
        self._name = name
        self._now = now

    async def complete(self, deployment: Deployment, request: ChatRequest, timeouts: Timeouts) -> Completion:
        answer = await self._call(deployment, request, timeouts)
        payload = _payload(answer, "message", "content")
        return Completion(body=orjson.dumps(payload), usage=_usage(payload.get("usage")))

    async def stream(self, deployment: Deployment, request: ChatRequest, timeouts: Timeouts) -> "LitellmStream":
        chunks = await self._call(deployment, request, timeouts)
        return LitellmStream(chunks, deployment, hides_usage=not request.wants_usage, now=self._now)

    async def aclose(self) -> None:
        """Close litellm's HTTP clients; they are shared by all its providers and made anew where one is used again."""
        await close_litellm_async_clients()  # type: ignore[no-untyped-call]  # litellm leaves it untyped
        litellm.in_memory_llm_clients_cache.flush_cache()  # type: ignore[no-untyped-call]  # the same

    async def _call(self, deployment: Deployment, request: ChatRequest, timeouts: Timeouts) -> Any:
        """litellm's response object or stream, of a type that depends on the provider. Raises UpstreamError."""
        fields = _fields(deployment, request)
        if request.stream:
            fields["stream_options"] = {**(fields.get("stream_options") or {}), "include_usage": True}
        try:
            return await litellm.acompletion(
                **fields,
                model=f"{self._name}/{deployment.model}",
                stream=request.stream,
                api_base=deployment.api_base,
                api_key=None if deployment.api_key is None else deployment.api_key.reveal(),
                timeout=httpx.Timeout(timeouts.total_s, connect=timeouts.connect_s),
                max_retries=0,
                num_retries=0,
                _skip_mcp_handler=True,  # else a client's tool of type "mcp" makes litellm call servers itself
            )
        except Exception as exc:  # its providers raise what they like; the port promises UpstreamError
            raise upstream_error(deployment, exc, self._now()) from exc


class LitellmStream:
    """`UpstreamStream` over litellm's chunks."""

    __slots__ = ("_chunks", "_deployment", "_hides_usage", "_now", "output_events", "usage")

    def __init__(self, chunks: Any, deployment: Deployment, *, hides_usage: bool, now: Callable[[], float]) -> None:
        self._chunks = chunks
        self._deployment = deployment
        self._hides_usage = hides_usage
        self._now = now
        self.usage: Usage | None = None
        self.output_events = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._chunks:
                if event := self._event(_payload(chunk, "delta", None)):
                    yield event
        except UpstreamError:
            raise
        except Exception as exc:  # as in `LitellmProvider._call`
            raise upstream_error(self._deployment, exc, self._now()) from exc
        yield DONE

    async def aclose(self) -> None:
        await self._chunks.aclose()

    def _event(self, payload: dict[str, Any]) -> bytes:
        """One chunk as an event, empty where it is not for the client. Raises UpstreamInterruptedError."""
        if "usage" in payload:
            return self._usage_event(payload)
        if payload["choices"]:
            self.output_events += 1
            if payload["choices"][0]["finish_reason"] is not None and not self._has_finished():
                raise UpstreamInterruptedError(
                    f"deployment {self._deployment.name!r} ended its stream before the answer was whole"
                )
        return _sse(payload)

    def _usage_event(self, payload: dict[str, Any]) -> bytes:
        """litellm adds this chunk at the end, with counts of its own guessing where the upstream gave none."""
        if all(getattr(chunk, "usage", None) is None for chunk in self._chunks.chunks):
            return b""
        self.usage = _usage(payload["usage"])
        return b"" if self._hides_usage else _sse({**payload, "choices": []})

    def _has_finished(self) -> bool:
        """Whether the upstream gave a finish reason; litellm makes one up for an answer cut short."""
        return bool(self._chunks.received_finish_reason or self._chunks.intermittent_finish_reason)


def upstream_error(deployment: Deployment, exc: Exception, now_s: float) -> UpstreamError:
    """Translate what litellm raised. `now_s` (Unix time) is what a Retry-After date counts from."""
    if isinstance(exc, exceptions.MidStreamFallbackError) and exc.is_pre_first_chunk and exc.original_exception:
        return upstream_error(deployment, exc.original_exception, now_s)
    beneath = _kind_beneath(exc)
    if beneath is not None:
        return beneath(f"deployment {deployment.name!r}: {_SAID[beneath]}")
    row = next((ancestor for ancestor in type(exc).__mro__ if ancestor in KINDS), None)
    kind = UpstreamError if row is None else KINDS[row]
    if row is None:
        _log.warning("deployment %r: litellm raised an unknown %s", deployment.name, type(exc).__qualname__)
    if _NO_PROVIDER in str(exc):
        kind = UpstreamMissingModelError
    headers, status = _headers(exc), _status(exc)
    if status is None:
        return kind(f"deployment {deployment.name!r} failed: {kind.code}")
    said = error_of(deployment.name, status, headers, _body(exc), now_s)
    if row in _VAGUE and headers:
        kind = type(said)
    return kind(
        said.message,
        status=status,
        retry_after_s=said.retry_after_s,
        detail=_redacted(said.detail) if kind in _WITH_DETAIL else None,
        param=said.param if kind is UpstreamRejectedError else None,
    )


_SAID: Final[Mapping[type[UpstreamError], str]] = {
    UpstreamConnectError: "no connection could be made",
    UpstreamTimeoutError: "no answer in time",
    UpstreamInterruptedError: "the answer broke off",
    UpstreamInvalidAnswerError: "the answer was not JSON",
}


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


def _sse(payload: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(payload) + b"\n\n"


def _usage(reported: Any) -> Usage | None:
    """None where litellm has no counts; it writes zeros where the upstream gave none."""
    if not reported or not reported.get("prompt_tokens"):
        return None
    return msgspec.convert(reported, WireUsage).plain()


def _kind_beneath(exc: BaseException) -> type[UpstreamError] | None:
    causes = tuple(_chain(exc))
    for classes, kind in _CAUSES:
        if any(isinstance(cause, classes) for cause in causes):
            return kind
    return None


def _chain(exc: BaseException) -> Iterator[BaseException]:
    below: BaseException | None = exc
    while below is not None:
        yield below
        below = below.__cause__ or below.__context__


def _headers(exc: Exception) -> httpx.Headers:
    """The headers the upstream answered with; empty where it did not answer."""
    response = getattr(exc, "response", None)
    return httpx.Headers(getattr(exc, "litellm_response_headers", None) or getattr(response, "headers", None))


def _status(exc: Exception) -> int | None:
    """The upstream's status; also litellm's own where it sent nothing, a 4xx. Else litellm makes statuses up: None."""
    status = getattr(exc, "status_code", None)
    if not isinstance(status, int):
        return None
    is_local = 400 <= status < 500 and not isinstance(exc, exceptions.Timeout)
    return status if _headers(exc) or is_local else None


def _body(exc: Exception) -> bytes:
    """The upstream's JSON error, which litellm quotes inside its message; empty where there is none."""
    text = str(getattr(exc, "message", ""))
    start = text.find("{")
    if start < 0:
        return b""
    try:
        _, end = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return b""
    return text[start:end].encode("utf-8", "replace")


def _redacted(detail: str | None) -> str | None:
    return None if detail is None else _KEY.sub("[redacted]", _URL.sub("[redacted]", detail))


def _quieten() -> None:
    """litellm prints, logs prompts, downloads tokenizers and mends requests unless told not to."""
    litellm.suppress_debug_info = True
    litellm.redact_messages_in_exceptions = True
    litellm.turn_off_message_logging = True
    litellm.disable_hf_tokenizer_download = True
    litellm.user_url_validation = True
    litellm.drop_params = False
    litellm.modify_params = False
    litellm.cache = None
    logging.getLogger("LiteLLM").setLevel(logging.CRITICAL)
