"""Everything that can go wrong with a request, as one tree.

GatewayError
├── RequestError                the client can mend it
│   ├── InvalidRequestError         malformed or of the wrong type
│   ├── BodyTooLargeError           over the limit on request bodies
│   ├── HeadersTooLargeError        over the limit on request headers
│   ├── UnsupportedEncodingError    a compressed body
│   ├── RequestTimeoutError         it did not come whole in time
│   ├── AuthenticationError         no key
│   │   ├── UnknownKeyError             one we do not know
│   │   └── InactiveKeyError            one we know: revoked, disabled or expired
│   ├── TooManyGuessesError         one we do not know, after too many others
│   ├── ModelNotAllowedError        its key may not ask for that alias
│   ├── UnknownModelError           no policy serves that alias
│   ├── UnknownPathError            no such endpoint
│   ├── UnknownRequestError         feedback on a request that its key never sent
│   └── MethodNotAllowedError       the endpoint exists, the method does not
├── KeysUnavailableError        the keys could not be read since we started
├── AllowanceError              more than the caller is allowed now
│   ├── RateLimitError              of requests, tokens or requests at once
│   └── BudgetError                 of money
├── CountersUnavailableError    nobody can tell whether it is allowed, and the settings say to refuse it then
├── OverloadedError             we have all the requests we can hold
├── LedgerUnavailableError      it could not be recorded, and its policy serves nothing that is not
├── DatabaseUnavailableError    what only the database can do cannot be done now
├── NotRecordedYetError         the record of that request is still on its way to the database
├── NoDeploymentError           the policy leaves no deployment for this request
│   ├── PromptTooLongError          for no other reason than that it is longer than every window
│   └── AllRestingError             all of them rest after failures, and the route does not insist
├── AllBusyError                each has as many calls under way, or was sent as much, as the policy lets it
├── UpstreamError               one attempt failed
│   ├── UpstreamConnectError        refused, unresolvable, or no connection in time
│   │   └── UpstreamTlsError            its certificate or handshake is not to be trusted
│   ├── UpstreamTimeoutError        connected, then too slow
│   ├── UpstreamUnavailableError    a 5xx of its own
│   │   └── UpstreamOverloadedError     529: it has more to do than it can
│   ├── UpstreamRateLimitError      429; may carry when to come back
│   ├── UpstreamQuotaError          our account there has run out of money
│   ├── UpstreamCredentialsError    it does not accept our key
│   ├── UpstreamMissingModelError   it does not know the model we asked for
│   ├── UpstreamInvalidAnswerError  a 200 that is not an answer
│   ├── UpstreamInterruptedError    the answer broke off
│   ├── UpstreamRejectedError       it finds the request malformed
│   ├── ContextOverflowError        the prompt is longer than the model's window
│   ├── ContentFilterError          its content filter refused the prompt
│   └── FailedCheckError            it answered, but the answer failed the route's check
└── AttemptsExhaustedError      every deployment of the plan failed; holds their errors

`code` is stable and low in cardinality: it is what clients read, the metric label and the column in the record.
Messages are safe to show: text of an upstream never stands in one, but for `UpstreamRejectedError.detail`, which is the
upstream's verdict on the client's own request.
"""

from typing import ClassVar, Literal

from gateway.domain.quota import Quota

Trigger = Literal["error", "timeout", "rate_limit", "context_overflow", "content_filter", "failed_check"]
"""The kinds of failure a route can tell apart when it moves on to another deployment."""


class GatewayError(Exception):
    """Base of all.

    param          the request field at fault, where there is one
    retry_after_s  seconds after which it may be tried again; None where that is not known
    """

    code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, param: str | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s


class RequestError(GatewayError):
    code = "invalid_request"


class InvalidRequestError(RequestError):
    code = "invalid_request"


class BodyTooLargeError(RequestError):
    code = "body_too_large"


class HeadersTooLargeError(RequestError):
    code = "headers_too_large"


class UnsupportedEncodingError(RequestError):
    code = "unsupported_encoding"


class RequestTimeoutError(RequestError):
    code = "request_timeout"


class AuthenticationError(RequestError):
    code = "invalid_api_key"


class UnknownKeyError(AuthenticationError):
    """It counts as a guess."""


class InactiveKeyError(AuthenticationError):
    """Only who holds the whole key is told so."""

    code = "inactive_api_key"


class TooManyGuessesError(RequestError):
    code = "too_many_unknown_keys"


class ModelNotAllowedError(RequestError):
    """Whether a policy serves the alias is not told."""

    code = "model_not_allowed"


class UnknownModelError(RequestError):
    code = "model_not_found"


class UnknownPathError(RequestError):
    code = "unknown_path"


class UnknownRequestError(RequestError):
    """Nothing tells whether another key has sent it."""

    code = "request_not_found"


class MethodNotAllowedError(RequestError):
    code = "method_not_allowed"


class KeysUnavailableError(GatewayError):
    """Not the client's fault: its key may be a good one."""

    code = "keys_unavailable"


class AllowanceError(GatewayError):
    """A limit or a budget of the caller's has no room for the request.

    may_retry  False: sent again soon it would be refused again
    quota      what is left of the caller's limits
    """

    code = "allowance_exceeded"

    def __init__(
        self, message: str, *, retry_after_s: float | None = None, may_retry: bool = True, quota: Quota | None = None
    ) -> None:
        super().__init__(message, retry_after_s=retry_after_s)
        self.may_retry = may_retry
        self.quota = quota


class RateLimitError(AllowanceError):
    """Named as OpenAI names it."""

    code = "rate_limit_exceeded"


class BudgetError(AllowanceError):
    code = "budget_exceeded"


class CountersUnavailableError(GatewayError):
    """Redis is away, and `on_redis_down` says `refuse`."""

    code = "counters_unavailable"


class OverloadedError(GatewayError):
    """The process has all the requests it can hold; `retry_after_s` says when to come back."""

    code = "overloaded"


class LedgerUnavailableError(GatewayError):
    """Nothing can be written to the spool, and the policy says `on_unrecordable: refuse`."""

    code = "ledger_unavailable"


class DatabaseUnavailableError(GatewayError):
    """Requests never need the database; feedback does."""

    code = "database_unavailable"


class NotRecordedYetError(GatewayError):
    code = "not_recorded_yet"


class NoDeploymentError(GatewayError):
    """The constraints, the windows and the capabilities leave nothing to call."""

    code = "no_deployment"


class PromptTooLongError(NoDeploymentError):
    """Named as OpenAI names it: clients shorten the conversation on this code."""

    code = "context_length_exceeded"


class AllRestingError(NoDeploymentError):
    code = "all_resting"


class AllBusyError(GatewayError):
    """Shed at once: a queue that only grows helps nobody."""

    code = "all_busy"


class UpstreamError(GatewayError):
    """One attempt failed. `status` is what the upstream answered, None where it did not."""

    code = "upstream_error"
    falls_back: ClassVar[bool] = True
    """Whether the next deployment of the plan may do better."""
    blames_deployment: ClassVar[bool] = True
    """Whether it counts against the deployment's health."""
    trigger: ClassVar[Trigger] = "error"
    is_of_request: ClassVar[bool] = False
    """Whether the request itself brought it about: the call after it is no repetition, and spends no retry budget."""
    is_free: ClassVar[bool] = False
    """Whether it is certain that nothing was generated, so nothing is billed, though no status came back."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
        detail: str | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message, param=param, retry_after_s=retry_after_s)
        self.status = status
        self.detail = detail


class UpstreamConnectError(UpstreamError):
    code = "upstream_connect"
    retryable = True
    is_free = True


class UpstreamTlsError(UpstreamConnectError):
    code = "upstream_tls"
    retryable = False


class UpstreamTimeoutError(UpstreamError):
    code = "upstream_timeout"
    trigger = "timeout"


class UpstreamUnavailableError(UpstreamError):
    code = "upstream_unavailable"
    retryable = True


class UpstreamOverloadedError(UpstreamUnavailableError):
    code = "upstream_overloaded"


class UpstreamRateLimitError(UpstreamError):
    code = "upstream_rate_limit"
    trigger = "rate_limit"


class UpstreamQuotaError(UpstreamError):
    code = "upstream_quota"
    trigger = "rate_limit"


class UpstreamCredentialsError(UpstreamError):
    code = "upstream_credentials"


class UpstreamMissingModelError(UpstreamError):
    code = "upstream_missing_model"


class UpstreamInvalidAnswerError(UpstreamError):
    code = "upstream_invalid_answer"


class UpstreamInterruptedError(UpstreamError):
    code = "upstream_interrupted"
    retryable = True


class UpstreamRejectedError(UpstreamError):
    code = "upstream_rejected"
    falls_back = False
    blames_deployment = False


class ContextOverflowError(UpstreamError):
    code = "context_length_exceeded"
    trigger = "context_overflow"
    blames_deployment = False
    is_of_request = True


class ContentFilterError(UpstreamError):
    code = "content_filter"
    trigger = "content_filter"
    blames_deployment = False
    is_of_request = True


class FailedCheckError(UpstreamError):
    code = "failed_check"
    trigger = "failed_check"
    blames_deployment = False
    is_of_request = True


class AttemptsExhaustedError(GatewayError):
    """Every deployment of the plan failed; `errors` holds one error per attempt, in order."""

    code = "attempts_exhausted"

    def __init__(self, errors: tuple[UpstreamError, ...]) -> None:
        causes = ", ".join(error.code for error in errors)
        super().__init__(f"all {len(errors)} upstream attempts failed ({causes}); see the record for the whole story")
        self.errors = errors
