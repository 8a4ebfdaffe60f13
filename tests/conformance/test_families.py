"""What is a provider's own: how it is paid for, signed for and refused, beyond the contract of all."""

from dataclasses import replace

import pytest

from gateway.domain.errors import ContentFilterError, UpstreamCredentialsError, UpstreamInterruptedError
from gateway.domain.usage import Usage
from tests.conformance.aws_events import event, exception
from tests.conformance.bedrock_api import signature_fault
from tests.conformance.calls import Caller, answering
from tests.conformance.google_api import blocked_prompt, service_account
from tests.conformance.row import Said
from tests.conformance.rows import BY_NAME
from tests.conformance.test_contract import pytestmark as pytestmark  # noqa: PLC0414 (litellm's three filters)
from tests.conformance.upstream import Reply, Upstream, json_reply, sse

CLAUDE = BY_NAME["amazon-bedrock--claude"]
GEMINI = BY_NAME["google-gemini"]
CACHED = Said(cached_tokens=16)


@pytest.mark.parametrize("name", ["openai", "azure-openai", "anthropic", "google-gemini", "google-vertex-ai"])
def test_tokens_that_were_cached_are_counted_as_such(name: str, caller: Caller, upstream: Upstream) -> None:
    row = BY_NAME[name]
    answering(upstream, row, row.api.whole(CACHED))
    whole = caller.complete(row, upstream.url).usage
    answering(upstream, row, row.api.stream(CACHED))

    streamed = caller.stream(row, upstream.url).usage

    assert whole == streamed == Usage(input_tokens=21, output_tokens=5, cached_input_tokens=16)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
def test_a_prompt_that_gemini_blocks_is_for_another_deployment(
    streamed: bool, caller: Caller, upstream: Upstream
) -> None:
    blocked = json_reply(blocked_prompt())
    if streamed:
        blocked = Reply(pieces=sse(blocked_prompt()), content_type="text/event-stream")
    answering(upstream, GEMINI, blocked)

    error = caller.failure(GEMINI, upstream.url, streamed=streamed)

    assert type(error) is ContentFilterError


def test_a_request_to_bedrock_carries_a_signature_over_its_body(caller: Caller, upstream: Upstream) -> None:
    asked = answering(upstream, CLAUDE, CLAUDE.api.whole(Said()))
    caller.complete(CLAUDE, upstream.url)

    (heard,) = asked

    assert signature_fault(heard) is None
    assert signature_fault(replace(heard, body=heard.body + b" ")) is not None


def test_an_error_inside_an_event_stream_interrupts_it(caller: Caller, upstream: Upstream) -> None:
    whole = CLAUDE.api.stream(Said())
    broken = (*whole.pieces[:2], exception("modelStreamErrorException", "The model failed."))
    answering(upstream, CLAUDE, replace(whole, pieces=broken))

    error = caller.failure(CLAUDE, upstream.url, streamed=True)

    assert type(error) is UpstreamInterruptedError


def test_an_event_whose_checksum_does_not_fit_interrupts_the_stream(caller: Caller, upstream: Upstream) -> None:
    whole = CLAUDE.api.stream(Said())
    spoiled = event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "x"}})[:-1] + b"\0"
    answering(upstream, CLAUDE, replace(whole, pieces=(*whole.pieces[:2], spoiled, *whole.pieces[2:])))

    error = caller.failure(CLAUDE, upstream.url, streamed=True)

    assert type(error) is UpstreamInterruptedError


def test_a_service_account_that_google_does_not_know_is_a_matter_of_credentials(
    caller: Caller, upstream: Upstream
) -> None:
    row = replace(BY_NAME["google-vertex-ai"], secrets={"credentials": lambda url: service_account(f"{url}/refused")})
    upstream.listen(lambda heard: json_reply({"error": "invalid_grant"}, 400))

    error = caller.failure(row, upstream.url)

    assert type(error) is UpstreamCredentialsError
    assert [heard.path for heard in upstream.heard] == ["/refused/token"]
