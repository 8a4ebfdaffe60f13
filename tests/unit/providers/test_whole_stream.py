"""A whole answer told as a stream, and whose answers are."""

import re
from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from gateway.domain.chat_answer import answer_of, streamed_answer
from gateway.domain.errors import UpstreamInvalidAnswerError
from gateway.domain.policy import Timeouts
from gateway.domain.request import ChatRequest
from gateway.domain.usage import Usage
from gateway.ports import Completion
from gateway.providers.sse import DONE
from gateway.providers.whole_stream import UNSTREAMED, Unstreamed, WholeStream, WholeStreamProvider, with_streams
from tests.builders import a_deployment, a_request
from tests.fakes import Answers, FakeProvider, Streams
from tests.virtual_time import run

USED = Usage(input_tokens=21, output_tokens=5)
USAGE = {"prompt_tokens": 21, "completion_tokens": 5, "total_tokens": 26}
CALLS = [
    {"id": f"call_{at}", "type": "function", "function": {"name": name, "arguments": "{}"}}
    for at, name in enumerate(("weather", "now"))
]
TITAN = UNSTREAMED["bedrock"]


def a_body(*messages: dict[str, Any], finish: str | None = "stop", **fields: Any) -> bytes:
    choices = [{"index": at, "message": message, "finish_reason": finish} for at, message in enumerate(messages)]
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1_790_000_000, "model": "titan"}
    return orjson.dumps({**head, "choices": choices, **fields})


def said(text: str | None = "Rain in Oslo.", **fields: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **fields}


def a_stream(body: bytes, *, wants_usage: bool = True, usage: Usage | None = USED) -> WholeStream:
    return WholeStream("small-a", Completion(body=body, usage=usage), wants_usage=wants_usage)


def events_of(stream: WholeStream) -> list[bytes]:
    async def read() -> list[bytes]:
        return [event async for event in stream]

    return run(read())


def chunks_of(body: bytes, *, wants_usage: bool = True) -> list[dict[str, Any]]:
    *chunks, done = events_of(a_stream(body, wants_usage=wants_usage))
    assert done == DONE
    return [orjson.loads(chunk.removeprefix(b"data: ")) for chunk in chunks]


def deltas_of(chunks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [choice["delta"] for chunk in chunks for choice in chunk["choices"]]


def test_a_text_is_one_chunk_then_the_finish_reason_then_the_usage() -> None:
    text, end, usage = chunks_of(a_body(said(), usage=USAGE))

    assert text["choices"][0]["delta"] == {"role": "assistant", "content": "Rain in Oslo."}
    assert (text["choices"][0]["finish_reason"], text["usage"]) == (None, None)
    assert (end["choices"][0]["delta"], end["choices"][0]["finish_reason"]) == ({}, "stop")
    assert (usage["choices"], usage["usage"]) == ([], USAGE)


def test_every_chunk_is_of_the_same_answer() -> None:
    chunks = chunks_of(a_body(said(), usage=USAGE))

    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert {(chunk["id"], chunk["created"], chunk["model"]) for chunk in chunks} == {
        ("chatcmpl-1", 1_790_000_000, "titan")
    }


def test_usage_nobody_asked_for_is_counted_and_not_shown() -> None:
    stream = a_stream(a_body(said(), usage=USAGE), wants_usage=False)

    assert b"usage" not in b"".join(events_of(stream))
    assert stream.usage == USED


def test_calls_of_tools_are_numbered_and_nothing_is_said_with_them() -> None:
    chunks = chunks_of(a_body(said(None, tool_calls=CALLS), finish="tool_calls"), wants_usage=False)

    opening, *calls, end = deltas_of(chunks)
    assert (opening, end) == ({"role": "assistant"}, {})
    assert [call["tool_calls"] for call in calls] == [[{**call, "index": at}] for at, call in enumerate(CALLS)]
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_what_else_a_message_says_is_told_too() -> None:
    opening, *_ = deltas_of(chunks_of(a_body(said(None, refusal="No.", reasoning_content="Hm."))))

    assert opening == {"role": "assistant", "refusal": "No.", "reasoning_content": "Hm."}


def test_each_choice_has_its_own_chunks() -> None:
    chunks = chunks_of(a_body(said("a"), said("b")), wants_usage=False)

    assert [chunk["choices"][0]["index"] for chunk in chunks] == [0, 0, 1, 1]


def test_an_answer_that_does_not_say_why_it_ends_has_come_to_its_end() -> None:
    assert chunks_of(a_body(said(), finish=None))[-1]["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("message", [said(), said(None, tool_calls=CALLS), said(None, refusal="No.")])
def test_put_together_again_it_is_the_whole_answer(message: dict[str, Any]) -> None:
    body = a_body(message)

    assert streamed_answer(b"".join(events_of(a_stream(body)))) == answer_of(body)


def test_without_usage_the_tokens_are_estimated_from_what_was_said() -> None:
    stream = a_stream(a_body(said("word " * 100)), usage=None)

    assert stream.usage is None
    assert 100 <= stream.output_events <= 150


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"{}", b'{"choices": [1]}', a_body(), a_body(said(tool_calls=["weather"])), b"\xff"],
    ids=["html", "no choices", "odd choices", "empty choices", "odd calls", "no text"],
)
def test_what_is_no_answer_is_no_stream(body: bytes) -> None:
    with pytest.raises(UpstreamInvalidAnswerError):
        a_stream(body)


def streaming() -> ChatRequest:
    request = a_request()
    payload = {**request.payload, "stream": True, "stream_options": {"include_usage": True}, "stop": ["END"]}
    return replace(request, payload=payload, stream=True, wants_usage=True)


def test_the_provider_is_asked_for_a_whole_answer_without_a_word_of_streams() -> None:
    beneath = FakeProvider(Answers(body=a_body(said(), usage=USAGE), usage=USED))
    provider = WholeStreamProvider(beneath, Unstreamed(why="it has none"))

    stream = run(provider.stream(a_deployment(), streaming(), Timeouts()))

    (asked,) = beneath.requests
    assert asked.payload.keys() == {"model", "messages", "stop"}
    assert not asked.stream
    assert isinstance(stream, WholeStream)
    assert len(events_of(stream)) == 4


def test_a_client_that_says_it_wants_no_stream_is_not_quoted_either() -> None:
    beneath = FakeProvider(Answers(body=a_body(said())))
    provider = WholeStreamProvider(beneath, Unstreamed(why="it has none"))
    request = a_request()

    run(provider.complete(a_deployment(), replace(request, payload={**request.payload, "stream": False}), Timeouts()))

    assert "stream" not in beneath.requests[0].payload


def test_models_that_stream_are_left_to_the_provider() -> None:
    beneath = FakeProvider(Streams())
    request = streaming()

    stream = run(WholeStreamProvider(beneath, TITAN).stream(a_deployment(model="eu.claude"), request, Timeouts()))

    assert stream is beneath.streams[0]
    assert beneath.requests == [request]


@pytest.mark.parametrize(
    ("model", "is_unstreamed"),
    [
        ("amazon.titan-text-express-v1", True),
        ("invoke/amazon.titan-text-lite-v1", True),
        ("us.amazon.titan-text-premier-v1:0", True),
        ("converse/amazon.titan-text-express-v1", False),
        ("amazon.nova-lite-v1:0", False),
        ("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", False),
    ],
)
def test_of_bedrocks_models_titan_alone_has_no_stream_and_only_outside_converse(
    model: str, is_unstreamed: bool
) -> None:
    assert (re.fullmatch(TITAN.models, model) is not None) == is_unstreamed


def test_a_provider_that_streams_all_its_models_stays_as_it_is() -> None:
    beneath = FakeProvider()

    assert with_streams("openai", beneath) is beneath


def test_closing_closes_the_provider_beneath() -> None:
    beneath = FakeProvider()

    run(with_streams("gpt4all", beneath).aclose())

    assert beneath.closings == 1
