"""The table of scripted models: each name's script, read without a network."""

from __future__ import annotations

import gzip
from typing import Any

import orjson
import pytest

from gateway.providers.scripted import faults
from gateway.providers.scripted.faults import FAULTS, Fault, describe, script_for
from gateway.providers.scripted.reply_faults import CANARY
from gateway.providers.scripted.request import ChatRequest, InvalidRequestError
from gateway.providers.scripted.script import Script, Turns

QUICK = {"gzip-bomb": "gzip-bomb:1", "huge": "huge:1", "huge-event": "huge-event:1"}


def played(model: str, *, stream: bool = False, include_usage: bool = False) -> Script:
    found = script_for(ChatRequest(model=model, stream=stream, include_usage=include_usage, prompt_tokens=10))
    return found.script(0) if isinstance(found, Turns) else found


def wire(script: Script) -> tuple[bytes, bytes]:
    """The head and the raw body that follows it."""
    head, _, body = b"".join(step.data for step in script.steps).partition(b"\r\n\r\n")
    return head, body


def status(script: Script) -> int:
    return int(script.steps[0].data.split(b" ", 2)[1])


def pieces(script: Script) -> list[bytes]:
    """The chunks of a chunked body, a closing one of length zero included."""
    _, rest = wire(script)
    found = []
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        found.append(rest[: int(size, 16)])
        rest = rest[int(size, 16) + 2 :]
    return found


def sse(script: Script) -> bytes:
    return b"".join(pieces(script))


def payloads(script: Script) -> list[Any]:
    """The JSON texts of a stream, `[DONE]` left out."""
    lines = [line.removeprefix(b"data: ") for line in sse(script).split(b"\n") if line.startswith(b"data: ")]
    return [orjson.loads(line) for line in lines if line != b"[DONE]"]


def deltas(script: Script) -> list[Any]:
    return [payload["choices"][0]["delta"] for payload in payloads(script) if payload["choices"]]


def body(script: Script) -> Any:
    return orjson.loads(wire(script)[1])


@pytest.mark.parametrize("row", FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.parametrize("stream", [False, True])
def test_every_row_has_a_script_that_is_the_same_each_time(row: Fault, stream: bool) -> None:
    model = QUICK.get(row.name, row.name)
    request = ChatRequest(model=model, stream=stream)

    assert script_for(request) == script_for(request)
    assert played(model, stream=stream).model == model


def test_the_docstring_and_the_description_name_every_row() -> None:
    documented = (faults.__doc__ or "").replace(
        "error-400 … error-529", " ".join(n for n in FAULTS if n[:6] == "error-")
    )

    assert [name for name in FAULTS if name not in documented] == []
    assert [name for name in FAULTS if name not in describe()] == []


def test_a_name_in_no_row_is_answered_normally() -> None:
    assert body(played("gpt-4o"))["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("model", ["error-503", "scripted-error-503", "openai/scripted-error-503"])
def test_a_prefix_does_not_hide_the_row(model: str) -> None:
    assert status(played(model)) == 503


@pytest.mark.parametrize("model", ["slow:soon", "slow:1:2", "slow:-1", "json:1", "rate-limit:1\r\nX-Evil: 1", "slow:"])
def test_parameters_that_do_not_fit_are_refused(model: str) -> None:
    with pytest.raises(InvalidRequestError, match="do not fit"):
        script_for(ChatRequest(model=model))


@pytest.mark.parametrize(
    ("model", "expected", "code"),
    [
        ("error-500", 500, None),
        ("error-529", 529, None),
        ("error-401", 401, "invalid_api_key"),
        ("not-found", 404, "model_not_found"),
        ("quota", 429, "insufficient_quota"),
        ("spend-limit", 400, "enforced_spend_limit_reached"),
        ("context-overflow", 400, "context_length_exceeded"),
        ("content-filter", 400, "content_filter"),
        ("error-in-body", 200, "provider_error"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal_has_its_status_and_all_four_keys_and_bills_nothing(
    model: str, expected: int, code: str | None, stream: bool
) -> None:
    script = played(model, stream=stream)

    assert status(script) == expected
    assert set(body(script)["error"]) == {"message", "type", "param", "code"}
    assert body(script)["error"]["code"] == code
    assert (script.outcome, script.prompt_tokens, script.completion_tokens) == ("error", 0, 0)


@pytest.mark.parametrize("model", ["error-401", "error-403"])
def test_a_refused_key_is_quoted_in_the_body(model: str) -> None:
    assert CANARY in body(played(model))["error"]["message"]


@pytest.mark.parametrize(
    ("model", "header"),
    [
        ("rate-limit", b"Retry-After: 1"),
        ("rate-limit:30", b"Retry-After: 30"),
        ("rate-limit:-5", b"Retry-After: -5"),
        ("rate-limit:nan", b"Retry-After: nan"),
        ("rate-limit:date", b"Retry-After: Wed, 21 Oct 2099 07:28:00 GMT"),
        ("rate-limit-ms:250", b"Retry-After-Ms: 250"),
        ("redirect:302", b"Location: /redirected/chat/completions"),
        ("html", b"Content-Type: text/html; charset=utf-8"),
        ("empty", b"Content-Length: 0"),
        ("wrong-type", b"Content-Type: text/plain"),
    ],
)
def test_a_header_tells_the_story(model: str, header: bytes) -> None:
    head, _ = wire(played(model))

    assert header in head.split(b"\r\n")


def test_a_rate_limit_is_a_429_that_bills_nothing() -> None:
    script = played("rate-limit:30")

    assert (status(script), script.outcome, script.prompt_tokens) == (429, "error", 0)


def test_a_flaky_model_fails_every_nth_call() -> None:
    found = script_for(ChatRequest(model="flaky:3"))

    assert isinstance(found, Turns)
    assert [status(found.script(call)) for call in range(6)] == [200, 200, 500, 200, 200, 500]


@pytest.mark.parametrize(("model", "failures"), [("error-once", 1), ("error-first:2", 2), ("error-first:0", 0)])
def test_an_error_first_model_recovers_for_good(model: str, failures: int) -> None:
    found = script_for(ChatRequest(model=model))

    assert isinstance(found, Turns)
    assert [status(found.script(call)) for call in range(4)] == [500] * failures + [200] * (4 - failures)


@pytest.mark.parametrize("model", ["reset:2", "hangup:2", "cut:2", "stall:2", "comment-stall:2:50"])
def test_a_stream_that_breaks_off_has_n_events_before_that(model: str) -> None:
    script = played(model, stream=True)

    assert [part["choices"][0]["finish_reason"] for part in payloads(script)] == [None, None]
    assert b"[DONE]" not in sse(script)


def test_a_reset_before_the_first_chunk_writes_nothing() -> None:
    script = played("reset:0", stream=True)

    assert wire(script) == (b"", b"")
    assert script.ending == "reset"


@pytest.mark.parametrize("model", ["reset", "hangup", "cut", "wrong-length"])
def test_a_reply_that_breaks_off_is_shorter_than_its_content_length(model: str) -> None:
    head, sent = wire(played(model))

    promised = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
    assert 0 < len(sent) < promised


def test_a_cut_stream_ends_its_http_body_properly_and_a_hangup_does_not() -> None:
    assert pieces(played("cut:2", stream=True))[-1] == b""
    assert pieces(played("hangup:2", stream=True))[-1] != b""


def test_a_slow_model_waits_before_its_first_byte() -> None:
    for stream in (False, True):
        assert [step.wait_s for step in played("slow:250", stream=stream).steps][:2] in ([0.25], [0.25, 0.0])


def test_slow_chunks_wait_between_events() -> None:
    waits = [step.wait_s for step in played("slow-chunks:50", stream=True).steps]

    assert waits == [0, 0, *[0.05] * (len(waits) - 2)]


def test_a_pause_falls_after_n_events_and_the_stream_goes_on() -> None:
    script = played("pause:2:700", stream=True)

    assert [number for number, step in enumerate(script.steps) if step.wait_s == 0.7] == [3]
    assert sse(script).endswith(b"data: [DONE]\n\n")


def test_a_dripping_stream_sends_one_byte_at_a_time() -> None:
    script = played("drip:100", stream=True)

    assert {len(piece) for piece in pieces(script)[:-1]} == {1}
    assert sse(script).endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("stream", [False, True])
def test_a_chunks_model_says_n_words(stream: bool) -> None:
    script = played("chunks:7", stream=stream)

    said = (
        "".join(delta.get("content", "") for delta in deltas(script))
        if stream
        else body(script)["choices"][0]["message"]["content"]
    )
    assert said == "chunk " * 7


@pytest.mark.parametrize("model", ["chunks:7", "huge:1", "split", "drip:1", "tools", "usage-in-last", "cached", "json"])
def test_the_tokens_billed_are_the_tokens_reported(model: str) -> None:
    streamed = played(model, stream=True, include_usage=True)
    replied = played(model)

    last_usage = [payload["usage"] for payload in payloads(streamed) if payload.get("usage")][-1]
    assert last_usage["completion_tokens"] == streamed.completion_tokens
    assert body(replied)["usage"]["completion_tokens"] == replied.completion_tokens


def test_a_huge_answer_has_n_megabytes() -> None:
    content = body(played("huge:2"))["choices"][0]["message"]["content"]

    assert len(content) == 2 << 20


def test_a_gzip_bomb_inflates_to_a_completion_of_n_megabytes() -> None:
    _, packed = wire(played("gzip-bomb:2"))

    content = orjson.loads(gzip.decompress(packed))["choices"][0]["message"]["content"]
    assert len(content) == 2 << 20
    assert len(packed) < 20_000


def test_usage_can_be_missing_although_it_is_billed() -> None:
    streamed = played("missing-usage", stream=True, include_usage=True)

    assert "usage" not in body(played("missing-usage"))
    assert not any("usage" in payload for payload in payloads(streamed))
    assert streamed.completion_tokens > 0


def test_cached_tokens_are_half_of_the_prompt() -> None:
    assert body(played("cached"))["usage"]["prompt_tokens_details"]["cached_tokens"] == 5


def test_malformed_json_is_in_the_nth_event_only() -> None:
    lines = sse(played("malformed:2", stream=True)).split(b"\n\n")

    assert orjson.loads(lines[0].removeprefix(b"data: "))
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(lines[1].removeprefix(b"data: "))
    with pytest.raises(orjson.JSONDecodeError):
        body(played("malformed"))


def test_bad_utf8_is_in_the_nth_event_only() -> None:
    lines = sse(played("bad-utf8:3", stream=True)).split(b"\n\n")

    assert [number for number, line in enumerate(lines, start=1) if b"\xff\xfe" in line] == [3]


def test_line_ends_are_those_of_the_name() -> None:
    assert b"\n" not in sse(played("cr", stream=True))
    crlf = sse(played("crlf", stream=True))
    assert crlf.count(b"\r\n") == crlf.count(b"\n") == crlf.count(b"\r")


def test_a_split_stream_cuts_through_a_code_point_and_loses_nothing() -> None:
    script = played("split", stream=True)

    def is_whole(piece: bytes) -> bool:
        return piece.decode("utf-8", "ignore").encode() == piece

    assert not all(is_whole(piece) for piece in pieces(script))
    assert "🙂🙂🙂" in "".join(delta.get("content", "") for delta in deltas(script))


@pytest.mark.parametrize(
    ("model", "mark"),
    [
        ("bom", b"\xef\xbb\xbfdata: {"),
        ("comments", b": scripted keep-alive\n\ndata: {"),
        ("no-space", b"data:{"),
        ("multi-line", b'"\ndata: ,"object"'),
        ("error-event:1", b'event: error\ndata: {"error"'),
        ("error-in-stream:1", b'data: {"error"'),
    ],
)
def test_a_stream_opens_as_its_name_says(model: str, mark: bytes) -> None:
    assert mark in sse(played(model, stream=True))[:120]


@pytest.mark.parametrize(
    ("model", "end"),
    [
        ("no-blank-line", b"\n\ndata: [DONE]"),
        ("missing-done", b'"finish_reason":"stop"}]}\n\n'),
        ("after-finish", b'"finish_reason":null}]}\n\ndata: [DONE]\n\n'),
        ("after-done", b'"finish_reason":null}]}\n\n'),
        ("error-in-stream:3", b'"code":null}}\n\n'),
    ],
)
def test_a_stream_ends_as_its_name_says(model: str, end: bytes) -> None:
    assert sse(played(model, stream=True)).endswith(end)


def test_no_chunk_has_a_finish_reason_without_finish() -> None:
    script = played("no-finish", stream=True)

    assert {payload["choices"][0]["finish_reason"] for payload in payloads(script)} == {None}
    assert sse(script).endswith(b"data: [DONE]\n\n")


def test_azure_opens_with_a_chunk_without_choices() -> None:
    assert payloads(played("azure", stream=True))[0]["choices"] == []


def test_early_usage_runs_up_to_the_total() -> None:
    script = played("usage-early", stream=True)

    running = [payload["usage"]["completion_tokens"] for payload in payloads(script)]
    assert running == sorted(running)
    assert running[-1] == script.completion_tokens


def test_interleaved_tool_calls_take_turns() -> None:
    calls = [
        delta["tool_calls"][0] for delta in deltas(played("tools-interleaved", stream=True)) if "tool_calls" in delta
    ]

    assert [call["index"] for call in calls] == [0, 1, 0, 1, 0, 1]


def test_a_tool_call_can_lack_its_index() -> None:
    calls = [delta["tool_calls"][0] for delta in deltas(played("tools-no-index", stream=True)) if "tool_calls" in delta]

    assert [sorted(call) for call in calls] == [["function", "id", "type"]]


def test_a_finish_reason_can_be_named() -> None:
    assert body(played("finish:content_filter"))["choices"][0]["finish_reason"] == "content_filter"


def test_prose_ignores_the_schema_asked_for() -> None:
    found = script_for(ChatRequest(model="prose", json_schema={}))

    assert isinstance(found, Script)
    assert body(found)["choices"][0]["message"]["content"].startswith("This is a scripted answer")


def test_choices_and_message_can_be_missing() -> None:
    assert body(played("no-choices"))["choices"] == []
    assert body(played("null-message"))["choices"][0]["message"] is None
