"""What the scripted upstream says when nothing goes wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from gateway.providers.scripted.answers import (
    Answer,
    chunks,
    completion,
    instance_of,
    plain_answer,
    tool_answer,
    words,
)
from gateway.providers.scripted.delivery import answered
from gateway.providers.scripted.request import (
    ChatRequest,
    InvalidRequestError,
    deployment_in,
    parse_chat_request,
)

SMALL = ChatRequest(model="scripted-small")


def request_body(**fields: object) -> bytes:
    return orjson.dumps({"model": "scripted-small", "messages": [{"role": "user", "content": "secret"}], **fields})


def choice(payload: Any) -> Any:
    return payload["choices"][0]


def test_an_answer_says_that_it_is_scripted_and_repeats_nothing_of_the_prompt() -> None:
    script = answered(parse_chat_request(request_body()))

    reply = script.steps[0].data
    assert b"This is a scripted answer from scripted-small; no language model was called." in reply
    assert b"secret" not in reply


@pytest.mark.parametrize("stream", [False, True])
def test_equal_requests_get_equal_bytes(stream: bool) -> None:
    body = request_body(stream=stream, stream_options={"include_usage": True})

    assert answered(parse_chat_request(body)) == answered(parse_chat_request(body))


def test_the_large_model_says_more_than_the_small_one() -> None:
    large = plain_answer(ChatRequest(model="scripted-large"))

    assert large.completion_tokens > plain_answer(SMALL).completion_tokens


def test_a_stream_says_word_by_word_what_the_completion_says_at_once() -> None:
    answer = plain_answer(SMALL)

    deltas = [choice(part.payload)["delta"] for part in chunks(SMALL, answer)]

    assert deltas[0]["role"] == "assistant"
    said = "".join(delta.get("content", "") for delta in deltas)
    assert said == choice(completion(SMALL, answer))["message"]["content"]


@pytest.mark.parametrize("answer", [plain_answer(SMALL), tool_answer(SMALL), Answer()])
def test_a_streams_tokens_add_up_to_the_usage(answer: Answer) -> None:
    usage: Any = completion(SMALL, answer)["usage"]

    assert sum(part.tokens for part in chunks(SMALL, answer)) == usage["completion_tokens"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_usage_comes_last_and_only_when_asked_for() -> None:
    asked = [part.payload for part in chunks(replace(SMALL, include_usage=True), plain_answer(SMALL))]
    unasked = [part.payload for part in chunks(SMALL, plain_answer(SMALL))]

    assert asked[-1]["choices"] == []
    assert asked[-1]["usage"]
    assert all(payload["usage"] is None for payload in asked[:-1])
    assert not any("usage" in payload for payload in unasked)
    assert choice(unasked[-1])["finish_reason"] == "stop"


def test_logprobs_list_the_tokens_of_the_content() -> None:
    request = replace(SMALL, logprobs=True)

    logprobs = choice(completion(request, plain_answer(request)))["logprobs"]

    said = "".join(token["token"] for token in logprobs["content"])
    assert said == "".join(plain_answer(request).pieces)


def test_a_tool_answer_calls_the_first_tool_offered() -> None:
    body = request_body(tools=[{"type": "function", "function": {"name": "lookup"}}])
    request = parse_chat_request(body)

    answer = choice(completion(request, tool_answer(request)))

    call = answer["message"]["tool_calls"][0]
    assert answer["finish_reason"] == "tool_calls"
    assert answer["message"]["content"] is None
    assert call["function"]["name"] == "lookup"
    assert orjson.loads(call["function"]["arguments"]) == {"scripted": True}


def test_a_schema_is_answered_with_what_it_requires() -> None:
    schema = {
        "type": "object",
        "required": ["city", "days"],
        "properties": {
            "city": {"type": "string"},
            "days": {"type": "array", "items": {"type": "integer"}},
            "unit": {"enum": ["C", "F"]},
        },
    }
    body = request_body(response_format={"type": "json_schema", "json_schema": {"name": "w", "schema": schema}})

    content = "".join(plain_answer(parse_chat_request(body)).pieces)

    assert orjson.loads(content) == {"city": "scripted", "days": []}


def test_json_mode_is_answered_with_a_json_object() -> None:
    request = parse_chat_request(request_body(response_format={"type": "json_object"}))

    assert orjson.loads("".join(plain_answer(request).pieces))["scripted"] is True


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"enum": ["a", "b"]}, "a"),
        ({"const": 7}, 7),
        ({"type": "boolean"}, True),
        ({"type": "odd"}, {}),
        ({}, {}),
    ],
)
def test_the_simplest_value_follows_its_schema(schema: dict[str, object], value: object) -> None:
    assert instance_of(schema) == value


def test_words_keep_every_space() -> None:
    text = "two  spaces and an end "

    assert "".join(words(text)) == text


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{", None),
        (b"[]", None),
        (b'{"messages": []}', "model"),
        (b'{"model": 1, "messages": []}', "model"),
        (b'{"model": "m"}', "messages"),
    ],
)
def test_a_body_that_is_no_chat_request_is_refused_by_parameter(body: bytes, param: str | None) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_chat_request(body)

    assert caught.value.param == param


def test_fields_of_the_wrong_type_are_ignored() -> None:
    body = request_body(stream="yes", stream_options=1, response_format=[], tools=[None], max_tokens=0)

    request = parse_chat_request(body)

    assert request == replace(SMALL, prompt_tokens=request.prompt_tokens)


def test_prompt_tokens_are_a_quarter_of_the_body_bytes() -> None:
    body = request_body()

    assert parse_chat_request(body).prompt_tokens == len(body) // 4


def test_an_azure_path_names_the_model_where_the_body_does_not() -> None:
    deployment = deployment_in(b"/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21")

    assert parse_chat_request(b'{"messages": []}', deployment=deployment).model == "gpt-4o"
