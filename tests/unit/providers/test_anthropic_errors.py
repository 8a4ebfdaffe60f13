"""Every documented error of the Messages API has its meaning, and none of its words leak but about the request."""

import orjson
import pytest

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
from gateway.providers.anthropic_errors import TYPES, WireError, error_in_stream, error_of

NOW_S = 1_790_000_000.0

DOCUMENTED = {
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
"""The API's own list, of which the SDK of the vendor has a class for each."""

documented = pytest.mark.parametrize(("name", "meaning"), DOCUMENTED.items(), ids=DOCUMENTED.keys())


def error(
    status: int, message: str = "said", kind: str = "invalid_request_error", code: object = None
) -> UpstreamError:
    details = {} if code is None else {"details": {"error_code": code}}
    body = {"type": "error", "error": {"type": kind, "message": message, **details}, "request_id": "req_1"}
    return error_of("d", status, {}, orjson.dumps(body), NOW_S)


def test_no_documented_type_is_without_a_row() -> None:
    assert TYPES.keys() == DOCUMENTED.keys()


@documented
def test_an_answer_of_a_documented_type_has_its_meaning(name: str, meaning: tuple[int, type[UpstreamError]]) -> None:
    status, kind = meaning

    found = error(status, kind=name)

    assert type(found) is kind
    assert found.status == status
    assert found.message == f"deployment 'd' answered {status}"


@documented
def test_an_event_of_a_documented_type_means_what_the_answer_does(
    name: str, meaning: tuple[int, type[UpstreamError]]
) -> None:
    found = error_in_stream("d", WireError(type=name, message="said"))

    assert (found.status, type(found)) == meaning
    assert found.message == f"deployment 'd' reported {name!r} in its stream"


@documented
def test_a_status_alone_says_as_much_as_its_type(name: str, meaning: tuple[int, type[UpstreamError]]) -> None:
    status, kind = meaning

    assert type(error_of("d", status, {}, b"<html>", NOW_S)) is kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (204, UpstreamInvalidAnswerError),
        (302, UpstreamInvalidAnswerError),
        (408, UpstreamTimeoutError),
        (418, UpstreamRejectedError),
        (502, UpstreamUnavailableError),
        (503, UpstreamUnavailableError),
        (520, UpstreamUnavailableError),
    ],
)
def test_a_status_the_api_does_not_document_means_what_it_means_elsewhere(
    status: int, kind: type[UpstreamError]
) -> None:
    assert type(error_of("d", status, {}, b"", NOW_S)) is kind


def test_an_overloaded_upstream_is_worth_another_try() -> None:
    assert error(529, kind="overloaded_error").retryable


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (429, "enforced_spend_limit_reached"),
        (429, "contract_spend_limit_reached"),
        (402, "linked_organization_spend_limit_reached"),
        (402, "linked_organization_billing_unavailable"),
    ],
)
def test_money_that_has_run_out_is_no_rate_limit(status: int, code: str) -> None:
    assert type(error(status, kind="rate_limit_error", code=code)) is UpstreamQuotaError


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "prompt is too long: 208310 tokens > 200000 maximum", ContextOverflowError),
        (400, "input length and `max_tokens` exceed context limit: 190000 + 21333 > 200000", ContextOverflowError),
        (429, "Extra usage is required for long context requests.", ContextOverflowError),
        (400, "Your credit balance is too low to access the Anthropic API.", UpstreamQuotaError),
        (400, "You have reached your specified API usage limits.", UpstreamQuotaError),
        (400, "This organization has been disabled.", UpstreamCredentialsError),
        (400, "Output blocked by content filtering policy", ContentFilterError),
        (400, "max_tokens: Field required", UpstreamRejectedError),
        (500, "prompt is too long", UpstreamUnavailableError),
    ],
)
def test_what_has_no_code_is_known_by_its_words(status: int, message: str, kind: type[UpstreamError]) -> None:
    assert type(error(status, message)) is kind


@pytest.mark.parametrize("code", ["ramp_limit_exceeded", "", 7, None, {}])
def test_a_code_we_do_not_know_leaves_the_type(code: object) -> None:
    assert type(error(429, kind="rate_limit_error", code=code)) is UpstreamRateLimitError


def test_a_server_error_stays_one_whatever_its_code() -> None:
    assert type(error(500, kind="api_error", code="enforced_spend_limit_reached")) is UpstreamUnavailableError


def test_a_rate_limit_carries_when_to_come_back() -> None:
    found = error_of("d", 429, {"retry-after": "7"}, b"", NOW_S)

    assert found.retry_after_s == 7


def test_a_verdict_on_the_request_is_passed_on_in_one_short_line() -> None:
    found = error(400, "messages.1:\n\n must be  text\r\n" + "x" * 10_000)

    assert found.detail is not None
    assert found.detail.startswith("messages.1: must be text xxx")
    assert len(found.detail) <= 500


@pytest.mark.parametrize("status", [401, 402, 403, 404, 429, 500, 529])
def test_what_is_not_about_the_request_is_never_passed_on(status: int) -> None:
    found = error(status, "secret", kind="secret")

    assert found.detail is None
    assert "secret" not in found.message


@pytest.mark.parametrize("said", [WireError(), WireError(type="secret", message="secret"), WireError(type=7)])
def test_an_event_of_no_known_type_is_an_interruption(said: WireError) -> None:
    found = error_in_stream("d", said)

    assert type(found) is UpstreamInterruptedError
    assert "secret" not in found.message


@pytest.mark.parametrize(
    "body", [b"", b"{", b"null", b"[]", b"\xff", b'{"error":null}', b'{"error":"x"}', b'{"error":{"details":[1]}}']
)
def test_a_body_that_says_nothing_leaves_the_status(body: bytes) -> None:
    found = error_of("d", 400, {}, body, NOW_S)

    assert type(found) is UpstreamRejectedError
    assert found.detail is None
