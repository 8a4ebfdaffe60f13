"""What Anthropic deployments do beyond the contract of all, for OpenAI's official client and a running gateway."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletionChunk

from gateway.domain.usage import MoreUsage, Usage
from tests.conformance.anthropic_server import CANARY, KEY, AnthropicServer
from tests.gateway_process import GatewayProcess, running_gateway

ANSWER = "It is sunny in Zürich 🌞 today."
USED = Usage(input_tokens=127, output_tokens=30, cached_input_tokens=100, more=MoreUsage(cache_write_tokens=20))
COST_NANO_USD = 7 * 3_000 + 20 * 3_750 + 100 * 300 + 30 * 15_000
MODELS = (
    "text",
    "tools",
    "thinking",
    "length",
    "refusal",
    "error-invalid_request_error",
    "error-permission_error",
    "spend-limit",
    "rate-limit:7",
    "overloaded:2",
    "overloaded:5",
    "cut:1",
    "cut:5",
    "twice",
    "unstopped",
)
"""The alias `only/MODEL` has one deployment; `first/MODEL` falls back to `text`."""

TOOLS: list[Any] = [
    {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}},
    {"type": "function", "function": {"name": "now"}},
]


def policies(upstream: str) -> str:
    price = {"input_per_mtok_usd": 3, "output_per_mtok_usd": 15, "cached_input_per_mtok_usd": 0.3}
    price["cache_write_per_mtok_usd"] = 3.75
    file: dict[str, list[dict[str, Any]]] = {"deployments": [], "routes": [], "policies": []}
    for kind in ("only", "first"):
        for model in MODELS:
            name = f"{kind}-{model.replace(':', '-').replace('_', '-')}"
            file["deployments"].append(
                {
                    "name": name,
                    "tier": "large",
                    "provider": "anthropic",
                    "model": model,
                    "api_base": f"{upstream}/v1",
                    "api_key": "${ANTHROPIC_API_KEY}",
                    "price": price,
                }
            )
            file["routes"].append({"name": name, "try": [name], "then": ["only-text"] if kind == "first" else []})
            file["policies"].append({"name": name, "serves": [f"{kind}/{model}"], "default": name})
    return json.dumps(file)


@pytest.fixture(scope="module")
def server() -> Iterator[AnthropicServer]:
    with AnthropicServer.running() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(server: AnthropicServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    directory = tmp_path_factory.mktemp("anthropic")
    with running_gateway(directory, {"a.yaml": policies(server.url)}, {"ANTHROPIC_API_KEY": KEY}) as running:
        yield running


@pytest.fixture(scope="module")
def client(gateway: GatewayProcess) -> Iterator[OpenAI]:
    with gateway.client() as official:
        yield official


def ask(client: OpenAI, model: str, **fields: Any) -> Any:
    fields.setdefault("messages", [{"role": "user", "content": "hi"}])
    return client.chat.completions.create(model=model, **fields)


def streamed(client: OpenAI, model: str, **fields: Any) -> list[ChatCompletionChunk]:
    return list(ask(client, model, stream=True, **fields))


def text_of(chunks: list[ChatCompletionChunk]) -> str:
    return "".join([choice.delta.content or "" for chunk in chunks for choice in chunk.choices])


@pytest.mark.parametrize("wants_usage", [True, False])
def test_a_stream_comes_as_from_openai_and_shows_its_usage_to_who_asked(client: OpenAI, wants_usage: bool) -> None:
    chunks = streamed(client, "only/text", stream_options={"include_usage": wants_usage})

    assert text_of(chunks) == ANSWER
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in chunks}) == 1
    counted = [chunk for chunk in chunks if chunk.usage is not None]
    assert counted == (chunks[-1:] if wants_usage else [])


@pytest.mark.parametrize("is_stream", [False, True])
def test_tokens_read_from_the_cache_and_written_to_it_are_recorded_and_paid_for(
    gateway: GatewayProcess, is_stream: bool
) -> None:
    body = {"model": "only/text", "stream": is_stream, "messages": [{"role": "user", "content": "hi"}]}

    reply = gateway.chat(body)

    record = gateway.record(reply.headers["x-request-id"])
    assert (record.outcome, record.usage, record.cost_nano_usd) == ("ok", USED, COST_NANO_USD)


@pytest.mark.parametrize(
    ("model", "reason"),
    [("text", "stop"), ("length", "length"), ("refusal", "content_filter"), ("tools", "tool_calls")],
)
def test_an_answer_ends_for_the_same_reason_streamed_or_not(client: OpenAI, model: str, reason: str) -> None:
    whole = ask(client, f"only/{model}", tools=TOOLS)
    chunks = streamed(client, f"only/{model}", tools=TOOLS)

    assert whole.choices[0].finish_reason == reason
    assert chunks[-1].choices[0].finish_reason == reason


@pytest.mark.parametrize("is_stream", [False, True])
def test_an_agent_goes_once_round_its_loop(client: OpenAI, server: AnthropicServer, is_stream: bool) -> None:
    """The client's own reading of the answer goes back with the results; the strict server takes it."""
    messages: list[Any] = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "weather?"}]
    if is_stream:
        with client.chat.completions.stream(model="only/tools", messages=messages, tools=TOOLS) as stream:
            said = stream.get_final_completion().choices[0].message
    else:
        said = ask(client, "only/tools", messages=messages, tools=TOOLS).choices[0].message
    assert said.tool_calls is not None
    results = [{"role": "tool", "tool_call_id": call.id, "content": "sunny"} for call in said.tool_calls]

    answer = ask(client, "only/text", messages=[*messages, said, *results], tools=TOOLS)

    calls = [call["function"]["arguments"] for call in said.model_dump()["tool_calls"]]
    assert [json.loads(arguments) for arguments in calls] == [{"city": "Zürich"}, {}]
    assert answer.choices[0].message.content == ANSWER
    blocks = [[block["type"] for block in turn["content"]] for turn in server.received[-1].body["messages"]]
    assert blocks == [["text"], ["text", "tool_use", "tool_use"], ["tool_result", "tool_result"]]


def test_thinking_goes_back_signed(client: OpenAI, server: AnthropicServer) -> None:
    said = ask(client, "only/thinking").choices[0].message
    hello = {"role": "user", "content": "hi"}

    ask(client, "only/text", messages=[hello, said.model_dump(exclude_none=True), hello])

    [_, turn, _] = server.received[-1].body["messages"]
    assert turn["content"][0] == {"type": "thinking", "thinking": "Let me see.", "signature": "signed"}


def test_what_a_client_may_ask_for_is_taken_by_the_strict_server(client: OpenAI, server: AnthropicServer) -> None:
    pixel = f"data:image/png;base64,{base64.b64encode(b'png').decode()}"
    schema = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}

    ask(
        client,
        "only/text",
        messages=[
            {"role": "developer", "content": "be brief"},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": pixel}}]},
            {"role": "user", "content": "what is it?"},
            {"role": "assistant", "content": "It is "},
        ],
        tools=TOOLS,
        tool_choice={"type": "function", "function": {"name": "now"}},
        parallel_tool_calls=False,
        temperature=1.5,
        top_p=0.9,
        stop=["END"],
        user="u",
        max_completion_tokens=64,
        reasoning_effort="low",
        response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": schema}},
        seed=7,
    )

    body = server.received[-1].body
    assert body["tool_choice"] == {"type": "tool", "name": "now", "disable_parallel_tool_use": True}
    assert body["output_config"] == {"effort": "low", "format": {"type": "json_schema", "schema": schema}}
    assert body["max_tokens"] == 64


@pytest.mark.parametrize(
    ("model", "error", "code"),
    [
        ("error-invalid_request_error", openai.BadRequestError, "upstream_rejected"),
        ("spend-limit", openai.InternalServerError, "upstream_quota"),
        ("rate-limit:7", openai.RateLimitError, "upstream_rate_limit"),
    ],
)
@pytest.mark.parametrize("is_stream", [False, True])
def test_an_error_of_the_only_deployment_is_told_in_openais_words(
    client: OpenAI, model: str, error: type[openai.APIStatusError], code: str, is_stream: bool
) -> None:
    with pytest.raises(error) as caught:
        ask(client, f"only/{model}", stream=is_stream)

    assert caught.value.code == code
    assert KEY not in caught.value.message
    assert (CANARY in caught.value.message) == (code == "upstream_rejected")
    assert caught.value.response.headers.get("retry-after") == ("7" if code == "upstream_rate_limit" else None)


def test_a_field_without_counterpart_is_refused_by_name(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, "only/text", logprobs=True)

    assert (caught.value.param, caught.value.code) == ("logprobs", "upstream_rejected")


@pytest.mark.parametrize("model", ["error-permission_error", "cut:1", "overloaded:2"])
def test_what_fails_before_the_answer_begins_is_mended_out_of_the_clients_sight(
    gateway: GatewayProcess, model: str
) -> None:
    body = {"model": f"first/{model}", "stream": True, "messages": [{"role": "user", "content": "hi"}]}

    reply = gateway.chat(body)

    record = gateway.record(reply.headers["x-request-id"])
    assert reply.body.endswith(b"data: [DONE]\n\n")
    assert [attempt.outcome for attempt in record.attempts] == ["failed", "ok"]
    assert record.deployment == "only-text"


@pytest.mark.parametrize(
    ("model", "code"), [("overloaded:5", "upstream_overloaded"), ("cut:5", "upstream_interrupted")]
)
def test_what_fails_later_ends_the_stream_with_an_error_and_what_was_used_is_recorded(
    gateway: GatewayProcess, model: str, code: str
) -> None:
    body = {"model": f"only/{model}", "stream": True, "messages": [{"role": "user", "content": "hi"}]}

    reply = gateway.chat(body)

    record = gateway.record(reply.headers["x-request-id"])
    *chunks, error = [json.loads(line[6:]) for line in reply.body.splitlines() if line.startswith(b"data: ")]
    assert [chunk["choices"][0]["delta"].get("content") for chunk in chunks] == ["", "It is s", "unny in"]
    assert error["error"]["code"] == record.error_code == code
    assert record.outcome == "interrupted"
    assert record.usage is not None
    assert (record.usage.input_tokens, record.usage.estimated) == (127, True)


@pytest.mark.parametrize("model", ["overloaded:5", "cut:5"])
def test_the_client_raises_in_mid_stream(client: OpenAI, model: str) -> None:
    chunks = iter(ask(client, f"only/{model}", stream=True))
    begun = next(chunks)

    with pytest.raises(openai.APIError):
        list(chunks)

    assert begun.choices[0].delta.role == "assistant"


def test_a_message_begun_twice_is_an_error(client: OpenAI) -> None:
    with pytest.raises(openai.APIError) as caught:
        streamed(client, "only/twice")

    assert caught.value.code == "upstream_interrupted"


def test_a_stream_without_its_last_event_is_whole(client: OpenAI) -> None:
    assert text_of(streamed(client, "only/unstopped")) == ANSWER


def test_the_key_goes_to_the_upstream_and_nowhere_else(gateway: GatewayProcess, server: AnthropicServer) -> None:
    reply = gateway.chat({"model": "only/text", "messages": [{"role": "user", "content": "hi"}]})

    assert server.received[-1].headers["x-api-key"] == KEY
    assert KEY.encode() not in reply.body
    assert KEY not in str(reply.headers)
    assert KEY not in gateway.log()
