"""A Messages stream becomes the same chunks however it is framed and wherever the wire cuts it."""

import contextlib
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk

from gateway.domain.errors import (
    UpstreamError,
    UpstreamInterruptedError,
    UpstreamInvalidAnswerError,
    UpstreamOverloadedError,
    UpstreamRateLimitError,
)
from gateway.domain.usage import Usage
from gateway.providers.anthropic_stream import MessageEvents
from gateway.providers.sse import DONE, MAX_EVENT_BYTES
from gateway.providers.sse_framing import data_of, split_events


def event(kind: str, **fields: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps({"type": kind, **fields}))


def block(index: int, kind: str, *deltas: dict[str, Any], **begun: Any) -> bytes:
    """A whole block: its start, its deltas, its stop."""
    start = event("content_block_start", index=index, content_block={"type": kind, **begun})
    grown = [event("content_block_delta", index=index, delta=delta) for delta in deltas]
    return start + b"".join(grown) + event("content_block_stop", index=index)


def words(text: str) -> dict[str, Any]:
    return {"type": "text_delta", "text": text}


def json_piece(text: str) -> dict[str, Any]:
    return {"type": "input_json_delta", "partial_json": text}


def ended(stop_reason: str | None = "end_turn", output_tokens: int | None = 9, **delta: Any) -> bytes:
    usage = {} if output_tokens is None else {"usage": {"output_tokens": output_tokens}}
    return event("message_delta", delta={"stop_reason": stop_reason, "stop_sequence": None, **delta}, **usage)


START = event(
    "message_start",
    message={
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [],
        "stop_reason": None,
        "usage": {"input_tokens": 7, "cache_read_input_tokens": 5, "output_tokens": 1},
    },
)
PING = event("ping")
STOP = event("message_stop")
HELLO = block(0, "text", words("héllo"), words(" 🙂"), text="")
CALLS = (
    block(1, "tool_use", json_piece(""), json_piece('{"city":'), json_piece('"Oslo"}'), id="t1", name="f", input={})
    + block(2, "tool_use", json_piece(""), id="t2", name="g", input={})
    + block(3, "tool_use", id="t3", name="h", input={"a": 1})
)
THOUGHT = block(
    0,
    "thinking",
    {"type": "thinking_delta", "thinking": "h"},
    {"type": "thinking_delta", "thinking": "m"},
    {"type": "signature_delta", "signature": "s"},
    thinking="",
    signature="",
)
FULL = START + PING + HELLO + CALLS + ended("tool_use") + STOP
PLAIN = (
    START
    + PING
    + block(0, "text", words("héllo 🙂"))
    + block(1, "tool_use", json_piece('{"a":'), json_piece("1}"), id="t", name="f")
    + ended("tool_use")
    + STOP
)
COUNTED = Usage(input_tokens=12, output_tokens=9, cached_input_tokens=5)

FRAMINGS = {
    "LF": PLAIN,
    "CR LF": PLAIN.replace(b"\n", b"\r\n"),
    "CR": PLAIN.replace(b"\n", b"\r"),
    "byte order mark": b"\xef\xbb\xbf" + PLAIN,
    "comments": b": hi\n\n" + PLAIN.replace(b"event: ping\n", b": c\nevent: ping\n"),
    "several data lines": PLAIN.replace(b',"index"', b'\ndata: ,"index"'),
    "no space": PLAIN.replace(b"data: ", b"data:").replace(b"event: ", b"event:"),
    "no event names": PLAIN.replace(b"event: ", b"x: "),
    "no blank line at the end": PLAIN[:-1],
}
framings = pytest.mark.parametrize("stream", FRAMINGS.values(), ids=FRAMINGS.keys())


def read(*pieces: bytes, wants_usage: bool = True) -> tuple[bytes, MessageEvents]:
    """Feed the pieces as the provider does, and end the stream."""
    events = MessageEvents("d", created_s=1_790_000_000.9, wants_usage=wants_usage)
    out = []
    for piece in pieces:
        if events.is_done:
            break
        out.append(events.feed(piece))
    return b"".join(out) + events.end(), events


def chunks(out: bytes) -> list[ChatCompletionChunk]:
    """The chunks as the official client reads them, strictly; `[DONE]` is the last event, and the only one."""
    *events, last = [data for raw in split_events(out)[0] if (data := data_of(raw)) is not None]
    assert last == b"[DONE]"
    return [ChatCompletionChunk.model_validate_json(data, strict=True) for data in events]


def deltas(out: bytes) -> list[dict[str, Any]]:
    return [choice.delta.model_dump(exclude_none=True) for chunk in chunks(out) for choice in chunk.choices]


def without_comments(out: bytes) -> list[bytes]:
    return [raw for raw in split_events(out)[0] if not raw.startswith(b":")]


EXPECTED = read(PLAIN)[0]
WHOLE = read(FULL)[0]


def test_a_stream_of_text_and_calls_becomes_chunks_in_order() -> None:
    assert deltas(WHOLE) == [
        {"role": "assistant", "content": ""},
        {"content": "héllo"},
        {"content": " 🙂"},
        {"tool_calls": [{"index": 0, "id": "t1", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"city":'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '"Oslo"}'}}]},
        {"tool_calls": [{"index": 1, "id": "t2", "type": "function", "function": {"name": "g", "arguments": ""}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]},
        {"tool_calls": [{"index": 2, "id": "t3", "type": "function", "function": {"name": "h", "arguments": ""}}]},
        {"tool_calls": [{"index": 2, "function": {"arguments": '{"a":1}'}}]},
        {},
    ]


def test_id_time_and_model_are_the_same_in_every_chunk() -> None:
    heads = {(chunk.id, chunk.created, chunk.model, chunk.object) for chunk in chunks(WHOLE)}

    assert heads == {("msg_1", 1_790_000_000, "claude", "chat.completion.chunk")}


def test_only_the_last_choice_has_a_finish_reason() -> None:
    reasons = [choice.finish_reason for chunk in chunks(WHOLE) for choice in chunk.choices]

    assert reasons == [*[None] * (len(reasons) - 1), "tool_calls"]


def test_usage_is_the_last_chunk_and_the_only_one_for_who_asked() -> None:
    *others, last = chunks(WHOLE)

    assert (last.choices, [chunk.usage for chunk in others]) == ([], [None] * len(others))
    assert last.usage is not None
    assert (last.usage.prompt_tokens, last.usage.completion_tokens, last.usage.total_tokens) == (12, 9, 21)
    assert last.usage.prompt_tokens_details is not None
    assert last.usage.prompt_tokens_details.cached_tokens == 5


def test_usage_is_hidden_from_who_did_not_ask_and_known_all_the_same() -> None:
    out, events = read(FULL, wants_usage=False)

    assert b'"usage"' not in out
    assert events.usage == COUNTED
    assert deltas(out) == deltas(WHOLE)


@framings
def test_framing_changes_nothing(stream: bytes) -> None:
    out, events = read(stream)

    assert without_comments(out) == without_comments(EXPECTED)
    assert events.usage == COUNTED


@framings
def test_a_stream_survives_a_cut_at_every_byte(stream: bytes) -> None:
    for at in range(1, len(stream)):
        assert without_comments(read(stream[:at], stream[at:])[0]) == without_comments(EXPECTED), at


@framings
def test_a_stream_survives_single_bytes(stream: bytes) -> None:
    out, events = read(*(stream[at : at + 1] for at in range(len(stream))))

    assert without_comments(out) == without_comments(EXPECTED)
    assert events.output_events == 4


@settings(max_examples=150, deadline=None)
@given(framing=st.sampled_from(list(FRAMINGS)), cuts=st.sets(st.integers(1, len(PLAIN)), max_size=12))
def test_no_way_of_cutting_a_stream_changes_what_it_says(framing: str, cuts: set[int]) -> None:
    stream = FRAMINGS[framing]
    edges = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]

    out, events = read(*(stream[start:end] for start, end in pairwise(edges)))

    assert without_comments(out) == without_comments(EXPECTED)
    assert events.usage == COUNTED


@settings(max_examples=150, deadline=None)
@given(at=st.integers(0, PLAIN.index(b"event: message_delta")))
def test_a_stream_that_ends_early_is_an_interruption_and_what_left_before_is_a_prefix(at: int) -> None:
    events = MessageEvents("d", created_s=1_790_000_000.9, wants_usage=True)

    out = events.feed(PLAIN[:at])

    assert EXPECTED.startswith(out)
    with pytest.raises(UpstreamInterruptedError):
        events.end()


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.binary(max_size=40)
        | st.sampled_from([b"data: ", b"\r\n\r\n", b"\n\n", b"\r", b"{", START, PING, HELLO, CALLS, STOP, ended()]),
        max_size=8,
    )
)
def test_noise_is_chunks_or_an_upstream_error(pieces: list[bytes]) -> None:
    with contextlib.suppress(UpstreamError):
        assert chunks(read(*pieces)[0])


def test_nothing_is_shown_before_the_answer_begins() -> None:
    events = MessageEvents("d", created_s=0.0, wants_usage=True)

    assert events.feed(b": hello\n\n" + START + PING + HELLO[: HELLO.index(b"event: content_block_delta")]) == b""
    assert events.feed(block(0, "text", words("x"))).startswith(b"data: ")


def test_a_ping_within_an_answer_is_a_comment() -> None:
    out, _ = read(START + HELLO + PING + b": upstream's own\n\n" + ended() + STOP)

    assert out.count(b": ping\n\n") == 2
    assert b"own" not in out


def test_thinking_is_shown_as_it_comes_and_once_more_with_its_signature() -> None:
    out, _ = read(START + THOUGHT + block(1, "text", words("Paris")) + ended() + STOP)

    assert deltas(out)[1:-1] == [
        {"reasoning_content": "h"},
        {"reasoning_content": "m"},
        {"thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s"}]},
        {"content": "Paris"},
    ]


def test_hidden_thinking_is_handed_on_as_it_came() -> None:
    out, _ = read(START + block(0, "redacted_thinking", data="x") + ended() + STOP)

    assert deltas(out)[1] == {"thinking_blocks": [{"type": "redacted_thinking", "data": "x"}]}


def test_text_and_thinking_that_a_block_begins_with_are_shown() -> None:
    out, _ = read(START + block(0, "thinking", thinking="hm") + block(1, "text", text="Paris") + ended() + STOP)

    assert {"reasoning_content": "hm"} in deltas(out)
    assert {"content": "Paris"} in deltas(out)


@pytest.mark.parametrize(
    "novelty",
    [
        event("novelty", index=0, delta={"type": "text_delta"}),
        block(7, "novelty", {"type": "novelty_delta"}, content=[1]),
        block(7, "server_tool_use", json_piece('{"a":1}'), id="s", name="web_search", input={}),
        block(7, "text", {"type": "citations_delta", "citation": {}}, text=""),
        event("content_block_stop", index=9),
    ],
)
def test_what_we_do_not_know_is_passed_over(novelty: bytes) -> None:
    assert deltas(read(START + HELLO + novelty + ended() + STOP)[0]) == deltas(read(START + HELLO + ended() + STOP)[0])


def test_blocks_interleaved_keep_the_index_of_their_call() -> None:
    begin: Callable[[int, str], bytes] = lambda index, name: event(  # noqa: E731 (read beside its uses)
        "content_block_start", index=index, content_block={"type": "tool_use", "id": name, "name": name, "input": {}}
    )
    grow: Callable[[int, str], bytes] = lambda index, text: event(  # noqa: E731 (the same)
        "content_block_delta", index=index, delta=json_piece(text)
    )

    out, _ = read(START + begin(5, "a") + begin(8, "b") + grow(8, "{") + grow(5, "[") + ended("tool_use") + STOP)

    calls = [call for delta in deltas(out) for call in delta.get("tool_calls", ())]
    assert [(call["index"], call["function"]["arguments"]) for call in calls] == [(0, ""), (1, ""), (1, "{"), (0, "[")]


def test_a_block_left_open_is_whole_where_the_answer_is() -> None:
    begun = event(
        "content_block_start", index=0, content_block={"type": "tool_use", "id": "t", "name": "f", "input": {}}
    )

    assert deltas(read(START + begun + ended("tool_use") + STOP)[0])[-2] == {
        "tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]
    }


def test_a_refusal_says_why_where_the_api_does() -> None:
    details = {"type": "refusal", "category": None, "explanation": "not that"}

    out, _ = read(START + HELLO + ended("refusal", stop_details=details) + STOP)

    assert deltas(out)[-1] == {"refusal": "not that"}
    assert chunks(out)[-2].choices[0].finish_reason == "content_filter"


@pytest.mark.parametrize("missing", [STOP, STOP[:-1], STOP[:30], b"event: message_st", b"\xff{"])
def test_an_answer_that_gave_its_reason_is_whole_without_its_last_event(missing: bytes) -> None:
    out, events = read(START + HELLO + ended() + missing)

    assert deltas(out) == deltas(read(START + HELLO + ended() + STOP)[0])
    assert events.usage == COUNTED


@pytest.mark.parametrize(("blocks", "reason"), [(HELLO, "stop"), (CALLS, "tool_calls")])
def test_a_stop_without_a_reason_is_an_end_like_any_other(blocks: bytes, reason: str) -> None:
    assert chunks(read(START + blocks + STOP)[0])[-2].choices[0].finish_reason == reason


@pytest.mark.parametrize(
    "more", [HELLO, START, event("error", error={"type": "api_error"}), b"data: {\n\n", PLAIN, ended("refusal")]
)
def test_what_comes_after_the_reason_is_dropped(more: bytes) -> None:
    expected = deltas(read(START + HELLO + ended() + STOP)[0])

    assert deltas(read(START + HELLO + ended() + more + STOP)[0]) == expected
    assert deltas(read(START + HELLO + ended() + STOP + more)[0]) == expected


def test_counts_that_come_after_the_reason_count() -> None:
    _, events = read(START + HELLO + ended(output_tokens=2) + ended(None, output_tokens=9) + STOP)

    assert events.usage == COUNTED


def test_counts_once_given_stay_counted() -> None:
    _, events = read(START + HELLO + ended(output_tokens=9) + event("message_delta", delta={}, usage={}) + STOP)

    assert events.usage == COUNTED


@pytest.mark.parametrize(
    "stream",
    [
        START + START,
        START + HELLO + START,
        HELLO,
        STOP,
        ended(),
        CALLS + START,
        START + event("content_block_delta", index=0, delta=words("x")),
        START + HELLO + event("content_block_delta", index=0, delta=words("x")),
        START + event("content_block_start", index=0),
        START + event("message_delta"),
        START + b"data: {\n\n",
        START + b"data: [1]\n\n",
        START + b'data: {"type":"content_block_stop","index":"x"}\n\n',
        START + b"data: " + b"[" * 5_000 + b"\n\n",
        b"",
        START,
        START + HELLO,
        b"<html></html>",
    ],
)
def test_a_stream_out_of_order_malformed_or_cut_is_an_interruption(stream: bytes) -> None:
    with pytest.raises(UpstreamInterruptedError) as caught:
        read(stream)

    assert "'d'" in caught.value.message


@pytest.mark.parametrize("before", [b"", START, START + HELLO])
@pytest.mark.parametrize(
    ("kind", "error"),
    [("overloaded_error", UpstreamOverloadedError), ("rate_limit_error", UpstreamRateLimitError)],
)
def test_an_error_event_is_the_error_it_names(before: bytes, kind: str, error: type[UpstreamError]) -> None:
    with pytest.raises(UpstreamError) as caught:
        read(before + event("error", error={"type": kind, "message": "secret"}))

    assert type(caught.value) is error
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    "data", [b'{"type":"error"}', b'{"error":{"message":"secret"}}', b'{"type":"error","error":7}']
)
def test_an_error_event_that_names_none_is_an_interruption(data: bytes) -> None:
    with pytest.raises(UpstreamInterruptedError):
        read(START + HELLO + b"data: " + data + b"\n\n")


def test_what_an_answer_cut_short_has_used_is_its_input_and_an_estimate() -> None:
    events = MessageEvents("d", created_s=0.0, wants_usage=False)
    assert events.usage is None

    events.feed(START + HELLO)

    assert events.usage == Usage(input_tokens=12, output_tokens=2, cached_input_tokens=5, estimated=True)


def test_an_answer_without_counts_has_no_usage_chunk() -> None:
    uncounted = event("message_start", message={"id": "msg_1", "model": "claude", "usage": None})

    out, events = read(uncounted + HELLO + ended(output_tokens=None) + STOP)

    assert events.usage is None
    assert all(chunk.choices for chunk in chunks(out))


def test_an_event_without_end_is_refused() -> None:
    with pytest.raises(UpstreamInvalidAnswerError, match="larger than"):
        MessageEvents("d", created_s=0.0, wants_usage=False).feed(b"data: " + b"x" * MAX_EVENT_BYTES)


def test_nothing_follows_done() -> None:
    assert read(PLAIN)[0].endswith(DONE)
    assert read(PLAIN)[0].count(b"[DONE]") == 1
