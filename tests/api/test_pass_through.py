"""What the client sends reaches the upstream, and what the upstream says reaches the client, unchanged."""

import json
from typing import Any

import pytest
from openai import OpenAI

from gateway.providers.scripted import ScriptedUpstream
from tests.gateway_process import GatewayProcess, call_of, fetch

PIXEL = "data:image/png;base64," + "iVBORw0KGgo" * 3
TOOL = {
    "type": "function",
    "function": {"name": "weather", "description": "…", "parameters": {"type": "object", "properties": {}}},
}
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "n": {"enum": [3, 4]}},
    "required": ["city", "n"],
}
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Łódź"}'}}

BODIES: dict[str, dict[str, Any]] = {
    "plain": {},
    "tools": {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "weather"}}},
    "functions": {"functions": [TOOL["function"]], "function_call": "auto"},
    "tool results": {
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": "Weather?", "name": "jo"},
            {"role": "assistant", "content": None, "tool_calls": [CALL], "refusal": None},
            {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "sunny"}]},
        ]
    },
    "json_schema": {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}},
    "images": {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}},
                    {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
                    {"type": "something_new", "text": {"not": "text"}},
                ],
            }
        ]
    },
    "logprobs": {"logprobs": True, "top_logprobs": 3},
    "unknown fields": {"x_new": {"a": [1, 2.5, None, "ü", {"b": []}]}, "metadata": {"k": "v"}, "verbosity": "low"},
    "nulls": {"stop": None, "temperature": None, "tools": None, "stream_options": None, "max_tokens": None},
    "the SDK tests' numbers": {"max_tokens": 0, "max_completion_tokens": 0, "seed": -9007199254740991, "n": 1},
    "edges of numbers": {"seed": 2**63 - 1, "temperature": 0.1, "top_p": 1e-7, "presence_penalty": -2, "x": 2**64 - 1},
    "awkward text": {"messages": [{"role": "user", "content": "\u0000\u001b[2J\u202e\u200b " + "e\u0301" * 500}]},
    "awkward names": {"": 1, "a b": 2, 'q"uote': 3, "back\\slash": 4, "ключ": 5, "\u2028": 6},
}


def body(model: str = "small", **fields: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "Say hello"}], **fields}


def direct(upstream: ScriptedUpstream) -> bytes:
    """What the upstream itself answers to the request that it got last; equal requests get equal bytes."""
    sent = upstream.ledger.last_received.body
    return fetch(upstream.url, "POST", "/v1/chat/completions", sent).body


def without_usage_chunk(stream: bytes) -> bytes:
    events = [event + b"\n\n" for event in stream.split(b"\n\n")[:-1]]
    return b"".join(event for event in events if b'"choices":[]' not in event)


@pytest.mark.parametrize("fields", BODIES.values(), ids=BODIES.keys())
def test_all_that_the_client_sends_reaches_the_upstream_but_its_name_for_the_model(
    gateway: GatewayProcess, upstream: ScriptedUpstream, fields: dict[str, Any]
) -> None:
    sent = body(**fields)

    reply = gateway.chat(sent)

    assert reply.status == 200, reply.body
    assert upstream.ledger.last_received.json() == {**sent, "model": "scripted-small"}


@pytest.mark.parametrize("fields", BODIES.values(), ids=BODIES.keys())
def test_a_stream_asks_for_its_usage_and_for_nothing_else(
    gateway: GatewayProcess, upstream: ScriptedUpstream, fields: dict[str, Any]
) -> None:
    sent = body(**fields, stream=True)

    reply = gateway.chat(sent)

    expected = {**sent, "model": "scripted-small", "stream_options": {"include_usage": True}}
    assert reply.status == 200, reply.body
    assert upstream.ledger.last_received.json() == expected


@pytest.mark.parametrize("fields", BODIES.values(), ids=BODIES.keys())
def test_an_answer_is_the_upstreams_byte_for_byte(
    gateway: GatewayProcess, upstream: ScriptedUpstream, fields: dict[str, Any]
) -> None:
    reply = gateway.chat(body(**fields))

    assert reply.body == direct(upstream)
    assert reply.headers["content-length"] == str(len(reply.body))


@pytest.mark.parametrize("fields", BODIES.values(), ids=BODIES.keys())
def test_a_stream_is_the_upstreams_byte_for_byte_where_the_client_asked_for_its_usage(
    gateway: GatewayProcess, upstream: ScriptedUpstream, fields: dict[str, Any]
) -> None:
    reply = gateway.chat(body(**{**fields, "stream": True, "stream_options": {"include_usage": True}}))

    assert reply.body == direct(upstream)
    assert b'"prompt_tokens"' in reply.body


@pytest.mark.parametrize("fields", BODIES.values(), ids=BODIES.keys())
def test_a_stream_lacks_the_usage_chunk_and_nothing_else_where_the_client_did_not_ask(
    gateway: GatewayProcess, upstream: ScriptedUpstream, fields: dict[str, Any]
) -> None:
    reply = gateway.chat(body(**fields, stream=True))

    upstreams = direct(upstream)
    assert reply.body == without_usage_chunk(upstreams)
    assert reply.body != upstreams
    assert b'"prompt_tokens"' not in reply.body


@pytest.mark.parametrize(
    "model",
    ["bom", "comments", "cr", "crlf", "multi-line", "no-space", "split", "tools"],
)
def test_unusual_streams_are_relayed_as_they_are(
    gateway: GatewayProcess, upstream: ScriptedUpstream, model: str
) -> None:
    reply = gateway.chat(body(f"only/{model}", stream=True, stream_options={"include_usage": True}))

    assert reply.status == 200
    assert reply.body == direct(upstream)


@pytest.mark.parametrize("model", ["bom", "comments", "cr", "crlf", "multi-line", "no-space", "split", "usage-in-last"])
def test_the_usage_of_unusual_streams_is_read(gateway: GatewayProcess, upstream: ScriptedUpstream, model: str) -> None:
    reply = gateway.chat(body(f"only/{model}", stream=True))

    usage = gateway.record(reply.headers["x-request-id"]).usage
    call = call_of(upstream, model)
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == (call.prompt_tokens, call.completion_tokens)
    assert not usage.estimated


def test_other_stream_options_are_kept(gateway: GatewayProcess, upstream: ScriptedUpstream) -> None:
    options = {"include_obfuscation": False, "include_usage": False}

    gateway.chat(body(stream=True, stream_options=options))

    assert upstream.ledger.last_received.json()["stream_options"] == {**options, "include_usage": True}


def test_the_last_chunk_holds_the_usage_where_the_client_asked(client: OpenAI) -> None:
    with client.chat.completions.create(
        model="small", messages=[{"role": "user", "content": "hi"}], stream=True, stream_options={"include_usage": True}
    ) as stream:
        *others, last = list(stream)

    assert last.choices == []
    assert last.usage is not None
    assert last.usage.completion_tokens > 0
    assert all(chunk.usage is None for chunk in others)


def test_a_tool_call_comes_through_the_client(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="only/tools",
        messages=[{"role": "user", "content": "Weather?"}],
        tools=[{"type": "function", "function": {"name": "weather", "parameters": {}}}],
    )

    calls = answer.choices[0].message.tool_calls
    assert calls is not None
    assert calls[0].type == "function"
    assert calls[0].function.name == "weather"
    assert answer.choices[0].finish_reason == "tool_calls"


def test_structured_output_follows_the_clients_schema(gateway: GatewayProcess) -> None:
    reply = gateway.chat(body(**BODIES["json_schema"]))

    assert json.loads(reply.json()["choices"][0]["message"]["content"]) == {"city": "scripted", "n": 3}


def test_no_header_of_the_client_reaches_the_upstream(gateway: GatewayProcess, upstream: ScriptedUpstream) -> None:
    gateway.chat(body(), {"X-Canary": "1", "Cookie": "a=b", "OpenAI-Organization": "org", "X-Forwarded-For": "1.2.3.4"})

    received = upstream.ledger.last_received.headers
    assert set(received) <= {"host", "accept", "content-type", "content-length"}


def test_no_header_of_the_upstream_reaches_the_client(gateway: GatewayProcess) -> None:
    reply = gateway.chat(body())

    assert "server" not in reply.headers
    assert reply.headers["x-request-id"] != "req-scripted"
