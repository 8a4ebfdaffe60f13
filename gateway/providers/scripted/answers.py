"""What the scripted upstream says when nothing goes wrong: completions and chunks in OpenAI's wire format.

Every answer is a pure function of the request: no clock, no counter, no dice, so that equal requests get
equal bytes. It says in plain words that it is scripted, and repeats nothing of the prompt.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from gateway.providers.scripted.request import ChatRequest
from gateway.providers.scripted.script import Json

CREATED = 1_700_000_000
"""The `created` of every answer (Unix seconds); a constant, see the module's docstring."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A function call, its JSON arguments in the pieces in which they are streamed."""

    id: str
    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the model says, independent of how it is sent.

    pieces          streamed one by one; joined they are the content
    extra_tokens    billed for content that is too long to be held here
    """

    pieces: tuple[str, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str = "stop"
    cached_tokens: int = 0
    extra_tokens: int = 0

    @property
    def completion_tokens(self) -> int:
        calls = (call.name + "".join(call.arguments) for call in self.tool_calls)
        return self.extra_tokens + sum(map(count_tokens, self.pieces)) + sum(map(count_tokens, calls))


@dataclass(frozen=True, slots=True)
class Chunk:
    """One `chat.completion.chunk` and the completion tokens it carries."""

    payload: Json
    tokens: int = 0


def count_tokens(text: str) -> int:
    """Stand-in for a tokenizer: one token for a word, one more for every four characters."""
    return 1 + len(text) // 4


def words(text: str) -> tuple[str, ...]:
    """`text` in pieces, each with the space that follows it."""
    *heads, last = text.split(" ")
    return (*(f"{head} " for head in heads), last)


def plain_answer(request: ChatRequest) -> Answer:
    """Prose, or a JSON object where the request asks for one. A model called large says one sentence more."""
    if request.json_schema is not None:
        return json_answer(request)
    text = f"This is a scripted answer from {request.model}; no language model was called."
    if "large" in request.model:
        text += " It stands in for a larger model, so it takes a sentence more to say that."
    return Answer(pieces=words(text))


def json_answer(request: ChatRequest) -> Answer:
    """A JSON object with what the request's schema requires; without a schema it says that it is scripted."""
    schema = request.json_schema or {}
    value = (
        instance_of(schema) if schema else {"scripted": True, "model": request.model, "answer": "No model was called."}
    )
    return Answer(pieces=words(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()))


def tool_answer(request: ChatRequest) -> Answer:
    """A call of the first function that the request offers."""
    call = ToolCall(
        id="call_scripted_0", name=request.tool_name or "scripted_tool", arguments=('{"scripted"', ":true}")
    )
    return Answer(tool_calls=(call,), finish_reason="tool_calls")


def instance_of(schema: Mapping[str, object]) -> object:
    """The simplest value that follows a JSON schema; knows type, enum, const, properties and required."""
    options = schema.get("enum")
    if isinstance(options, list) and options:
        return options[0]
    properties = schema.get("properties")
    if isinstance(properties, dict):
        required = schema.get("required")
        names = required if isinstance(required, list) else list(properties)
        return {name: instance_of(part) for name, part in properties.items() if name in names}
    simplest: Json = {
        "string": "scripted",
        "integer": 0,
        "number": 0,
        "boolean": True,
        "null": None,
        "array": [],
    }
    kind = schema.get("type")
    return schema.get("const", simplest.get(kind, {}) if isinstance(kind, str) else {})


def usage(request: ChatRequest, answer: Answer) -> Json:
    tokens = answer.completion_tokens
    return {
        "prompt_tokens": request.prompt_tokens,
        "completion_tokens": tokens,
        "total_tokens": request.prompt_tokens + tokens,
        "prompt_tokens_details": {"cached_tokens": answer.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def completion(request: ChatRequest, answer: Answer) -> Json:
    """The body of an answer that is not streamed."""
    message: Json = {"role": "assistant", "content": "".join(answer.pieces) or None, "refusal": None}
    if answer.tool_calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": "".join(call.arguments)},
            }
            for call in answer.tool_calls
        ]
    choice: Json = {
        "index": 0,
        "message": message,
        "logprobs": _logprobs(request, answer.pieces),
        "finish_reason": answer.finish_reason,
    }
    return {**_envelope(request, "chat.completion"), "choices": [choice], "usage": usage(request, answer)}


def chunks(request: ChatRequest, answer: Answer) -> list[Chunk]:
    """A stream's chunks: role, content word by word, tool calls, finish, and the usage where asked for."""
    story = [Chunk(chunk(request, {"role": "assistant", "content": "", "refusal": None}))]
    story += [content_chunk(request, piece) for piece in answer.pieces]
    for index, call in enumerate(answer.tool_calls):
        story += tool_call_chunks(request, index, call)
    story.append(Chunk(chunk(request, {}, finish_reason=answer.finish_reason)))
    if request.include_usage:
        story.append(
            Chunk(
                {
                    **_envelope(request, "chat.completion.chunk"),
                    "choices": [],
                    "usage": usage(request, answer),
                }
            )
        )
    return story


def chunk(request: ChatRequest, delta: Json, *, finish_reason: str | None = None, pieces: Sequence[str] = ()) -> Json:
    """One `chat.completion.chunk`. `pieces` are the tokens for its logprobs, where the request wants them."""
    choice: Json = {
        "index": 0,
        "delta": delta,
        "logprobs": _logprobs(request, pieces) if pieces else None,
        "finish_reason": finish_reason,
    }
    payload = {**_envelope(request, "chat.completion.chunk"), "choices": [choice]}
    return {**payload, "usage": None} if request.include_usage else payload


def content_chunk(request: ChatRequest, piece: str) -> Chunk:
    return Chunk(chunk(request, {"content": piece}, pieces=(piece,)), count_tokens(piece))


def tool_call_chunks(request: ChatRequest, index: int, call: ToolCall) -> list[Chunk]:
    """A tool call as OpenAI streams it: id and name first, which bills it all, then the arguments."""
    first: Json = {
        "index": index,
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": ""},
    }
    rest: list[Json] = [{"index": index, "function": {"arguments": part}} for part in call.arguments]
    billed = count_tokens(call.name + "".join(call.arguments))
    return [
        Chunk(chunk(request, {"tool_calls": [delta]}), billed if number == 0 else 0)
        for number, delta in enumerate((first, *rest))
    ]


def _envelope(request: ChatRequest, kind: str) -> Json:
    return {
        "id": f"chatcmpl-scripted-{zlib.crc32(request.model.encode()):08x}",
        "object": kind,
        "created": CREATED,
        "model": request.model,
        "system_fingerprint": "fp_scripted",
    }


def _logprobs(request: ChatRequest, pieces: Sequence[str]) -> Json | None:
    if not request.logprobs:
        return None
    tokens = [{"token": piece, "logprob": -0.01, "bytes": list(piece.encode()), "top_logprobs": []} for piece in pieces]
    return {"content": tokens, "refusal": None}
