"""Ways in which a streamed answer goes wrong, or is merely unusual.

Each function takes the request and the fault's parameters, and returns the script. Counts are of server-sent
events, the role chunk included. Those that are not `stream_only` in the table serve other requests too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import orjson

from gateway.providers.scripted.answers import (
    Answer,
    Chunk,
    ToolCall,
    chunk,
    chunks,
    completion,
    content_chunk,
    plain_answer,
    tool_call_chunks,
    usage,
    words,
)
from gateway.providers.scripted.delivery import (
    DONE,
    SSE_HEAD,
    Event,
    answered,
    closed,
    event,
    events,
    repeated,
    scripted,
    stream_steps,
    streamed,
)
from gateway.providers.scripted.request import ChatRequest
from gateway.providers.scripted.script import (
    SETTLE_S,
    Json,
    Script,
    Step,
    after,
    error_body,
    http_chunk,
    http_head,
    http_reply,
)

_COMMENT = b": scripted keep-alive\n\n"
_SERVER_ERROR = error_body("The scripted server had an error while it processed your request.", "server_error")


def reset(request: ChatRequest, count: int) -> Script:
    steps = _first_part(request, count) if count else ()
    ending = Step(b"", wait_s=SETTLE_S if count else 0.0)
    return replace(scripted(request, (*steps, ending)), ending="reset", outcome="cut")


def hangup(request: ChatRequest, count: int) -> Script:
    return replace(scripted(request, _first_part(request, count)), ending="close", outcome="cut")


def cut(request: ChatRequest, count: int) -> Script:
    if not request.stream:
        return hangup(request, count)
    return replace(streamed(request, events(request)[:count]), outcome="cut")


def stall(request: ChatRequest, count: int) -> Script:
    steps = stream_steps(events(request)[:count]) if request.stream else ()
    return replace(scripted(request, steps), ending="hang")


def comment_stall(request: ChatRequest, count: int, gap_ms: int) -> Script:
    comment = Step(http_chunk(_COMMENT), wait_s=gap_ms / 1000)
    steps = (*stream_steps(events(request)[:count]), *[comment] * 10_000)
    return replace(scripted(request, steps), ending="hang")


def slow_chunks(request: ChatRequest, gap_ms: int) -> Script:
    return streamed(request, events(request), gap_s=gap_ms / 1000)


def pause(request: ChatRequest, count: int, pause_ms: int) -> Script:
    steps = answered(request).steps
    return scripted(request, (*steps[: count + 1], *after(steps[count + 1 :] or (Step(b""),), pause_ms / 1000)))


def drip(request: ChatRequest, gap_ms: int) -> Script:
    data = b"".join(part.data for part in events(request))
    drops = [Step(http_chunk(data[at : at + 1]), wait_s=gap_ms / 1000) for at in range(len(data))]
    return _billed_at_the_end(request, (Step(SSE_HEAD), *drops))


def many_chunks(request: ChatRequest, count: int, gap_ms: int) -> Script:
    if not request.stream:
        return answered(request, Answer(pieces=("chunk ",) * count))
    return repeated(request, "chunk ", count, gap_s=gap_ms / 1000)


def malformed(request: ChatRequest, nth: int) -> Script:
    if not request.stream:
        body = orjson.dumps(completion(request, plain_answer(request)))
        return replace(scripted(request, (Step(http_reply(body[: len(body) // 2])),)), outcome="error")
    broken = _change_nth(request, nth, lambda data: data[: len(data) // 2] + b"\n\n")
    return replace(streamed(request, broken), outcome="error")


def bad_utf8(request: ChatRequest, nth: int) -> Script:
    broken = _change_nth(request, nth, lambda data: data.replace(b'"model":"', b'"model":"\xff\xfe', 1))
    return replace(streamed(request, broken), outcome="error")


def error_in_stream(request: ChatRequest, nth: int) -> Script:
    error = Event(b"data: " + _SERVER_ERROR + b"\n\n")
    return replace(streamed(request, (*events(request)[: max(0, nth - 1)], error)), outcome="error")


def error_event(request: ChatRequest, nth: int) -> Script:
    error = Event(b"event: error\ndata: " + _SERVER_ERROR + b"\n\n")
    return replace(streamed(request, (*events(request)[: max(0, nth - 1)], error)), outcome="error")


def missing_done(request: ChatRequest) -> Script:
    return streamed(request, events(request)[:-1])


def no_finish(request: ChatRequest) -> Script:
    story = [part for part in chunks(request, plain_answer(request)) if not _finishes(part)]
    return streamed(request, (*_encoded(story), DONE))


def crlf(request: ChatRequest) -> Script:
    return streamed(request, _changed(events(request), lambda data: data.replace(b"\n", b"\r\n")))


def cr(request: ChatRequest) -> Script:
    return streamed(request, _changed(events(request), lambda data: data.replace(b"\n", b"\r")))


def bom(request: ChatRequest) -> Script:
    return streamed(request, _change_nth(request, 1, lambda data: b"\xef\xbb\xbf" + data))


def comments(request: ChatRequest) -> Script:
    return streamed(request, _changed(events(request), lambda data: _COMMENT + data))


def no_space(request: ChatRequest) -> Script:
    return streamed(request, _changed(events(request), lambda data: data.replace(b"data: ", b"data:", 1)))


def multi_line(request: ChatRequest) -> Script:
    """Every JSON text on two `data:` lines; a parser joins them with a line feed, which JSON allows there."""
    return streamed(
        request, _changed(events(request), lambda data: data.replace(b',"object"', b'\ndata: ,"object"', 1))
    )


def no_blank_line(request: ChatRequest) -> Script:
    return streamed(request, (*events(request)[:-1], Event(b"data: [DONE]")))


def split(request: ChatRequest) -> Script:
    """Pieces of seven bytes, each an HTTP chunk: some cut through an event, some through a code point."""
    answer = Answer(
        pieces=words(f"Ein Stück Text 🙂🙂🙂 naïve 日本語: scripted by {request.model}, no model was called.")
    )
    data = b"".join(part.data for part in events(request, answer))
    return _billed_at_the_end(
        request,
        (Step(SSE_HEAD), *(Step(http_chunk(data[at : at + 7])) for at in range(0, len(data), 7))),
        answer,
    )


def huge_event(request: ChatRequest, size_mb: int) -> Script:
    answer = Answer(pieces=("x" * (min(size_mb, 256) << 20),))
    return streamed(request, events(request, answer))


def azure(request: ChatRequest) -> Script:
    """Azure's opening: a chunk without choices that carries the prompt's content filter results."""
    opening = {**chunk(request, {}), "choices": [], "prompt_filter_results": [{"prompt_index": 0}]}
    return streamed(request, (event(opening), *events(request)))


def usage_in_last(request: ChatRequest) -> Script:
    """The usage rides in the finish chunk, asked for or not, and has no chunk of its own."""
    answer = plain_answer(request)
    story = chunks(replace(request, include_usage=False), answer)
    last = Chunk({**story[-1].payload, "usage": usage(request, answer)})
    return streamed(request, (*_encoded([*story[:-1], last]), DONE))


def usage_early(request: ChatRequest) -> Script:
    """Running usage in every chunk, as some servers do; the true total is the last one."""
    answer = plain_answer(request)
    story: list[Chunk] = []
    for part in chunks(replace(request, include_usage=False), answer):
        spoken = sum(earlier.tokens for earlier in story) + part.tokens
        running = {
            **usage(request, answer),
            "completion_tokens": spoken,
            "total_tokens": request.prompt_tokens + spoken,
        }
        story.append(Chunk({**part.payload, "usage": running}, part.tokens))
    return streamed(request, (*_encoded(story), DONE))


def after_finish(request: ChatRequest) -> Script:
    late = content_chunk(request, "late ")
    return streamed(request, (*events(request)[:-1], event(late.payload), DONE))


def after_done(request: ChatRequest) -> Script:
    late = content_chunk(request, "late ")
    return streamed(request, (*events(request), event(late.payload)))


def tools_interleaved(request: ChatRequest) -> Script:
    """Two tool calls whose deltas take turns."""
    pair = [tool_call_chunks(request, index, call) for index, call in enumerate(_two_calls(request))]
    deltas = [part for both in zip(*pair, strict=True) for part in both]
    return _with_deltas(request, _two_calls(request), deltas)


def tools_no_index(request: ChatRequest) -> Script:
    """A tool call whose deltas lack the `index` that the format requires."""
    call = _two_calls(request)[0]
    arguments = "".join(call.arguments)
    delta: Json = {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}
    billed = sum(part.tokens for part in tool_call_chunks(request, 0, call))
    return _with_deltas(request, (call,), [Chunk(chunk(request, {"tool_calls": [delta]}), billed)])


def _first_part(request: ChatRequest, count: int) -> tuple[Step, ...]:
    """The head and `count` events; without `stream` the head and half of the body that it promises."""
    if request.stream:
        return stream_steps(events(request)[:count])
    body = orjson.dumps(completion(request, plain_answer(request)))
    head = http_head(200, {"Content-Type": "application/json", "Content-Length": str(len(body))})
    return (Step(head + body[: len(body) // 2]),)


def _with_deltas(request: ChatRequest, calls: tuple[ToolCall, ...], deltas: Iterable[Chunk]) -> Script:
    """A stream of the deltas of these tool calls, between the usual opening and ending."""
    healthy = chunks(request, Answer(tool_calls=calls, finish_reason="tool_calls"))
    ending = [part for part in healthy if _finishes(part) or not part.payload["choices"]]
    return streamed(request, (*_encoded([healthy[0], *deltas, *ending]), DONE))


def _two_calls(request: ChatRequest) -> tuple[ToolCall, ToolCall]:
    name = request.tool_name or "scripted_tool"
    first = ToolCall(id="call_scripted_0", name=name, arguments=('{"call"', ":0}"))
    return first, replace(first, id="call_scripted_1", arguments=('{"call"', ":1}"))


def _billed_at_the_end(request: ChatRequest, steps: tuple[Step, ...], answer: Answer | None = None) -> Script:
    """For writes that do not coincide with events: the last one carries all completion tokens."""
    tokens = (answer or plain_answer(request)).completion_tokens
    *others, last = closed(steps)
    return scripted(request, (*others, replace(last, tokens=tokens)))


def _finishes(part: Chunk) -> bool:
    choices = part.payload["choices"]
    return isinstance(choices, list) and bool(choices) and choices[0]["finish_reason"] is not None


def _encoded(story: Iterable[Chunk]) -> tuple[Event, ...]:
    return tuple(event(part.payload, part.tokens) for part in story)


def _changed(parts: Iterable[Event], change: Callable[[bytes], bytes]) -> tuple[Event, ...]:
    return tuple(Event(change(part.data), part.tokens) for part in parts)


def _change_nth(request: ChatRequest, nth: int, change: Callable[[bytes], bytes]) -> tuple[Event, ...]:
    """The healthy stream with its nth event changed, counted from 1."""
    return tuple(
        Event(change(part.data), part.tokens) if number == nth else part
        for number, part in enumerate(events(request), start=1)
    )
