import inspect

import orjson
import pytest
import requests

from gateway.domain.errors import (
    ContextOverflowError,
    UpstreamConnectError,
    UpstreamError,
    UpstreamTimeoutError,
)
from gateway.providers.litellm_errors import KINDS, upstream_error
from gateway.providers.litellm_settings import exceptions
from tests.builders import a_deployment

NOT_FROM_A_COMPLETION = {
    "BlockedPiiEntityError",
    "BudgetExceededError",
    "GuardrailRaisedException",
    "MockException",
    "ModelNotMappedError",
    "ModifyResponseException",
    "SensitiveDataRouteException",
    "VectorStoreSearchError",
}
"""Of litellm's proxy, its guardrails, its mocks, its spending limit and its vector stores: none is used here."""


def test_keys_and_addresses_are_struck_out_of_the_upstreams_verdict() -> None:
    key = "sk-" + "a" * 24
    said = orjson.dumps({"error": {"message": f"no {key} at\nhttps://host.invalid/v1?token=1 " + "long " * 200}})
    raised = exceptions.BadRequestError(message=f"X - {said.decode()}", model="m", llm_provider="p")

    error = upstream_error(a_deployment(), raised, 0.0)

    assert error.detail is not None
    assert error.detail.startswith("no [redacted] at [redacted] long")
    assert len(error.detail) <= 500


def test_every_exception_of_litellm_that_a_call_can_raise_has_a_row() -> None:
    raised = {
        each
        for name, each in inspect.getmembers(exceptions, inspect.isclass)
        if issubclass(each, Exception)
        and each.__module__ == exceptions.__name__
        and not name.startswith("_")
        and name not in NOT_FROM_A_COMPLETION
    }

    assert {each.__name__ for each in raised - KINDS.keys()} == set()
    assert {each.__name__ for each in KINDS.keys() - raised} == set()


def test_a_timeout_of_litellms_own_is_a_timeout_without_a_status() -> None:
    error = upstream_error(a_deployment(), exceptions.Timeout(message="late", model="m", llm_provider="p"), 0.0)

    assert type(error) is UpstreamTimeoutError
    assert error.status is None


def test_an_exception_in_no_row_is_still_an_upstream_error(caplog: pytest.LogCaptureFixture) -> None:
    error = upstream_error(a_deployment(), ImportError("boto3"), 0.0)

    assert type(error) is UpstreamError
    assert "ImportError" in caplog.text
    assert "boto3" not in f"{error.message}{error.detail}"


@pytest.mark.parametrize(
    "said",
    [
        {"message": "Prompt contains 40000 tokens, over the maximum context length"},
        {"errors": [{"message": "the number of input tokens 9000 cannot exceed the limit"}]},
    ],
    ids=["at the top", "in a list"],
)
def test_what_the_upstream_said_is_found_where_it_says_it(said: object) -> None:
    raised = exceptions.BadRequestError(message=f"X - {orjson.dumps(said).decode()}", model="m", llm_provider="p")
    vars(raised)["litellm_response_headers"] = {"content-type": "application/json"}

    assert type(upstream_error(a_deployment(), raised, 0.0)) is ContextOverflowError


def test_a_token_that_could_not_be_fetched_is_a_connect_error() -> None:
    raised = RuntimeError("no token")
    raised.__cause__ = requests.ConnectionError("refused")

    assert type(upstream_error(a_deployment(), raised, 0.0)) is UpstreamConnectError
