"""What every row of docs/providers.md does, against a server that speaks its provider's wire format."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from gateway.domain.errors import (
    UpstreamConnectError,
    UpstreamInterruptedError,
    UpstreamInvalidAnswerError,
    UpstreamUnavailableError,
)
from gateway.domain.usage import Usage
from tests.conformance.calls import Caller, answering
from tests.conformance.row import MEANING, RETRY_AFTER_S, Failure, Row, Said
from tests.conformance.rows import ROWS
from tests.conformance.upstream import Reply, Upstream

pytestmark = [
    # litellm sets these three filters itself when it is imported; pytest's own, made anew for each test, hide them
    pytest.mark.filterwarnings("ignore:.*conflict with protected namespace"),
    pytest.mark.filterwarnings("ignore:.*Accessing the.*attribute on the instance is deprecated"),
    pytest.mark.filterwarnings("ignore:.*`ReadOnly` qualifier"),
]
SAID = Said()
CALL = Said(calls_tool=True)
COUNTED = Usage(input_tokens=SAID.input_tokens, output_tokens=SAID.output_tokens)

every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
every_row_with_tools = pytest.mark.parametrize(
    "row", [row for row in ROWS if "tools" not in row.lacks], ids=lambda row: row.name
)


@every_row
def test_a_conversation_arrives_as_the_provider_wants_it_and_its_answer_as_openai_would_give_it(
    row: Row, caller: Caller, upstream: Upstream
) -> None:
    asked = answering(upstream, row, row.reply(SAID, stream=False))

    completion = caller.complete(row, upstream.url)

    (heard,) = asked
    answer = orjson.loads(completion.body)
    assert heard.json() == row.body(stream=False)
    assert answer["object"] == "chat.completion"
    assert answer["choices"][0]["message"]["role"] == "assistant"
    assert answer["choices"][0]["message"]["content"] == "".join(SAID.pieces)
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert completion.usage == COUNTED
    assert (answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"]) == (21, 5)


@every_row
def test_a_stream_is_one_chunk_for_each_piece_then_the_finish_reason_the_usage_and_done(
    row: Row, caller: Caller, upstream: Upstream
) -> None:
    asked = answering(upstream, row, row.reply(SAID, stream=True))

    streamed = caller.stream(row, upstream.url)

    (heard,) = asked
    assert heard.json() == row.body(stream=True)
    assert streamed.texts == row.pieces(SAID)
    assert streamed.finish_reasons == ["stop"]
    assert streamed.usage == COUNTED
    assert streamed.is_done
    assert streamed.chunks[-1]["usage"]["completion_tokens"] == 5
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in streamed.chunks}) == 1


@every_row_with_tools
def test_a_tool_is_offered_and_its_call_comes_back(row: Row, caller: Caller, upstream: Upstream) -> None:
    asked = answering(upstream, row, row.api.whole(CALL))

    answer = orjson.loads(caller.complete(row, upstream.url, tool=True).body)

    (heard,) = asked
    (call,) = answer["choices"][0]["message"]["tool_calls"]
    assert heard.json() == row.body(stream=False, tool=True)
    assert answer["choices"][0]["finish_reason"] == "tool_calls"
    assert call["type"] == "function"
    assert call["function"]["name"] == "weather"
    assert orjson.loads(call["function"]["arguments"]) == {"place": "Oslo"}


@every_row_with_tools
def test_a_tools_call_is_streamed(row: Row, caller: Caller, upstream: Upstream) -> None:
    answering(upstream, row, row.reply(CALL, stream=True))

    streamed = caller.stream(row, upstream.url, tool=True)

    parts: list[dict[str, Any]] = [
        part
        for chunk in streamed.chunks
        for choice in chunk["choices"]
        for part in choice["delta"].get("tool_calls") or ()
    ]
    arguments = "".join(part["function"].get("arguments") or "" for part in parts)
    assert [part["function"]["name"] for part in parts if part["function"].get("name")] == ["weather"]
    assert orjson.loads(arguments) == {"place": "Oslo"}
    assert streamed.finish_reasons == ["tool_calls"]


def failures() -> list[Any]:
    return [
        pytest.param(row, kind, streamed, id=f"{row.name}-{kind}-{'stream' if streamed else 'whole'}")
        for row in ROWS
        for kind in MEANING
        for streamed in (False, True)
        if row.api.failure(kind) is not None
    ]


@pytest.mark.parametrize(("row", "kind", "streamed"), failures())
def test_each_error_keeps_its_meaning_its_status_and_when_to_come_back(
    row: Row, kind: Failure, streamed: bool, caller: Caller, upstream: Upstream
) -> None:
    reply = row.api.failure(kind)
    assert reply is not None
    asked = answering(upstream, row, reply)

    error = caller.failure(row, upstream.url, streamed=streamed)

    assert type(error) is MEANING[kind]
    said = reply.status if reply.status != 200 else None
    assert error.status == said or (kind == "unavailable" and error.status in {None, 500})
    assert error.retry_after_s == (RETRY_AFTER_S if kind == "rate_limit" and row.provider != "cohere_chat" else None)
    assert len(asked) == 1
    assert upstream.url not in f"{error.message}{error.detail}"


@every_row
@pytest.mark.parametrize("pieces", [1, -1], ids=["early", "late"])
def test_a_stream_that_is_cut_short_is_interrupted(row: Row, pieces: int, caller: Caller, upstream: Upstream) -> None:
    whole = row.reply(SAID, stream=True)
    if not row.has_stream:
        whole = replace(whole, pieces=tuple(bytes([byte]) for byte in whole.pieces[0]))
    text = whole.pieces[:1] if pieces == 1 else whole.pieces[: _before_the_end(whole)]
    answering(upstream, row, replace(whole, pieces=text, ends="cut"))

    error = caller.failure(row, upstream.url, streamed=True)

    assert type(error) is UpstreamInterruptedError


def _before_the_end(reply: Reply) -> int:
    """How many pieces come before the one that says why the answer ends."""
    ends = (b'finish_reason": "', b"finishReason", b"messageStop", b"message_delta", b"eos_token")
    last = next((at for at, piece in enumerate(reply.pieces) if any(mark in piece for mark in ends)), None)
    return len(reply.pieces) - 1 if last is None else last


@every_row
@pytest.mark.parametrize("body", [b"<html><body>Welcome</body></html>", b""], ids=["html", "empty"])
def test_a_200_that_is_no_answer_is_invalid(row: Row, body: bytes, caller: Caller, upstream: Upstream) -> None:
    answering(upstream, row, Reply(pieces=(body,) if body else (), content_type="text/html"))

    error = caller.failure(row, upstream.url)

    assert type(error) is UpstreamInvalidAnswerError


@every_row
@pytest.mark.parametrize("body", [b"<html><body>Welcome</body></html>", b""], ids=["html", "empty"])
def test_a_200_that_is_no_stream_is_an_error_before_anything_is_passed_on(
    row: Row, body: bytes, caller: Caller, upstream: Upstream
) -> None:
    answering(upstream, row, Reply(pieces=(body,) if body else (), content_type="text/html"))

    error = caller.failure(row, upstream.url, streamed=True)

    assert type(error) in {UpstreamInvalidAnswerError, UpstreamInterruptedError, UpstreamUnavailableError}


@every_row
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
def test_a_connection_reset_before_the_answer_is_one_call_and_interrupted(
    row: Row, streamed: bool, caller: Caller, upstream: Upstream
) -> None:
    """Our own client on a new connection: one that was idle may have been closed long since, and is tried anew."""
    asked = answering(upstream, row, Reply(ends="reset"))
    calling = Caller() if row.is_ours else caller

    error = calling.failure(row, upstream.url, streamed=streamed)

    if calling is not caller:
        calling.close()
    assert type(error) is UpstreamInterruptedError
    assert len(asked) == 1


@every_row
def test_a_server_that_is_not_there_is_a_connect_error(row: Row, caller: Caller, upstream: Upstream) -> None:
    asked = answering(upstream, row, row.api.whole(SAID))

    error = caller.failure(row, "http://127.0.0.1:9")

    assert type(error) is UpstreamConnectError
    assert asked == []
