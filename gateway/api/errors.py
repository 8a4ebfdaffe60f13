"""Our errors → the OpenAI error envelope: one row a class, checked for completeness by a test."""

from typing import Final

import orjson
from msgspec import Struct

from gateway.domain import errors
from gateway.domain.errors import GatewayError, UpstreamError
from gateway.domain.redaction import redact


class Envelope(Struct, frozen=True):
    """The HTTP status and the `type` of the error object."""

    status: int
    type: str


ENVELOPES: Final[dict[type[GatewayError], Envelope]] = {
    errors.GatewayError: Envelope(500, "server_error"),
    errors.RequestError: Envelope(400, "invalid_request_error"),
    errors.InvalidRequestError: Envelope(400, "invalid_request_error"),
    errors.BodyTooLargeError: Envelope(413, "invalid_request_error"),
    errors.HeadersTooLargeError: Envelope(431, "invalid_request_error"),
    errors.UnsupportedEncodingError: Envelope(415, "invalid_request_error"),
    errors.RequestTimeoutError: Envelope(408, "invalid_request_error"),
    errors.AuthenticationError: Envelope(401, "authentication_error"),
    errors.UnknownKeyError: Envelope(401, "authentication_error"),
    errors.InactiveKeyError: Envelope(401, "authentication_error"),
    errors.TooManyGuessesError: Envelope(429, "rate_limit_error"),
    errors.ModelNotAllowedError: Envelope(403, "invalid_request_error"),
    errors.KeysUnavailableError: Envelope(503, "server_error"),
    errors.UnknownModelError: Envelope(404, "invalid_request_error"),
    errors.UnknownPathError: Envelope(404, "invalid_request_error"),
    errors.UnknownRequestError: Envelope(404, "invalid_request_error"),
    errors.MethodNotAllowedError: Envelope(405, "invalid_request_error"),
    errors.AllowanceError: Envelope(429, "rate_limit_error"),
    errors.RateLimitError: Envelope(429, "rate_limit_error"),
    errors.BudgetError: Envelope(429, "insufficient_quota"),
    errors.CountersUnavailableError: Envelope(503, "server_error"),
    errors.OverloadedError: Envelope(503, "server_error"),
    errors.LedgerUnavailableError: Envelope(503, "server_error"),
    errors.DatabaseUnavailableError: Envelope(503, "server_error"),
    errors.NotRecordedYetError: Envelope(503, "server_error"),
    errors.NoDeploymentError: Envelope(403, "invalid_request_error"),
    errors.PromptTooLongError: Envelope(400, "invalid_request_error"),
    errors.AllRestingError: Envelope(503, "server_error"),
    errors.AllBusyError: Envelope(503, "server_error"),
    errors.UpstreamError: Envelope(502, "server_error"),
    errors.UpstreamConnectError: Envelope(502, "server_error"),
    errors.UpstreamTlsError: Envelope(502, "server_error"),
    errors.UpstreamTimeoutError: Envelope(504, "server_error"),
    errors.UpstreamUnavailableError: Envelope(502, "server_error"),
    errors.UpstreamOverloadedError: Envelope(503, "server_error"),
    errors.UpstreamRateLimitError: Envelope(429, "rate_limit_error"),
    errors.UpstreamQuotaError: Envelope(503, "server_error"),
    errors.UpstreamCredentialsError: Envelope(502, "server_error"),
    errors.UpstreamMissingModelError: Envelope(502, "server_error"),
    errors.UpstreamInvalidAnswerError: Envelope(502, "server_error"),
    errors.UpstreamInterruptedError: Envelope(502, "server_error"),
    errors.UpstreamRejectedError: Envelope(400, "invalid_request_error"),
    errors.ContextOverflowError: Envelope(400, "invalid_request_error"),
    errors.ContentFilterError: Envelope(400, "invalid_request_error"),
    errors.FailedCheckError: Envelope(502, "server_error"),
    errors.AttemptsExhaustedError: Envelope(502, "server_error"),
}


def envelope(error: GatewayError) -> Envelope:
    return ENVELOPES[type(error)]


def error_body(error: GatewayError) -> bytes:
    """The body of an error answer; the same object ends a broken stream."""
    message = error.message
    if isinstance(error, UpstreamError) and error.detail is not None:
        message = f"{message}: {redact(error.detail)}"
    return orjson.dumps(
        {
            "error": {
                "message": message,
                "type": envelope(error).type,
                "param": error.param,
                "code": error.code,
            }
        }
    )
