import inspect
from collections import Counter

import pytest

from gateway.domain import errors
from gateway.domain.errors import (
    AttemptsExhaustedError,
    ContentFilterError,
    ContextOverflowError,
    FailedCheckError,
    GatewayError,
    InvalidRequestError,
    RequestError,
    UpstreamConnectError,
    UpstreamError,
    UpstreamInterruptedError,
    UpstreamOverloadedError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamTlsError,
    UpstreamUnavailableError,
)

ALL = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, GatewayError)]
KINDS_OF_UPSTREAM_ERROR = [each for each in ALL if issubclass(each, UpstreamError) and each is not UpstreamError]


def _drawn_parents() -> dict[str, str]:
    """Class → parent, as the module's docstring draws them."""
    lines = [line for line in inspect.cleandoc(errors.__doc__ or "").splitlines() if "Error" in line.split(" ")[0]]
    lines += [line for line in (errors.__doc__ or "").splitlines() if line[:1] in ("├", "└", "│")]
    path: dict[int, str] = {}
    parents: dict[str, str] = {}
    for line in dict.fromkeys(lines):
        name = line.lstrip("│├└─ ").split()[0]
        depth = (len(line) - len(line.lstrip("│├└─ "))) // 4
        path[depth] = name
        if depth:
            parents[name] = path[depth - 1]
    return parents


def test_the_tree_in_the_docstring_is_the_tree_in_the_code() -> None:
    parents = _drawn_parents()

    assert parents == {each.__name__: each.__bases__[0].__name__ for each in ALL if each is not GatewayError}


@pytest.mark.parametrize("kind", ALL)
def test_a_code_is_a_word_fit_for_a_metric_label(kind: type[GatewayError]) -> None:
    assert kind.code.replace("_", "").isalpha()
    assert kind.code == kind.code.lower()


def test_no_two_errors_share_a_code_but_the_plainest_request_error_and_the_two_that_say_too_long_or_no_key() -> None:
    shared = sorted(code for code, count in Counter(each.code for each in ALL).items() if count > 1)

    assert shared == ["context_length_exceeded", "invalid_api_key", "invalid_request"]
    assert RequestError.code == InvalidRequestError.code


def test_only_what_may_pass_in_a_moment_is_retryable() -> None:
    retryable = {each for each in ALL if each.retryable}

    assert retryable == {
        UpstreamConnectError,
        UpstreamInterruptedError,
        UpstreamOverloadedError,
        UpstreamUnavailableError,
    }


def test_only_a_request_the_upstream_finds_malformed_is_not_tried_elsewhere() -> None:
    assert [each for each in KINDS_OF_UPSTREAM_ERROR if not each.falls_back] == [UpstreamRejectedError]


def test_a_deployment_is_not_blamed_for_what_the_request_brought_about() -> None:
    blameless = {each for each in KINDS_OF_UPSTREAM_ERROR if not each.blames_deployment}

    assert blameless == {UpstreamRejectedError, ContextOverflowError, ContentFilterError, FailedCheckError}


def test_only_what_the_request_brought_about_is_followed_by_a_call_that_spends_no_budget() -> None:
    of_request = {each for each in KINDS_OF_UPSTREAM_ERROR if each.is_of_request}

    assert of_request == {ContextOverflowError, ContentFilterError, FailedCheckError}


def test_only_a_call_that_never_arrived_is_certain_to_be_free() -> None:
    assert {each for each in KINDS_OF_UPSTREAM_ERROR if each.is_free} == {UpstreamConnectError, UpstreamTlsError}


def test_an_error_says_its_message_and_names_the_field_at_fault() -> None:
    error = InvalidRequestError("'messages' is empty", param="messages")

    assert str(error) == error.message == "'messages' is empty"
    assert error.param == "messages"


def test_the_upstreams_own_words_stand_in_no_message() -> None:
    error = UpstreamRejectedError("deployment 'a' rejected it", status=400, detail="your prompt: hello", param="stop")

    assert "hello" not in str(error)
    assert (error.status, error.detail, error.param) == (400, "your prompt: hello", "stop")


def test_exhaustion_keeps_every_error_in_order_and_names_their_codes() -> None:
    tried = (UpstreamConnectError("a"), UpstreamTimeoutError("b"))

    exhausted = AttemptsExhaustedError(tried)

    assert exhausted.errors == tried
    assert str(exhausted).startswith("all 2 upstream attempts failed (upstream_connect, upstream_timeout)")
