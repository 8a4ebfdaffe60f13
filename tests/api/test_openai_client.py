"""The official client sees an ordinary OpenAI server that says, in its headers and records, what it decided."""

import asyncio
from collections.abc import Iterable
from typing import Any

import openai
import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam

from gateway.domain.pricing import usd
from gateway.domain.usage import Usage
from gateway.providers.scripted import ScriptedUpstream
from tests.gateway_process import KEY, GatewayProcess, call_of

EASY = "Translate to French: good morning"
HARD = "Draft a non-compete clause for a German employment contract and explain whether a court would enforce it"
NANO_USD_A_TOKEN = {"scripted-small": (150, 600), "scripted-large": (2_500, 10_000)}

sizes = pytest.mark.parametrize(
    ("ask", "deployment"), [(EASY, "scripted-small"), (HARD, "scripted-large")], ids=["easy", "hard"]
)


def user(text: str) -> list[ChatCompletionMessageParam]:
    return [{"role": "user", "content": text}]


def text_of(chunks: Iterable[Any]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def cost_of(deployment: str, usage: Usage) -> int:
    input_price, output_price = NANO_USD_A_TOKEN[deployment]
    return usage.input_tokens * input_price + usage.output_tokens * output_price


@sizes
def test_easy_goes_small_and_hard_goes_large(client: OpenAI, ask: str, deployment: str) -> None:
    answer = client.chat.completions.create(model="auto", messages=user(ask))

    assert answer.model == deployment
    assert (answer.choices[0].message.content or "").startswith(f"This is a scripted answer from {deployment}")


@sizes
def test_a_stream_goes_where_a_whole_answer_would(client: OpenAI, ask: str, deployment: str) -> None:
    chunks = list(client.chat.completions.create(model="auto", messages=user(ask), stream=True))

    assert {chunk.model for chunk in chunks} == {deployment}
    assert text_of(chunks).startswith(f"This is a scripted answer from {deployment}")
    assert chunks[-1].choices[0].finish_reason == "stop"


@sizes
def test_the_asynchronous_client_is_served_the_same(gateway: GatewayProcess, ask: str, deployment: str) -> None:
    async def both() -> tuple[str, str]:
        async with gateway.async_client() as client:
            whole = await client.chat.completions.create(model="auto", messages=user(ask))
            stream = await client.chat.completions.create(model="auto", messages=user(ask), stream=True)
            return whole.choices[0].message.content or "", text_of([chunk async for chunk in stream])

    whole, streamed = asyncio.run(both())

    assert whole == streamed
    assert whole.startswith(f"This is a scripted answer from {deployment}")


@sizes
def test_headers_say_what_was_decided_and_what_it_cost(
    client: OpenAI, upstream: ScriptedUpstream, ask: str, deployment: str
) -> None:
    raw = client.chat.completions.with_raw_response.create(model="auto", messages=user(ask))

    call = call_of(upstream, deployment)
    cost = cost_of(deployment, Usage(input_tokens=call.prompt_tokens, output_tokens=call.completion_tokens))
    assert raw.headers["x-sizewise-deployment"] == deployment
    assert raw.headers["x-sizewise-model"] == deployment
    assert raw.headers["x-sizewise-attempts"] == "1"
    assert raw.headers["x-sizewise-policy"].startswith("default@")
    assert raw.headers["x-sizewise-route"] == ("small-first" if deployment == "scripted-small" else "large-only")
    assert raw.headers["x-sizewise-cost-usd"] == usd(cost)
    assert raw.headers["content-type"] == "application/json"


def test_a_stream_has_the_same_headers_but_the_cost_and_is_never_buffered(client: OpenAI) -> None:
    with client.chat.completions.with_streaming_response.create(model="auto", messages=user(EASY), stream=True) as raw:
        headers = dict(raw.headers)

    assert headers["x-sizewise-deployment"] == "scripted-small"
    assert headers["x-sizewise-rule"] == "easy goes small"
    assert "x-sizewise-cost-usd" not in headers
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert headers["cache-control"] == "no-store"
    assert headers["x-accel-buffering"] == "no"


@sizes
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_the_record_holds_the_story_and_its_cost_is_the_upstreams_own_count(
    gateway: GatewayProcess, upstream: ScriptedUpstream, ask: str, deployment: str, stream: bool
) -> None:
    reply = gateway.chat({"model": "auto", "messages": user(ask), "stream": stream})

    record = gateway.record(reply.headers["x-request-id"])
    call = call_of(upstream, deployment)
    usage = Usage(input_tokens=call.prompt_tokens, output_tokens=call.completion_tokens)
    assert (record.outcome, record.status, record.stream) == ("ok", 200, stream)
    assert (record.deployment, record.model, record.alias) == (deployment, deployment, "auto")
    assert record.usage == usage
    assert record.cost_nano_usd == cost_of(deployment, usage)
    assert record.baseline_cost_nano_usd == cost_of("scripted-large", usage)
    assert any(record.rule in reason for reason in record.reasons)
    assert record.classification is not None
    assert record.signals is not None
    assert [(each.deployment, each.outcome, each.usage) for each in record.attempts] == [(deployment, "ok", usage)]
    assert 0 < record.upstream_ms <= record.total_ms
    assert (record.ttft_ms is not None) == stream


def test_the_request_id_the_client_sees_is_the_records(client: OpenAI, gateway: GatewayProcess) -> None:
    answer = client.chat.completions.create(model="auto", messages=user(EASY))

    assert answer._request_id is not None
    assert gateway.record(answer._request_id).id == answer._request_id


def test_neither_prompt_nor_key_stands_in_the_record_or_the_log(gateway: GatewayProcess) -> None:
    canary = "canary-" + "7f3a" * 4

    reply = gateway.chat({"model": "auto", "messages": user(f"Translate: {canary}")})

    record = gateway.record(reply.headers["x-request-id"])
    assert reply.status == 200
    assert canary not in repr(record)
    assert KEY not in repr(record)
    assert canary not in gateway.log()
    assert KEY not in gateway.log()


def test_models_lists_the_aliases(client: OpenAI) -> None:
    models = list(client.models.list())

    assert {"auto", "small", "large"} <= {model.id for model in models}
    assert {model.object for model in models} == {"model"}
    assert all(model.owned_by == "sizewise" and model.created > 1_700_000_000 for model in models)


def test_a_wrong_key_is_an_authentication_error(gateway: GatewayProcess) -> None:
    with gateway.client(api_key="wrong") as client, pytest.raises(openai.AuthenticationError) as caught:
        client.chat.completions.create(model="auto", messages=user(EASY))

    assert caught.value.code == "invalid_api_key"
    assert caught.value.request_id


def test_a_wrong_key_lists_no_models(gateway: GatewayProcess) -> None:
    with gateway.client(api_key="wrong") as client, pytest.raises(openai.AuthenticationError):
        client.models.list()


def test_an_unknown_model_is_not_found_and_the_likely_one_is_named(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="did you mean 'auto'") as caught:
        client.chat.completions.create(model="atuo", messages=user(EASY))

    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


@pytest.mark.parametrize("header", ["x-api-key", "api-key"])
def test_the_key_may_come_as_other_clients_send_it(gateway: GatewayProcess, header: str) -> None:
    reply = gateway.request("GET", "/v1/models", headers={"Authorization": "", header: KEY})

    assert reply.status == 200
