"""The OpenAI relay against the scripted upstream."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any, TypeVar

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.errors import (
    UpstreamConnectError,
    UpstreamCredentialsError,
    UpstreamError,
    UpstreamInterruptedError,
    UpstreamInvalidAnswerError,
    UpstreamRateLimitError,
)
from gateway.domain.policy import Deployment, Secret, Timeouts
from gateway.providers.http1 import Http1Client
from gateway.providers.openai_http import OpenAIProvider, api_key, bearer, chat_url, upstream_body
from gateway.providers.scripted import ScriptedUpstream
from tests.builders import a_deployment, a_request

Result = TypeVar("Result")
Use = Callable[[OpenAIProvider, ScriptedUpstream], Awaitable[Result]]

TIMEOUTS = Timeouts()


def run(use: Use[Result], **options: Any) -> Result:
    async def with_both() -> Result:
        async with ScriptedUpstream() as upstream:
            provider = OpenAIProvider(Http1Client(), now=lambda: 1_790_000_000.0, **options)
            try:
                return await asyncio.wait_for(use(provider, upstream), 10)
            finally:
                await provider.aclose()

    return asyncio.run(with_both())


def at(upstream: ScriptedUpstream, model: str, **changes: Any) -> Deployment:
    return a_deployment("d", model=model, api_base=f"{upstream.url}/v1", **changes)


def complete(model: str) -> tuple[bytes, Any]:
    async def use(provider: OpenAIProvider, upstream: ScriptedUpstream) -> tuple[bytes, Any]:
        completion = await provider.complete(at(upstream, model), a_request(), TIMEOUTS)
        return completion.body, (completion.usage, upstream.ledger.calls)

    return run(use)


def streamed(model: str) -> bytes:
    payload = {"model": "auto", "messages": [], "stream": True}
    request = a_request(stream=True, wants_usage=True, payload=payload)

    async def use(provider: OpenAIProvider, upstream: ScriptedUpstream) -> bytes:
        stream = await provider.stream(at(upstream, model), request, TIMEOUTS)
        try:
            return b"".join([events async for events in stream])
        finally:
            await stream.aclose()

    return run(use)


@pytest.mark.parametrize(
    ("api_base", "url"),
    [
        (None, "https://api.openai.com/v1/chat/completions"),
        ("http://a/v1", "http://a/v1/chat/completions"),
        ("http://a/v1/", "http://a/v1/chat/completions"),
        ("http://a/openai/deployments/d?api-version=1", "http://a/openai/deployments/d/chat/completions?api-version=1"),
    ],
)
def test_chat_requests_go_below_the_api_base_whose_query_is_kept(api_base: str | None, url: str) -> None:
    assert chat_url(a_deployment(api_base=api_base)) == url


def test_the_body_is_the_clients_with_the_model_rewritten_in_its_place() -> None:
    payload = {"x": [1, None], "model": "auto", "messages": []}

    body = upstream_body(a_deployment(model="m"), a_request(payload=payload))

    assert body == b'{"x":[1,null],"model":"m","messages":[]}'
    assert payload["model"] == "auto"


@pytest.mark.parametrize("options", [None, {}, {"include_usage": False}, {"include_usage": True}])
def test_a_stream_always_asks_for_its_usage(options: Any) -> None:
    payload = {"model": "auto", "stream": True, "stream_options": options}

    body = orjson.loads(upstream_body(a_deployment(), a_request(payload=payload, stream=True)))

    assert body["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize(
    ("auth", "header", "value"), [(bearer, "authorization", "Bearer k"), (api_key, "api-key", "k")]
)
def test_the_deployments_key_goes_where_its_provider_wants_it(auth: Any, header: str, value: str) -> None:
    async def use(provider: OpenAIProvider, upstream: ScriptedUpstream) -> dict[str, str]:
        await provider.complete(at(upstream, "small", api_key=Secret("k")), a_request(), TIMEOUTS)
        return upstream.ledger.last_received.headers

    assert run(use, auth_header=auth)[header] == value


def test_a_deployment_without_a_key_sends_none() -> None:
    async def use(provider: OpenAIProvider, upstream: ScriptedUpstream) -> dict[str, str]:
        await provider.complete(at(upstream, "small"), a_request(), TIMEOUTS)
        return upstream.ledger.last_received.headers

    assert not {"authorization", "api-key"} & set(run(use))


def test_a_whole_answer_comes_with_its_usage() -> None:
    body, (usage, calls) = complete("small")

    assert orjson.loads(body)["model"] == "small"
    assert (usage.input_tokens, usage.output_tokens) == (calls[0].prompt_tokens, calls[0].completion_tokens)


def test_an_answer_without_usage_is_an_answer() -> None:
    body, (usage, _) = complete("missing-usage")

    assert orjson.loads(body)["choices"]
    assert usage is None


@pytest.mark.parametrize("model", ["no-choices", "null-message"])
def test_an_answer_that_is_merely_odd_is_delivered(model: str) -> None:
    assert orjson.loads(complete(model)[0])["object"] == "chat.completion"


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("html", UpstreamInvalidAnswerError),
        ("empty", UpstreamInvalidAnswerError),
        ("error-in-body", UpstreamInvalidAnswerError),
        ("malformed", UpstreamInvalidAnswerError),
        ("wrong-type", UpstreamInvalidAnswerError),
        ("gzip-bomb:1", UpstreamInvalidAnswerError),
        ("redirect:302", UpstreamInvalidAnswerError),
        ("wrong-length", UpstreamInterruptedError),
        ("reset:0", UpstreamInterruptedError),
        ("reset:1", UpstreamInterruptedError),
        ("hangup:1", UpstreamInterruptedError),
        ("error-401", UpstreamCredentialsError),
        ("rate-limit:3", UpstreamRateLimitError),
    ],
)
def test_what_is_no_answer_is_an_upstream_error_that_names_the_deployment(
    model: str, kind: type[UpstreamError]
) -> None:
    with pytest.raises(UpstreamError) as caught:
        complete(model)

    assert type(caught.value) is kind
    assert "'d'" in caught.value.message
    assert "canary" not in caught.value.message


def test_a_refused_connection_is_free() -> None:
    async def use(provider: OpenAIProvider, upstream: ScriptedUpstream) -> None:
        await upstream.stop()
        await provider.complete(a_deployment("d"), a_request(), TIMEOUTS)

    with pytest.raises(UpstreamConnectError) as caught:
        run(use)
    assert caught.value.is_free


@pytest.mark.parametrize("model", ["html", "empty", "error-in-body", "redirect", "gzip-bomb:1"])
def test_a_stream_that_is_none_is_an_upstream_error_before_its_first_event(model: str) -> None:
    with pytest.raises(UpstreamInvalidAnswerError):
        streamed(model)


@pytest.mark.parametrize("model", ["cut:3", "reset:3", "hangup:3", "malformed", "error-in-stream", "error-event"])
def test_a_stream_that_breaks_is_an_interruption(model: str) -> None:
    with pytest.raises(UpstreamInterruptedError):
        streamed(model)


@pytest.mark.parametrize(
    "model",
    [
        "small",
        "azure",
        "bad-utf8",
        "bom",
        "comments",
        "crlf",
        "cr",
        "multi-line",
        "no-space",
        "split",
        "missing-done",
        "after-done",
        "no-finish",
        "usage-early",
        "tools-interleaved",
    ],
)
def test_a_stream_that_is_merely_odd_ends_with_done(model: str) -> None:
    out = streamed(model)

    assert b"[DONE]" in out[-20:]
    assert out.count(b"[DONE]") == 1


def test_a_stream_is_over_with_done_however_long_its_body_goes_on() -> None:
    """An upstream that leaves the connection open after `[DONE]` keeps nobody waiting."""

    async def use(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        writer.write(b'data: {"choices":[{"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n')
        await reader.read()
        writer.close()

    async def run_it() -> bytes:
        async with await asyncio.start_server(use, "127.0.0.1", 0) as server:
            provider = OpenAIProvider(Http1Client(linger_s=0.05), now=lambda: 0.0)
            base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            stream = await provider.stream(a_deployment(api_base=base), a_request(stream=True), TIMEOUTS)
            async with asyncio.timeout(2):
                out = b"".join([events async for events in stream])
            await stream.aclose()
            await asyncio.sleep(0.1)
            return out

    assert asyncio.run(run_it()).endswith(b"data: [DONE]\n\n")


EVENTS = (
    b'data: {"choices":[{"delta":{"content":"h\xc3\xa9"}}]}\n\n'
    b'data: {"choices":[{"finish_reason":"stop"}]}\n\n'
    b"data: [DONE]\n\n"
)


async def relayed(pieces: list[bytes]) -> bytes:
    """What the provider makes of an HTTP answer that comes in these pieces, each in a segment of its own."""

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
        writer.close()

    out = b""
    async with await asyncio.start_server(say, "127.0.0.1", 0) as server:
        provider = OpenAIProvider(Http1Client(linger_s=0.05), now=lambda: 0.0)
        deployment = a_deployment(api_base=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        try:
            async with asyncio.timeout(5):
                stream = await provider.stream(deployment, a_request(stream=True), TIMEOUTS)
                async with contextlib.aclosing(stream):
                    async for events in stream:
                        out += events
        except UpstreamError:
            return out
        finally:
            await provider.aclose()
    return out


@settings(max_examples=60, deadline=None)
@given(data=st.data(), spoilt=st.booleans(), is_chunked=st.booleans())
def test_however_an_answer_is_cut_it_is_relayed_whole_and_however_it_is_spoilt_nothing_hangs(
    data: st.DataObject, spoilt: bool, is_chunked: bool
) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (EVENTS[:50], EVENTS[50:])) + b"0\r\n\r\n"
    answer = head + (b"Transfer-Encoding: chunked\r\n\r\n" + body if is_chunked else b"\r\n" + EVENTS)
    if spoilt:
        at = data.draw(st.integers(len(head), len(answer) - 1))
        answer = answer[:at] + data.draw(st.sampled_from([b"", b"\x00", b"\r", b"\n\n", b"}"])) + answer[at + 1 :]
    edges = [0, *sorted(data.draw(st.sets(st.integers(1, len(answer) - 1), max_size=30))), len(answer)]

    out = asyncio.run(relayed([answer[start:end] for start, end in pairwise(edges)]))

    if not spoilt:
        assert out == EVENTS
    assert out.count(b"\n\ndata: [DONE]\n\n") <= 1


@pytest.mark.parametrize(
    ("model", "said"),
    [("missing-done", "without [DONE]"), ("after-done", "1 events too many"), ("after-finish", "1 events too many")],
)
def test_a_stream_that_ends_oddly_is_delivered_and_logged(
    model: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    out = streamed(model)

    assert out.endswith(b"data: [DONE]\n\n")
    assert b"late " not in out
    assert said in caplog.text


def test_an_event_too_large_is_refused() -> None:
    with pytest.raises(UpstreamInvalidAnswerError, match="larger than"):
        streamed("huge-event:17")
