"""What an error of Anthropic's Messages API means to us, as an answer or as an event of a stream.

The API names a kind of error in `error.type` and, for some, the case in `error.details.error_code`. Its messages may be
reworded at any time, so words count last, and only for cases that have no code.
Source: the API's page on errors, and the error types of the vendor's Python SDK.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from gateway.domain.errors import (
    ContentFilterError,
    ContextOverflowError,
    UpstreamCredentialsError,
    UpstreamError,
    UpstreamInterruptedError,
    UpstreamInvalidAnswerError,
    UpstreamMissingModelError,
    UpstreamOverloadedError,
    UpstreamQuotaError,
    UpstreamRateLimitError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from gateway.providers.openai_errors import retry_after_s

_MAX_DETAIL_CHARS: Final = 500

TYPES: Final[Mapping[str, tuple[int, type[UpstreamError]]]] = {
    "invalid_request_error": (400, UpstreamRejectedError),
    "authentication_error": (401, UpstreamCredentialsError),
    "billing_error": (402, UpstreamQuotaError),
    "permission_error": (403, UpstreamCredentialsError),
    "not_found_error": (404, UpstreamMissingModelError),
    "conflict_error": (409, UpstreamUnavailableError),
    "request_too_large": (413, ContextOverflowError),
    "rate_limit_error": (429, UpstreamRateLimitError),
    "api_error": (500, UpstreamUnavailableError),
    "timeout_error": (504, UpstreamTimeoutError),
    "overloaded_error": (529, UpstreamOverloadedError),
}
"""Every documented `error.type`: the status it is answered with, and what it is to us."""

CODES: Final[Mapping[str, type[UpstreamError]]] = {
    "enforced_spend_limit_reached": UpstreamQuotaError,
    "contract_spend_limit_reached": UpstreamQuotaError,
    "linked_organization_spend_limit_reached": UpstreamQuotaError,
    "linked_organization_billing_unavailable": UpstreamQuotaError,
    "organization_on_hold": UpstreamCredentialsError,
    "region_not_supported": UpstreamCredentialsError,
}
"""Codes that say something else than the type they come with."""

_WORDS: Final = (
    ("prompt is too long", ContextOverflowError),
    ("exceed context limit", ContextOverflowError),
    ("required for long context requests", ContextOverflowError),
    ("credit balance is too low", UpstreamQuotaError),
    ("api usage limits", UpstreamQuotaError),
    ("organization has been disabled", UpstreamCredentialsError),
    ("content filtering policy", ContentFilterError),
)
"""Said with a 400, one also with a 429: which prompts are too long depends on what the account pays for."""

_ABOUT_THE_REQUEST: Final = (400, 429)
_BY_STATUS: Final = {status: kind for status, kind in TYPES.values() if status != 400} | {408: UpstreamTimeoutError}
_WITH_DETAIL: Final = (UpstreamRejectedError, ContextOverflowError, ContentFilterError)


class WireError(Struct):
    """The `error` object; `details` is there for some."""

    type: Any = None
    message: Any = None
    details: Any = None

    @property
    def code(self) -> Any:
        return self.details.get("error_code") if isinstance(self.details, dict) else None


class _Body(Struct):
    error: WireError | None = None


def error_of(deployment: str, status: int, headers: Mapping[str, str], body: bytes, now_s: float) -> UpstreamError:
    """Translate an answer whose status is not 200. `now_s` (Unix time) is what a Retry-After date counts from."""
    said = _said(body)
    kind = _kind(status, said)
    return kind(
        f"deployment {deployment!r} answered {status}",
        status=status,
        retry_after_s=retry_after_s(headers, now_s),
        detail=_detail(said) if kind in _WITH_DETAIL else None,
    )


def error_in_stream(deployment: str, said: WireError) -> UpstreamError:
    """Translate an `error` event; of a type we do not know, all it says is that the answer has ended."""
    if not isinstance(said.type, str) or said.type not in TYPES:
        return UpstreamInterruptedError(f"deployment {deployment!r} reported an error in its stream")
    status, _ = TYPES[said.type]
    kind = _kind(status, said)
    return kind(
        f"deployment {deployment!r} reported {said.type!r} in its stream",
        status=status,
        detail=_detail(said) if kind in _WITH_DETAIL else None,
    )


def _said(body: bytes) -> WireError:
    try:
        return msgspec.json.decode(body, type=_Body).error or WireError()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return WireError()


def _kind(status: int, said: WireError) -> type[UpstreamError]:
    if status < 500 and isinstance(said.code, str) and said.code in CODES:
        return CODES[said.code]
    if status in _ABOUT_THE_REQUEST and isinstance(said.message, str):
        text = said.message.lower()
        for words, kind in _WORDS:
            if words in text:
                return kind
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if isinstance(said.type, str) and said.type in TYPES:
        return TYPES[said.type][1]
    if status >= 500:
        return UpstreamUnavailableError
    return UpstreamInvalidAnswerError if status < 400 else UpstreamRejectedError


def _detail(said: WireError) -> str | None:
    """The upstream's verdict on the client's own request, on one line."""
    return " ".join(said.message[:_MAX_DETAIL_CHARS].split()) if isinstance(said.message, str) else None
