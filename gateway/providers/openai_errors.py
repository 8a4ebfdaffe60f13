"""What an OpenAI-compatible server's error answer means to us."""

import math
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

import msgspec
from msgspec import Struct

from gateway.domain.errors import (
    ContentFilterError,
    ContextOverflowError,
    UpstreamCredentialsError,
    UpstreamError,
    UpstreamInvalidAnswerError,
    UpstreamMissingModelError,
    UpstreamOverloadedError,
    UpstreamQuotaError,
    UpstreamRateLimitError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)

LONGEST_RETRY_AFTER_S: Final = 3_600.0
_MAX_DETAIL_CHARS: Final = 500

_BY_CODE: Final[dict[str, type[UpstreamError]]] = {
    "context_length_exceeded": ContextOverflowError,
    "exceed_context_size_error": ContextOverflowError,
    "content_filter": ContentFilterError,
    "content_policy_violation": ContentFilterError,
    "insufficient_quota": UpstreamQuotaError,
    "billing_hard_limit_reached": UpstreamQuotaError,
    "enforced_spend_limit_reached": UpstreamQuotaError,
    "rate_limit_exceeded": UpstreamRateLimitError,
    "model_not_found": UpstreamMissingModelError,
    "invalid_prompt": ContentFilterError,
}
_BY_STATUS: Final[dict[int, type[UpstreamError]]] = {
    401: UpstreamCredentialsError,
    402: UpstreamQuotaError,
    403: UpstreamCredentialsError,
    404: UpstreamMissingModelError,
    408: UpstreamTimeoutError,
    413: ContextOverflowError,
    429: UpstreamRateLimitError,
    529: UpstreamOverloadedError,
}
_OVERFLOW_MARKS: Final = (
    "available context size",  # llama.cpp
    "context length",  # OpenAI, vLLM, Mistral, LM Studio
    "context window",
    "exceeds the maximum number of tokens",  # Gemini
    "input is too long",  # Bedrock
    "inputs must have less than",  # TGI
    "inputs` must have less than",
    "inputs` tokens +",
    "number of input tokens",  # watsonx
    "prompt is too long",  # Claude, also where Bedrock quotes it
    "too many tokens",  # Cohere, Titan
)


class _Fault(Struct):
    message: Any = None
    type: Any = None
    code: Any = None
    param: Any = None


class _Body(_Fault):
    """OpenAI's servers say it under `error`, IBM's under `errors`, Mistral, Cohere and AWS at the top."""

    error: _Fault | str | None = None
    errors: list[_Fault] | None = None


def error_of(deployment: str, status: int, headers: Mapping[str, str], body: bytes, now_s: float) -> UpstreamError:
    """Translate an answer whose status is not 200. `now_s` (Unix time) is what a Retry-After date counts from."""
    said = _said(body)
    kind = _kind(status, said)
    detail = _detail(said) if kind in (UpstreamRejectedError, ContextOverflowError, ContentFilterError) else None
    return kind(
        f"deployment {deployment!r} answered {status}",
        status=status,
        retry_after_s=retry_after_s(headers, now_s),
        detail=detail,
        param=said.param if isinstance(said.param, str) and kind is UpstreamRejectedError else None,
    )


def _said(body: bytes) -> _Fault:
    try:
        said = msgspec.json.decode(body, type=_Body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _Fault()
    if isinstance(said.error, str):
        return _Fault(message=said.error, type=said.type)
    return said.error or next(iter(said.errors or ()), said)


def _kind(status: int, said: _Fault) -> type[UpstreamError]:
    for name in (said.code, said.type):
        if isinstance(name, str) and name in _BY_CODE and status < 500:
            return _BY_CODE[name]
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:
        return UpstreamUnavailableError
    if status < 400:
        return UpstreamInvalidAnswerError
    text = said.message.lower() if isinstance(said.message, str) else ""
    return ContextOverflowError if any(mark in text for mark in _OVERFLOW_MARKS) else UpstreamRejectedError


def _detail(said: _Fault) -> str | None:
    """The upstream's verdict on the client's own request, on one line."""
    if not isinstance(said.message, str):
        return None
    return " ".join(said.message[:_MAX_DETAIL_CHARS].split())


def retry_after_s(headers: Mapping[str, str], now_s: float) -> float | None:
    """Seconds to wait, from `retry-after-ms` or `Retry-After` in either form; None where absent or senseless."""
    milliseconds = _number(headers.get("retry-after-ms"))
    value = headers.get("retry-after")
    seconds = milliseconds / 1e3 if milliseconds is not None else _number(value)
    if seconds is None and value is not None:
        seconds = _seconds_until(value, now_s)
    if seconds is None or seconds < 0:
        return None
    return min(seconds, LONGEST_RETRY_AFTER_S)


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _seconds_until(date: str, now_s: float) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp() - now_s
    except (ValueError, OverflowError):
        return None
