import orjson
import pytest

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
from gateway.providers.openai_errors import LONGEST_RETRY_AFTER_S, error_of, retry_after_s

NOW_S = 1_790_000_000.0


def error(status: int, body: bytes | None = None, **said: object) -> UpstreamError:
    return error_of("d", status, {}, orjson.dumps({"error": said}) if body is None else body, NOW_S)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, UpstreamInvalidAnswerError),
        (204, UpstreamInvalidAnswerError),
        (400, UpstreamRejectedError),
        (401, UpstreamCredentialsError),
        (402, UpstreamQuotaError),
        (403, UpstreamCredentialsError),
        (404, UpstreamMissingModelError),
        (408, UpstreamTimeoutError),
        (409, UpstreamRejectedError),
        (413, ContextOverflowError),
        (422, UpstreamRejectedError),
        (429, UpstreamRateLimitError),
        (500, UpstreamUnavailableError),
        (503, UpstreamUnavailableError),
        (529, UpstreamOverloadedError),
        (599, UpstreamUnavailableError),
    ],
)
def test_a_status_has_a_meaning_of_its_own(status: int, kind: type[UpstreamError]) -> None:
    found = error(status, b"")

    assert type(found) is kind
    assert found.status == status
    assert found.message == f"deployment 'd' answered {status}"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("context_length_exceeded", ContextOverflowError),
        ("content_filter", ContentFilterError),
        ("content_policy_violation", ContentFilterError),
        ("insufficient_quota", UpstreamQuotaError),
        ("billing_hard_limit_reached", UpstreamQuotaError),
        ("enforced_spend_limit_reached", UpstreamQuotaError),
        ("model_not_found", UpstreamMissingModelError),
    ],
)
@pytest.mark.parametrize("field", ["code", "type"])
def test_a_code_outweighs_a_client_status(code: str, kind: type[UpstreamError], field: str) -> None:
    body = orjson.dumps({"error": {field: code}})

    assert type(error(400, body)) is kind
    assert type(error(429, body)) is kind


def test_a_server_error_stays_one_whatever_its_code() -> None:
    assert type(error(500, code="insufficient_quota")) is UpstreamUnavailableError


@pytest.mark.parametrize(
    "message", ["This model's maximum context length is 4096", "Context window exceeded", "too many tokens"]
)
def test_an_overflow_is_known_by_its_words_where_it_has_no_code(message: str) -> None:
    assert type(error(400, message=message)) is ContextOverflowError


def test_a_verdict_on_the_request_is_passed_on_in_one_short_line() -> None:
    found = error(400, message="bad\n\n  field\r\n" + "x" * 10_000, param="n")

    assert found.detail is not None
    assert found.detail.startswith("bad field xxx")
    assert len(found.detail) <= 500
    assert found.param == "n"


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500])
def test_what_is_not_about_the_request_is_never_passed_on(status: int) -> None:
    found = error(status, message="secret", param="secret")

    assert (found.detail, found.param) == (None, None)
    assert "secret" not in found.message


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"x"',
        b"<html>",
        b"\xff",
        b'{"error": null}',
        b'{"error": 5}',
        b"[" * 100_000,
        b'{"error": {"code": {}, "message": 7, "param": []}}',
    ],
)
def test_a_body_that_says_nothing_leaves_the_status(body: bytes) -> None:
    found = error(400, body)

    assert type(found) is UpstreamRejectedError
    assert (found.detail, found.param) == (None, None)


def test_an_error_may_be_a_plain_string() -> None:
    assert error(400, b'{"error": "context length exceeded"}').detail == "context length exceeded"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9),
        ({"retry-after": "999999"}, LONGEST_RETRY_AFTER_S),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "NaN"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Mon, 21 Sep 2026 14:13:30 GMT"}, 10),
        ({"retry-after": "Wed, 21 Oct 2099 07:28:00 GMT"}, LONGEST_RETRY_AFTER_S),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, None),
        ({"retry-after": "Mon, 99 Sep 2026 99:99:99 GMT"}, None),
    ],
)
def test_every_form_of_retry_after_is_read_and_bounded(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers, NOW_S) == seconds
