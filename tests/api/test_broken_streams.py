"""Streams that break after the first byte: a prefix of what the upstream sent, then an explicit error event."""

import json

import openai
import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletionChunk

from gateway.providers.scripted import ScriptedUpstream
from tests.gateway_process import GatewayProcess, Reply, fetch, models_called

DONE = b"data: [DONE]\n\n"
BROKEN = {
    "cut:3": "upstream_interrupted",
    "reset:3": "upstream_interrupted",
    "stall:3": "upstream_timeout",
}
"""Scripted model → the code of the error event."""

broken = pytest.mark.parametrize(("model", "code"), BROKEN.items(), ids=BROKEN.keys())


def stream(gateway: GatewayProcess, model: str, **fields: object) -> Reply:
    messages = [{"role": "user", "content": "hi"}]
    return gateway.chat({"model": model, "messages": messages, "stream": True, **fields})


@broken
def test_a_broken_stream_is_a_prefix_and_an_error_event_and_never_done(
    gateway: GatewayProcess, upstream: ScriptedUpstream, model: str, code: str
) -> None:
    reply = stream(gateway, f"only/{model}")

    relayed, mark, last = reply.body.rpartition(b'data: {"error":')
    error = json.loads(b'{"error":' + last)["error"]
    assert reply.status == 200
    assert mark
    assert relayed.count(b"\n\n") >= 2
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == code
    assert DONE not in reply.body
    assert last.endswith(b"\n\n")


@broken
def test_the_client_raises_in_mid_stream(client: OpenAI, model: str, code: str) -> None:
    seen: list[ChatCompletionChunk] = []

    with (
        pytest.raises(openai.APIError) as caught,
        client.chat.completions.create(
            model=f"only/{model}", messages=[{"role": "user", "content": "hi"}], stream=True
        ) as chunks,
    ):
        seen.extend(chunks)

    assert caught.value.code == code
    assert seen[0].choices


@broken
def test_no_other_deployment_is_called_once_bytes_have_left(
    gateway: GatewayProcess, upstream: ScriptedUpstream, model: str, code: str
) -> None:
    reply = stream(gateway, f"first/{model}")

    record = gateway.record(reply.headers["x-request-id"])
    assert models_called(upstream) == [model]
    assert (record.outcome, record.status, record.error_code) == ("interrupted", 200, code)
    assert [(each.outcome, each.error_code) for each in record.attempts] == [("interrupted", code)]


@broken
def test_what_a_broken_stream_delivered_is_billed_as_an_estimate(
    gateway: GatewayProcess, model: str, code: str
) -> None:
    reply = stream(gateway, f"only/{model}")

    record = gateway.record(reply.headers["x-request-id"])
    assert record.usage is not None
    assert record.usage.estimated
    assert record.usage.output_tokens >= 2
    assert record.cost_nano_usd is not None
    assert record.cost_nano_usd > 0


def test_what_was_relayed_of_a_broken_stream_is_the_upstreams_byte_for_byte(
    gateway: GatewayProcess, upstream: ScriptedUpstream
) -> None:
    reply = stream(gateway, "only/cut:3")

    upstreams = fetch(upstream.url, "POST", "/v1/chat/completions", upstream.ledger.last_received.body).body
    relayed = reply.body.rpartition(b'data: {"error":')[0]
    assert relayed == upstreams


@pytest.mark.parametrize("model", ["malformed:3", "error-in-stream:4", "error-event:4"])
def test_a_bad_event_is_never_relayed_and_the_client_is_told(
    gateway: GatewayProcess, upstream: ScriptedUpstream, model: str
) -> None:
    reply = stream(gateway, f"only/{model}")

    mark, last = reply.body.rpartition(b'{"error":')[1:]
    assert json.loads(mark + last)["error"]["code"] == "upstream_interrupted"
    assert b"[DONE]" not in reply.body
    assert b"Scripted" not in reply.body
    assert b"scripted server had" not in reply.body


def test_a_missing_done_is_appended(gateway: GatewayProcess, upstream: ScriptedUpstream) -> None:
    reply = stream(gateway, "only/missing-done", stream_options={"include_usage": True})

    upstreams = fetch(upstream.url, "POST", "/v1/chat/completions", upstream.ledger.last_received.body).body
    assert reply.body == upstreams + DONE
    assert gateway.record(reply.headers["x-request-id"]).outcome == "ok"


def test_a_missing_blank_line_after_done_is_mended(gateway: GatewayProcess) -> None:
    reply = stream(gateway, "only/no-blank-line")

    assert reply.body.endswith(DONE)
    assert reply.body.count(b"[DONE]") == 1


def test_nothing_is_relayed_after_done(gateway: GatewayProcess) -> None:
    reply = stream(gateway, "only/after-done")

    assert reply.body.endswith(DONE)
    assert b"late " not in reply.body


def test_the_connection_serves_the_next_request_after_a_broken_stream(gateway: GatewayProcess, client: OpenAI) -> None:
    stream(gateway, "only/cut:3")

    answer = client.chat.completions.create(model="small", messages=[{"role": "user", "content": "hi"}])

    assert answer.choices[0].finish_reason == "stop"
