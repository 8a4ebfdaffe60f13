"""How an answer is sent: one reply with a Content-Length, or server-sent events in a chunked body."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from gateway.providers.scripted.answers import Answer, chunks, completion, content_chunk, plain_answer
from gateway.providers.scripted.request import ChatRequest
from gateway.providers.scripted.script import Json, Script, Step, http_chunk, http_head, http_reply

SSE_HEAD = http_head(
    200,
    {
        "Content-Type": "text/event-stream; charset=utf-8",
        "Cache-Control": "no-cache",
        "Transfer-Encoding": "chunked",
    },
)


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event as it goes on the wire, blank line included, and the tokens it carries."""

    data: bytes
    tokens: int = 0


DONE = Event(b"data: [DONE]\n\n")


def event(payload: Json, tokens: int = 0) -> Event:
    return Event(b"data: " + orjson.dumps(payload) + b"\n\n", tokens)


def events(request: ChatRequest, answer: Answer | None = None) -> tuple[Event, ...]:
    """A whole, healthy stream, `[DONE]` included."""
    story = chunks(request, answer or plain_answer(request))
    return (*(event(part.payload, part.tokens) for part in story), DONE)


def stream_steps(parts: Sequence[Event], *, gap_s: float = 0.0) -> tuple[Step, ...]:
    """The head, then one write per event, `gap_s` between two. The body is left open: see `closed`."""
    steps = [Step(http_chunk(part.data), part.tokens, gap_s if number else 0.0) for number, part in enumerate(parts)]
    return (Step(SSE_HEAD), *steps)


def closed(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The same steps, the last of them with the end of the chunked body."""
    *others, last = steps
    return (*others, Step(last.data + b"0\r\n\r\n", last.tokens, last.wait_s))


def streamed(request: ChatRequest, parts: Sequence[Event], *, gap_s: float = 0.0) -> Script:
    """A stream whose HTTP body ends as it should, whatever its events say."""
    return scripted(request, closed(stream_steps(parts, gap_s=gap_s)))


def repeated(request: ChatRequest, piece: str, count: int, *, gap_s: float = 0.0) -> Script:
    """A stream whose content is `piece`, `count` times over; one step serves for all of them."""
    part = content_chunk(request, piece)
    step = Step(http_chunk(event(part.payload).data), part.tokens, gap_s)
    first, *rest = chunks(request, Answer(extra_tokens=count * part.tokens))
    ending = stream_steps([*(event(last.payload) for last in rest), DONE])[1:]
    return scripted(request, closed((*stream_steps([event(first.payload)]), *[step] * count, *ending)))


def replied(request: ChatRequest, payload: Json, tokens: int) -> Script:
    """An answer that is not streamed: one write."""
    return scripted(request, (Step(http_reply(orjson.dumps(payload)), tokens),))


def scripted(request: ChatRequest, steps: tuple[Step, ...]) -> Script:
    """A script billed to the request's model; the ledger gets at most 200 characters of the name."""
    return Script(steps=steps, model=request.model[:200], stream=request.stream, prompt_tokens=request.prompt_tokens)


def answered(request: ChatRequest, answer: Answer | None = None) -> Script:
    """The healthy script, streamed or not as the request wants it."""
    if request.stream:
        return streamed(request, events(request, answer))
    answer = answer or plain_answer(request)
    return replied(request, completion(request, answer), answer.completion_tokens)
