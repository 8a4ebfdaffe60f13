"""litellm's door, against the scripted upstream: two of its providers speak OpenAI's wire format to any base URL."""

import asyncio
import contextlib
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from gateway.domain.errors import (
    ContentFilterError,
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
from gateway.ports import Completion
from gateway.providers.litellm_client import LitellmProvider
from gateway.providers.litellm_settings import litellm
from gateway.providers.scripted import ScriptedUpstream
from gateway.providers.sse import DONE
from tests.builders import a_deployment, a_request

pytestmark = [
    # litellm sets these three filters itself when it is imported; pytest's own, made anew for each test, hide them
    pytest.mark.filterwarnings("ignore:.*conflict with protected namespace"),
    pytest.mark.filterwarnings("ignore:.*Accessing the.*attribute on the instance is deprecated"),
    pytest.mark.filterwarnings("ignore:.*`ReadOnly` qualifier"),
]

PROVIDERS = ("hosted_vllm", "mistral")


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream.run_in_thread() as running:
        yield running


@pytest.fixture
def upstream(server: ScriptedUpstream) -> ScriptedUpstream:
    server.ledger.reset()
    return server


def deployment_on(upstream: ScriptedUpstream, model: str, **changes: Any) -> Deployment:
    given = {"api_base": f"{upstream.url}/v1", "api_key": Secret("k" * 12), **changes}
    return a_deployment("small-a", model=model, **given)


def streaming(*, wants_usage: bool = False) -> Any:
    request = a_request()
    payload = {**request.payload, "stream": True}
    return a_request(payload=payload, stream=True, wants_usage=wants_usage)


@asynccontextmanager
async def provided(name: str) -> AsyncIterator[LitellmProvider]:
    provider = LitellmProvider(name, now=lambda: 0.0)
    try:
        yield provider
    finally:
        await provider.aclose()


def complete(name: str, deployment: Deployment, **payload: Any) -> Completion:
    async def call() -> Completion:
        request = a_request()
        async with provided(name) as provider:
            return await provider.complete(
                deployment, a_request(payload={**request.payload, **payload}), Timeouts(total_s=10.0)
            )

    return asyncio.run(call())


def failure(name: str, deployment: Deployment, **payload: Any) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        complete(name, deployment, **payload)
    return caught.value


async def streamed(provider: LitellmProvider, deployment: Deployment, *, wants_usage: bool = False) -> Any:
    """The stream, read to its end, and its events."""
    stream = await provider.stream(deployment, streaming(wants_usage=wants_usage), Timeouts())
    try:
        return stream, [event async for event in stream]
    finally:
        await stream.aclose()


def run_stream(name: str, deployment: Deployment, *, wants_usage: bool = False) -> Any:
    async def call() -> Any:
        async with provided(name) as provider:
            return await streamed(provider, deployment, wants_usage=wants_usage)

    return asyncio.run(call())


def chunks_of(events: list[bytes]) -> list[dict[str, Any]]:
    return [orjson.loads(event.removeprefix(b"data: ")) for event in events if event != DONE]


@pytest.mark.parametrize("name", PROVIDERS)
def test_an_answer_comes_in_openais_shape_with_its_usage(name: str, upstream: ScriptedUpstream) -> None:
    completion = complete(name, deployment_on(upstream, "small"))

    body = orjson.loads(completion.body)
    (call,) = upstream.ledger.wait_for_calls(1)
    assert body["object"] == "chat.completion"
    assert body["choices"][0]["finish_reason"] == "stop"
    assert set(body["choices"][0]["message"]) == {"role", "content"}
    assert "scripted" in body["choices"][0]["message"]["content"]
    assert completion.usage is not None
    assert (completion.usage.input_tokens, completion.usage.output_tokens) == (
        call.prompt_tokens,
        call.completion_tokens,
    )


@pytest.mark.parametrize("name", PROVIDERS)
def test_the_deployments_model_and_key_are_what_the_upstream_sees(name: str, upstream: ScriptedUpstream) -> None:
    complete(name, deployment_on(upstream, "small"), temperature=0.25, metadata={"tag": "a"}, store=True)

    received = upstream.ledger.last_received
    assert received.headers["authorization"] == f"Bearer {'k' * 12}"
    assert received.json()["model"] == "small"
    assert received.json()["temperature"] == 0.25
    assert "metadata" not in received.json()


@pytest.mark.parametrize("field", ["base_url", "api_key", "api_base", "mock_response", "extra_headers", "num_retries"])
def test_a_client_cannot_reach_litellms_own_controls(field: str, upstream: ScriptedUpstream) -> None:
    error = failure("hosted_vllm", deployment_on(upstream, "small"), **{field: "http://127.0.0.1:9"})

    assert isinstance(error, UpstreamRejectedError)
    assert (error.param, error.status) == (field, 400)
    assert upstream.ledger.received == ()


def test_an_answer_without_usage_has_none(upstream: ScriptedUpstream) -> None:
    completion = complete("hosted_vllm", deployment_on(upstream, "missing-usage"))

    assert completion.usage is None


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_stream_is_one_event_per_chunk_and_ends_with_done(name: str, upstream: ScriptedUpstream) -> None:
    stream, events = run_stream(name, deployment_on(upstream, "small"))

    chunks = chunks_of(events)
    assert events[-1] == DONE
    assert all(event.startswith(b"data: ") and event.endswith(b"\n\n") for event in events)
    assert "scripted" in "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks[-2:]] == [None, "stop"]
    assert stream.output_events == len(chunks)


def test_the_usage_of_a_stream_is_what_the_upstream_billed(upstream: ScriptedUpstream) -> None:
    stream, _ = run_stream("hosted_vllm", deployment_on(upstream, "small"))

    (call,) = upstream.ledger.wait_for_calls(1)
    assert stream.usage is not None
    assert (stream.usage.input_tokens, stream.usage.output_tokens) == (call.prompt_tokens, call.completion_tokens)


def test_only_a_client_that_asked_gets_the_usage_chunk(upstream: ScriptedUpstream) -> None:
    _, hidden = run_stream("hosted_vllm", deployment_on(upstream, "small"))
    _, shown = run_stream("hosted_vllm", deployment_on(upstream, "small"), wants_usage=True)

    assert all("usage" not in chunk for chunk in chunks_of(hidden))
    assert chunks_of(shown)[-1]["choices"] == []
    assert chunks_of(shown)[-1]["usage"]["prompt_tokens"] > 0


def test_usage_that_litellm_guesses_is_no_usage(upstream: ScriptedUpstream) -> None:
    stream, events = run_stream("hosted_vllm", deployment_on(upstream, "missing-usage"), wants_usage=True)

    assert stream.usage is None
    assert all("usage" not in chunk for chunk in chunks_of(events))


@pytest.mark.parametrize("model", ["cut:3", "reset:3", "hangup:3"])
def test_a_stream_that_breaks_off_is_interrupted_though_litellm_makes_up_an_ending(
    model: str, upstream: ScriptedUpstream
) -> None:
    with pytest.raises(UpstreamInterruptedError):
        run_stream("hosted_vllm", deployment_on(upstream, model))


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize(
    ("model", "kind", "status"),
    [
        ("error-400", UpstreamRejectedError, 400),
        ("error-401", UpstreamCredentialsError, 401),
        ("error-402", UpstreamQuotaError, 402),
        ("error-403", UpstreamCredentialsError, 403),
        ("error-422", UpstreamRejectedError, 422),
        ("error-500", UpstreamUnavailableError, 500),
        ("error-502", UpstreamUnavailableError, 502),
        ("error-503", UpstreamUnavailableError, 503),
        ("error-529", UpstreamOverloadedError, 529),
        ("rate-limit:7", UpstreamRateLimitError, 429),
        ("quota", UpstreamQuotaError, 429),
        ("not-found", UpstreamMissingModelError, 404),
        ("context-overflow", ContextOverflowError, 400),
        ("content-filter", ContentFilterError, 400),
        ("html", UpstreamInvalidAnswerError, None),
        ("error-in-body", UpstreamInvalidAnswerError, None),
        ("hangup", UpstreamInterruptedError, None),
    ],
)
def test_an_upstreams_failure_keeps_its_meaning_and_status(
    name: str, model: str, kind: type[UpstreamError], status: int | None, upstream: ScriptedUpstream
) -> None:
    error = failure(name, deployment_on(upstream, model))

    assert type(error) is kind
    assert error.status == status
    assert len(upstream.ledger.received) == 1
    assert "canary" not in f"{error.message}{error.detail}"
    assert upstream.url not in f"{error.message}{error.detail}"


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_connection_that_resets_before_the_answer_is_one_call_and_interrupted(
    name: str, upstream: ScriptedUpstream
) -> None:
    error = failure(name, deployment_on(upstream, "reset:0"))

    assert type(error) is UpstreamInterruptedError
    assert len(upstream.ledger.received) == 1


@pytest.mark.parametrize(("model", "seconds"), [("rate-limit:7", 7.0), ("rate-limit-ms:1500", 1.5)])
def test_a_rate_limit_says_when_to_come_back(model: str, seconds: float, upstream: ScriptedUpstream) -> None:
    error = failure("hosted_vllm", deployment_on(upstream, model))

    assert isinstance(error, UpstreamRateLimitError)
    assert error.retry_after_s == seconds


def test_the_upstreams_verdict_on_the_request_is_passed_on_without_litellms_words(upstream: ScriptedUpstream) -> None:
    error = failure("hosted_vllm", deployment_on(upstream, "error-400"))

    assert error.detail == "Scripted error 400."


def test_a_refused_connection_is_a_connect_error(upstream: ScriptedUpstream) -> None:
    error = failure("hosted_vllm", deployment_on(upstream, "small", api_base="http://127.0.0.1:9/v1"))

    assert isinstance(error, UpstreamConnectError)
    assert error.status is None
    assert "127.0.0.1" not in error.message


def test_a_missing_key_is_a_credentials_error_before_anything_is_sent(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)

    error = failure("anthropic", deployment_on(upstream, "small", api_key=None))

    assert isinstance(error, UpstreamCredentialsError)
    assert upstream.ledger.received == ()


def test_a_provider_that_litellm_does_not_know_is_the_deployments_fault(upstream: ScriptedUpstream) -> None:
    error = failure("no_such_provider", deployment_on(upstream, "small"))

    assert isinstance(error, UpstreamMissingModelError)
    assert error.falls_back


def test_cancelling_an_unanswered_call_reaches_the_upstream_within_a_second(upstream: ScriptedUpstream) -> None:
    async def call() -> None:
        async with provided("hosted_vllm") as provider:
            waiting = asyncio.create_task(provider.complete(deployment_on(upstream, "silent"), a_request(), Timeouts()))
            await until(lambda: bool(upstream.ledger.received))
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            calls = await asyncio.to_thread(upstream.ledger.wait_for_calls, 1, timeout_s=1.0)

        assert [each.outcome for each in calls] == ["client_closed"]

    asyncio.run(call())


@pytest.mark.parametrize("name", PROVIDERS)
def test_closing_a_stream_reaches_the_upstream_within_a_second(name: str, upstream: ScriptedUpstream) -> None:
    async def call() -> None:
        async with provided(name) as provider:
            stream = await provider.stream(deployment_on(upstream, "stall:3"), streaming(), Timeouts())
            first = await anext(aiter(stream))
            await stream.aclose()
            calls = await asyncio.to_thread(upstream.ledger.wait_for_calls, 1, timeout_s=1.0)

        assert first.startswith(b"data: ")
        assert [each.outcome for each in calls] == ["client_closed"]

    asyncio.run(call())


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5.0):
        while not holds():  # noqa: ASYNC110 (what is waited for happens in the upstream's thread)
            await asyncio.sleep(0.001)


def test_a_provider_can_be_used_again_after_it_was_closed(upstream: ScriptedUpstream) -> None:
    async def call() -> list[Completion]:
        answers = []
        for _ in range(2):
            async with provided("hosted_vllm") as provider:
                answers.append(await provider.complete(deployment_on(upstream, "small"), a_request(), Timeouts()))
        return answers

    assert len(asyncio.run(call())) == 2


NO_NETWORK = """
import sys

def audit(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise SystemExit(f"{event} {arguments}")

sys.addaudithook(audit)
import gateway.providers.litellm_client
"""

IMPORTS = "import sys, {modules}; sys.exit('litellm' in sys.modules)"

POLICY_WITH_OUR_OWN_PROVIDERS = """
import sys
from pathlib import Path
from gateway.policyfile.loader import FilePolicySource
from gateway.providers.directory import ProviderDirectory
from gateway.providers.price_map import PriceMap

directory = ProviderDirectory(now=lambda: 0.0)
policies = FilePolicySource(Path(sys.argv[1]), PriceMap(), {}).current()
for deployment in policies.deployments.values():
    directory.get(deployment.provider)
sys.exit("litellm" in sys.modules)
"""

POLICY = """
deployments:
  - {name: a, tier: small, provider: openai, model: gpt-4o-mini, api_base: "http://127.0.0.1:9/v1"}
routes:
  - {name: only, try: [a]}
policies:
  - {name: default, serves: [auto], default: only}
"""


def python(source: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # a process of its own: this one has imported litellm
        [sys.executable, "-c", source, *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def test_importing_litellm_reaches_for_no_network() -> None:
    finished = python(NO_NETWORK)

    assert finished.returncode == 0, finished.stderr


@pytest.mark.parametrize("modules", ["gateway.bootstrap", "gateway.cli.serve"])
def test_starting_the_gateway_does_not_import_litellm(modules: str) -> None:
    finished = python(IMPORTS.format(modules=modules))

    assert finished.returncode == 0, finished.stderr


def test_a_policy_with_our_own_providers_alone_does_not_import_litellm(tmp_path: Any) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)

    finished = python(POLICY_WITH_OUR_OWN_PROVIDERS, str(tmp_path))

    assert finished.returncode == 0, finished.stderr


@pytest.mark.parametrize("name", ["gemini", "ollama", "mistral", "hosted_vllm"])
@pytest.mark.parametrize("kind", ["image_url", "file"])
def test_nothing_a_message_points_at_is_ever_fetched(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch, name: str, kind: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.setblocking(False)
        host = f"127.0.0.1:{trap.getsockname()[1]}"
        monkeypatch.setattr(litellm, "user_url_allowed_hosts", [host])  # as good as a public host to litellm
        url = f"http://{host}/a.png"
        part = {"image_url": {"image_url": {"url": url}}, "file": {"file": {"file_id": url, "format": "image/png"}}}[
            kind
        ]
        messages = [{"role": "user", "content": [{"type": kind, **part}, {"type": "text", "text": "what is it?"}]}]

        with contextlib.suppress(UpstreamError):
            complete(name, deployment_on(upstream, "small"), messages=messages)

        with pytest.raises(BlockingIOError):
            trap.accept()


def test_a_picture_that_would_have_to_be_fetched_is_the_clients_to_send(upstream: ScriptedUpstream) -> None:
    messages = [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://pictures.example/a.png"}}]}
    ]

    with pytest.raises(UpstreamRejectedError):
        complete("gemini", deployment_on(upstream, "small"), messages=messages)
    assert not upstream.ledger.received
