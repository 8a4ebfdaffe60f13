"""What a model answered, read from OpenAI's chat format: whole, or the events of a stream put together."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import Struct

from gateway.domain.answer import Answer, ToolCall

NOTHING: Final = Answer(text="")


class _Function(Struct):
    name: str | None = None
    arguments: Any = None


class _ToolCall(Struct):
    index: int | None = None
    function: _Function | None = None


class _Said(Struct):
    """A message, or the part of one that an event brings."""

    content: Any = None
    refusal: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Token(Struct):
    logprob: float = 0.0


class _Logprobs(Struct):
    content: list[_Token] | None = None


class _Choice(Struct):
    index: int = 0
    message: _Said | None = None
    delta: _Said | None = None
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


class _Completion(Struct):
    choices: list[_Choice] | None = None


_decode: Final = msgspec.json.Decoder(_Completion).decode


def answer_of(body: bytes) -> Answer:
    """The first choice of a whole answer; an empty answer where there is none to be read."""
    return _joined((body,))


def streamed_answer(events: bytes) -> Answer:
    """The first choice of what has come of a stream, in whole events."""
    payloads = (line[5:].strip() for line in events.splitlines() if line.startswith(b"data:"))
    return _joined(payload for payload in payloads if payload and payload != b"[DONE]")


def _joined(payloads: Iterable[bytes]) -> Answer:
    texts: list[str] = []
    refusals: list[str] = []
    calls: dict[int, list[str]] = {}
    logprobs: list[float] = []
    finish_reason = ""
    for choice in filter(None, map(_first_choice, payloads)):
        finish_reason = choice.finish_reason or finish_reason
        if choice.logprobs is not None:
            logprobs += [token.logprob for token in choice.logprobs.content or ()]
        said = choice.message or choice.delta or _Said()
        texts.append(_text(said.content))
        refusals.append(said.refusal or "")
        _add_calls(calls, said.tool_calls or ())
    return Answer(
        text="".join(texts),
        finish_reason=finish_reason,
        tool_calls=tuple(ToolCall(name=name, arguments=arguments) for name, arguments in calls.values()),
        refusal="".join(refusals),
        logprob=sum(logprobs) / len(logprobs) if logprobs else None,
    )


def _first_choice(payload: bytes) -> _Choice | None:
    try:
        choices = _decode(payload).choices or ()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return next((choice for choice in choices if choice.index == 0), None)


def _text(content: Any) -> str:
    """Of a string, or of an array of parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else ()
    texts = (part.get("text") for part in parts if isinstance(part, dict))
    return "".join(text for text in texts if isinstance(text, str))


def _add_calls(calls: dict[int, list[str]], parts: Iterable[_ToolCall]) -> None:
    """Put the parts of tool calls where they belong: a stream gives each call's name once and its arguments in bits."""
    for place, part in enumerate(parts):
        name, arguments = calls.setdefault(place if part.index is None else part.index, ["", ""])
        function = part.function or _Function()
        given = function.arguments if isinstance(function.arguments, str) else ""
        calls[place if part.index is None else part.index] = [name + (function.name or ""), arguments + given]
