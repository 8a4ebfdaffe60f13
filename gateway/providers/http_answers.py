"""From a request over HTTP to an answer that is one: what every provider of ours does alike."""

from collections.abc import Callable, Mapping
from typing import Final

from gateway.domain.errors import (
    UpstreamConnectError,
    UpstreamError,
    UpstreamInterruptedError,
    UpstreamInvalidAnswerError,
    UpstreamTlsError,
)
from gateway.providers.http_client import BodyTooLongError, HttpClient, HttpError, HttpResponse

MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
_MAX_ERROR_BYTES: Final = 256 * 1024

ErrorOf = Callable[[str, int, Mapping[str, str], bytes, float], UpstreamError]
"""From deployment, status, headers, body and Unix time to the error that such an answer is."""


async def opened(
    client: HttpClient,
    deployment: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    connect_s: float,
    error_of: ErrorOf,
    now: Callable[[], float],
) -> HttpResponse:
    """The answer to a request, once it is known to be a 200 that is not compressed. Raises UpstreamError."""
    try:
        response = await client.post(url, headers, body, connect_s=connect_s)
    except HttpError as exc:
        raise _kind(exc)(f"deployment {deployment!r}: {exc}") from exc
    if response.status == 200 and response.headers.get("content-encoding", "identity") == "identity":
        return response
    try:
        beginning = await _beginning(response)
    finally:
        response.close()
    if response.status == 200:
        raise UpstreamInvalidAnswerError(f"deployment {deployment!r} compressed its answer unasked")
    raise error_of(deployment, response.status, response.headers, beginning, now())


async def whole_body(deployment: str, response: HttpResponse) -> bytes:
    """The body of a JSON answer; the response is closed. Raises UpstreamError."""
    try:
        if "json" not in response.headers.get("content-type", "json").lower():
            raise UpstreamInvalidAnswerError(f"deployment {deployment!r} answered with something other than JSON")
        return await response.read(MAX_ANSWER_BYTES)
    except HttpError as exc:
        raise UpstreamInterruptedError(f"deployment {deployment!r}: {exc}") from exc
    except BodyTooLongError as exc:
        raise UpstreamInvalidAnswerError(
            f"deployment {deployment!r} answered with more than {MAX_ANSWER_BYTES} bytes"
        ) from exc
    finally:
        response.close()


def require_stream(deployment: str, response: HttpResponse) -> None:
    """Close an answer that is no event stream. Raises UpstreamInvalidAnswerError for it."""
    if not response.headers.get("content-type", "").startswith("text/event-stream"):
        response.close()
        raise UpstreamInvalidAnswerError(f"deployment {deployment!r} answered with something other than a stream")


def _kind(error: HttpError) -> type[UpstreamError]:
    if error.is_tls:
        return UpstreamTlsError
    return UpstreamConnectError if error.is_connect else UpstreamInterruptedError


async def _beginning(response: HttpResponse) -> bytes:
    """An error's body; empty where it does not come or is absurdly long."""
    try:
        return await response.read(_MAX_ERROR_BYTES)
    except (HttpError, BodyTooLongError):
        return b""
