"""TGI's own wire format, `/generate` and `/generate_stream`: chat requests into prompts, answers into OpenAI's shape.

Source: the OpenAPI document of huggingface/text-generation-inference.
"""

import time
from collections.abc import Mapping
from typing import Any, Final

import orjson
from msgspec import Struct

from gateway.domain.errors import UpstreamRejectedError
from gateway.domain.policy import Deployment
from gateway.domain.request import ChatRequest
from gateway.domain.usage import Usage

_TAKEN: Final = frozenset({
    "frequency_penalty", "max_completion_tokens", "max_tokens", "messages", "metadata", "model", "n", "seed", "stop",
    "store", "stream", "stream_options", "temperature", "top_p", "user",
})  # fmt: skip
_SAME_NAME: Final = ("frequency_penalty", "seed", "temperature", "top_p")
_NEUTRAL: Final[Mapping[str, float]] = {"temperature": 0, "top_p": 1}
"""Values OpenAI takes and TGI refuses, though they are what it does by itself."""
_SPEAKERS: Final = {"user": "User", "assistant": "Assistant", "tool": "Tool"}
_FINISHED: Final = {"eos_token": "stop", "stop_sequence": "stop", "length": "length"}


class Token(Struct):
    text: str
    special: bool = False


class Details(Struct):
    """`input_length` comes with a stream only; elsewhere the header `x-prompt-tokens` says it."""

    finish_reason: str
    generated_tokens: int
    input_length: int | None = None


class Generated(Struct):
    generated_text: str
    details: Details | None = None


class StreamEvent(Struct):
    token: Token | None = None
    details: Details | None = None
    error: str | None = None


def body_of(deployment: Deployment, request: ChatRequest) -> bytes:
    """Raises UpstreamRejectedError for what a model that only continues text cannot do."""
    payload = request.payload
    for name, value in payload.items():
        if name not in _TAKEN or (name == "n" and value not in {None, 1}):
            raise UpstreamRejectedError(
                f"deployment {deployment.name!r} takes no field {name[:64]!r}; leave it out", status=400, param=name
            )
    parameters: dict[str, Any] = {
        name: payload[name]
        for name in _SAME_NAME
        if payload.get(name) is not None and payload[name] != _NEUTRAL.get(name)
    }
    if request.max_output_tokens is not None:
        parameters["max_new_tokens"] = request.max_output_tokens
    if stops := stops_of(request):
        parameters["stop"] = stops
    return orjson.dumps({"inputs": prompt_of(request), "parameters": {**parameters, "details": True}})


def stops_of(request: ChatRequest) -> list[str]:
    stop = request.payload.get("stop")
    return [stop] if isinstance(stop, str) else list(stop or ())


def prompt_of(request: ChatRequest) -> str:
    """One question is asked as it stands; a conversation is written down with its speakers, for the model to go on."""
    system = [message.text for message in request.messages if message.role == "system"]
    turns = [message for message in request.messages if message.role != "system"]
    if len(turns) == 1:
        return "\n\n".join([*system, turns[0].text])
    lines = [f"{_SPEAKERS[message.role]}: {message.text}" for message in turns]
    return "\n\n".join([*system, "\n".join([*lines, "Assistant:"])])


def usage_of(details: Details | None, prompt_tokens: int | None) -> Usage | None:
    if details is None or prompt_tokens is None:
        return None
    return Usage(input_tokens=prompt_tokens, output_tokens=details.generated_tokens)


def finish_reason(details: Details | None) -> str:
    return _FINISHED.get(details.finish_reason, "stop") if details else "stop"


def completion(name: str, model: str, text: str, details: Details | None, usage: Usage | None) -> bytes:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": finish_reason(details)}
    return orjson.dumps(_head(name, model, "chat.completion") | {"choices": [choice]} | _wire_usage(usage))


def chunk(name: str, model: str, delta: Mapping[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return _event(_head(name, model, "chat.completion.chunk") | {"choices": [choice]})


def usage_chunk(name: str, model: str, usage: Usage) -> bytes:
    return _event(_head(name, model, "chat.completion.chunk") | {"choices": []} | _wire_usage(usage))


def _head(name: str, model: str, kind: str) -> dict[str, Any]:
    return {"id": name, "object": kind, "created": int(time.time()), "model": model}


def _wire_usage(usage: Usage | None) -> dict[str, Any]:
    if usage is None:
        return {}
    total = usage.input_tokens + usage.output_tokens
    return {
        "usage": {"prompt_tokens": usage.input_tokens, "completion_tokens": usage.output_tokens, "total_tokens": total}
    }


def _event(payload: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(payload) + b"\n\n"
