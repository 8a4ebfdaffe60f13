"""litellm's exceptions → ours, and what of them may be told."""

import json
import logging
from collections.abc import Iterator, Mapping
from typing import Final

import aiohttp
import httpx

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
from gateway.domain.policy import Deployment
from gateway.domain.redaction import redact_quotation
from gateway.providers.litellm_settings import exceptions
from gateway.providers.openai_errors import error_of

_log = logging.getLogger(__name__)

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
_WITHOUT_TOKEN: Final[Mapping[str, type[UpstreamError]]] = {
    "google.auth.exceptions.RefreshError": UpstreamCredentialsError,
    "requests.exceptions.ConnectionError": UpstreamConnectError,
}
"""What fetching a token for Vertex AI ends in; by name, as these libraries are there for that only."""
_NO_PROVIDER: Final = "LLM Provider NOT provided"


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
        detail=redact_quotation(said.detail) if kind in _WITH_DETAIL and said.detail is not None else None,
        param=said.param if kind is UpstreamRejectedError else None,
    )


_SAID: Final[Mapping[type[UpstreamError], str]] = {
    UpstreamCredentialsError: "its credentials were not exchanged for a token",
    UpstreamConnectError: "no connection could be made",
    UpstreamTimeoutError: "no answer in time",
    UpstreamInterruptedError: "the answer broke off",
    UpstreamInvalidAnswerError: "the answer was not JSON",
}


def _kind_beneath(exc: BaseException) -> type[UpstreamError] | None:
    causes = tuple(_chain(exc))
    for cause in causes:
        if (kind := _WITHOUT_TOKEN.get(f"{type(cause).__module__}.{type(cause).__qualname__}")) is not None:
            return kind
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
