import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.answer import Answer, ToolCall
from gateway.domain.chat_answer import answer_of, streamed_answer


def _body(message: dict[str, Any], **choice: Any) -> bytes:
    return json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop", **choice}]}).encode()


def _events(*deltas: dict[str, Any], finish_reason: str | None = "stop") -> bytes:
    chunks = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish_reason}]})
    return b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks) + b"data: [DONE]\n\n"


def test_the_first_choice_is_the_answer() -> None:
    body = json.dumps(
        {"choices": [{"index": 1, "message": {"content": "b"}}, {"index": 0, "message": {"content": "a"}}]}
    )

    assert answer_of(body.encode()).text == "a"


def test_text_refusal_tools_finish_reason_and_log_probability_are_read() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "look_up", "arguments": '{"id": 1}'}}
    logprobs = {"content": [{"token": "x", "logprob": -1.0}, {"token": "y", "logprob": -3.0}]}

    answer = answer_of(_body({"content": "Hi", "refusal": "no", "tool_calls": [call]}, logprobs=logprobs))

    assert answer == Answer(
        text="Hi",
        finish_reason="stop",
        tool_calls=(ToolCall(name="look_up", arguments='{"id": 1}'),),
        refusal="no",
        logprob=-2.0,
    )


def test_content_in_parts_is_joined() -> None:
    assert answer_of(_body({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]})).text == "ab"


def test_a_stream_is_put_together() -> None:
    first = {"index": 0, "id": "c1", "function": {"name": "look_up", "arguments": ""}}
    other = {"index": 1, "id": "c2", "function": {"name": "send", "arguments": "{}"}}
    more = [{"index": 0, "function": {"arguments": piece}} for piece in ('{"id"', ": 1}")]

    texts = [{"content": "He"}, {"content": "llo"}]
    calls = [{"tool_calls": [first]}, {"tool_calls": [other, more[0]]}, {"tool_calls": [more[1]]}]

    answer = streamed_answer(_events(*texts, *calls))

    assert answer.text == "Hello"
    assert answer.finish_reason == "stop"
    assert answer.tool_calls == (
        ToolCall(name="look_up", arguments='{"id": 1}'),
        ToolCall(name="send", arguments="{}"),
    )


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"choices": null}', b'{"choices": []}', b"\xff"])
def test_what_cannot_be_read_is_an_empty_answer(body: bytes) -> None:
    assert answer_of(body) == Answer(text="")


@given(st.binary(max_size=300))
def test_no_bytes_make_it_fail(data: bytes) -> None:
    assert isinstance(streamed_answer(b"data: " + data), Answer)
    assert isinstance(answer_of(data), Answer)
