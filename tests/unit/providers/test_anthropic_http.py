"""The Messages provider through its port, against a strict server on loopback."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import orjson
import pytest

from gateway.domain.errors import (
    ContextOverflowError,
    UpstreamConnectError,
    UpstreamCredentialsError,
    UpstreamError,
    UpstreamInterruptedError,
    UpstreamInvalidAnswerError,
    UpstreamMissingModelError,
    UpstreamOverloadedError,
    UpstreamQuotaError,
    UpstreamRateLimitError,
    UpstreamRejectedError,
    UpstreamUnavailableError,
)
from gateway.domain.policy import Deployment, Secret, Timeouts
from gateway.domain.usage import MoreUsage, Usage
from gateway.providers.anthropic_http import AnthropicProvider, messages_url
from gateway.providers.http1 import Http1Client
from tests.builders import a_deployment, a_request
from tests.conformance.anthropic_server import CANARY, KEY, AnthropicServer

Result = TypeVar("Result")
Use = Callable[[AnthropicProvider, AnthropicServer], Awaitable[Result]]

TIMEOUTS = Timeouts()
USED = Usage(input_tokens=127, output_tokens=30, cached_input_tokens=100, more=MoreUsage(cache_write_tokens=20))


def run(use: Use[Result]) -> Result:
    async def with_both() -> Result:
        with AnthropicServer.running() as server:
            provider = AnthropicProvider(Http1Client(), now=lambda: 1_790_000_000.0)
            try:
                return await asyncio.wait_for(use(provider, server), 10)
            finally:
                await provider.aclose()

    return asyncio.run(with_both())


def at(server: AnthropicServer, model: str, **changes: Any) -> Deployment:
    fields = {"provider": "anthropic", "model": model, "api_base": server.url, "api_key": Secret(KEY), **changes}
    return a_deployment("d", **fields)


def complete(model: str, **changes: Any) -> tuple[Any, Usage | None]:
    async def use(provider: AnthropicProvider, server: AnthropicServer) -> tuple[Any, Usage | None]:
        completion = await provider.complete(at(server, model, **changes), a_request(), TIMEOUTS)
        return orjson.loads(completion.body), completion.usage

    return run(use)


async def events_of(provider: AnthropicProvider, deployment: Deployment) -> tuple[list[bytes], Usage | None]:
    stream = await provider.stream(deployment, a_request(stream=True, wants_usage=True), TIMEOUTS)
    try:
        return [events async for events in stream], stream.usage
    finally:
        await stream.aclose()


def streamed(model: str) -> tuple[list[bytes], Usage | None]:
    async def use(provider: AnthropicProvider, server: AnthropicServer) -> tuple[list[bytes], Usage | None]:
        return await events_of(provider, at(server, model))

    return run(use)


@pytest.mark.parametrize(
    ("api_base", "url"),
    [
        (None, "https://api.anthropic.com/v1/messages"),
        ("http://a/v1", "http://a/v1/messages"),
        ("http://a/v1/", "http://a/v1/messages"),
        ("http://a", "http://a/v1/messages"),
        ("http://a/anthropic", "http://a/anthropic/v1/messages"),
        ("http://a/v1?beta=true", "http://a/v1/messages?beta=true"),
    ],
)
def test_requests_go_below_the_api_base_with_its_version_or_without(api_base: str | None, url: str) -> None:
    assert messages_url(a_deployment(api_base=api_base)) == url


def test_the_key_and_the_version_go_in_the_apis_own_headers() -> None:
    async def use(provider: AnthropicProvider, server: AnthropicServer) -> dict[str, str]:
        await provider.complete(at(server, "text"), a_request(), TIMEOUTS)
        return server.received[0].headers

    headers = run(use)

    assert (headers["x-api-key"], headers["anthropic-version"]) == (KEY, "2023-06-01")
    assert headers.keys() == {"host", "content-length", "content-type", "x-api-key", "anthropic-version"}


def test_a_deployment_without_a_key_sends_none() -> None:
    with pytest.raises(UpstreamCredentialsError):
        complete("text", api_key=None)


def test_a_whole_answer_comes_with_its_usage() -> None:
    body, usage = complete("text")

    assert body["choices"][0]["message"]["content"] == "It is sunny in Zürich 🌞 today."
    assert usage == USED


def test_a_stream_comes_chunk_by_chunk_with_its_usage_and_ends_with_done() -> None:
    pieces, usage = streamed("text")

    whole = b"".join(pieces)
    assert whole.count(b'"content":"') > 5
    assert whole.endswith(b"data: [DONE]\n\n")
    assert usage == USED


@pytest.mark.parametrize("call", [complete, streamed])
@pytest.mark.parametrize(
    ("model", "kind", "status"),
    [
        ("error-invalid_request_error", UpstreamRejectedError, 400),
        ("error-authentication_error", UpstreamCredentialsError, 401),
        ("error-not_found_error", UpstreamMissingModelError, 404),
        ("error-request_too_large", ContextOverflowError, 413),
        ("spend-limit", UpstreamQuotaError, 429),
        ("rate-limit:3", UpstreamRateLimitError, 429),
        ("error-overloaded_error", UpstreamOverloadedError, 529),
        ("html", UpstreamInvalidAnswerError, None),
        ("empty", UpstreamInvalidAnswerError, None),
    ],
)
def test_what_is_no_answer_is_an_upstream_error_that_names_the_deployment(
    call: Callable[[str], Any], model: str, kind: type[UpstreamError], status: int | None
) -> None:
    with pytest.raises(UpstreamError) as caught:
        call(model)

    assert (type(caught.value), caught.value.status) == (kind, status)
    assert "'d'" in caught.value.message
    assert CANARY not in caught.value.message


def test_a_rate_limit_says_when_to_come_back() -> None:
    with pytest.raises(UpstreamRateLimitError) as caught:
        complete("rate-limit:3")

    assert caught.value.retry_after_s == 3


def test_a_request_that_cannot_be_said_is_not_sent() -> None:
    async def use(provider: AnthropicProvider, server: AnthropicServer) -> int:
        request = a_request(payload={"messages": [{"role": "user", "content": "hi"}], "logprobs": True})
        with pytest.raises(UpstreamRejectedError):
            await provider.complete(at(server, "text"), request, TIMEOUTS)
        return len(server.received)

    assert run(use) == 0


def test_a_refused_connection_is_free() -> None:
    async def use(provider: AnthropicProvider, server: AnthropicServer) -> None:
        await provider.complete(at(server, "text", api_base="http://127.0.0.1:9"), a_request(), TIMEOUTS)

    with pytest.raises(UpstreamConnectError) as caught:
        run(use)

    assert caught.value.is_free


@pytest.mark.parametrize("model", ["cut:0", "cut:4", "reset:0", "reset:4", "eof:0", "eof:4", "twice"])
def test_a_stream_that_breaks_is_an_interruption(model: str) -> None:
    with pytest.raises(UpstreamInterruptedError):
        streamed(model)


@pytest.mark.parametrize("count", [0, 1, 2, 4])
def test_an_upstream_overloaded_within_its_stream_says_so(count: int) -> None:
    with pytest.raises(UpstreamUnavailableError) as caught:
        streamed(f"overloaded:{count}")

    assert caught.value.status == 529


@pytest.mark.parametrize("model", ["unstopped", "cut:10", "reset:10", "eof:10"])
def test_a_stream_that_breaks_behind_its_stop_reason_is_whole(model: str) -> None:
    """The tenth event is `message_delta`."""
    pieces, usage = streamed(model)

    assert b"".join(pieces).endswith(b"data: [DONE]\n\n")
    assert usage == USED


def test_a_connection_serves_again_after_an_answer_and_a_stream() -> None:
    async def use(provider: AnthropicProvider, server: AnthropicServer) -> set[int]:
        for _ in range(2):
            await events_of(provider, at(server, "late-end"))
            await provider.complete(at(server, "text"), a_request(), TIMEOUTS)
        return {request.port for request in server.received}

    assert len(run(use)) == 1


def test_an_upstream_that_keeps_its_stream_open_holds_nobody_up() -> None:
    pieces, _ = streamed("lingers")

    assert b"".join(pieces).endswith(b"data: [DONE]\n\n")
